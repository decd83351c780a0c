//! Logging in with a code, in a browser on any machine (RFC 8628).

use std::time::Duration;

use chancery_log::causes;
use openidconnect::core::{CoreClient, CoreDeviceAuthorizationResponse};
use openidconnect::{AuthType, Scope, TokenResponse as _};

use super::{IdentityToken, LoginError, LoginProvider, require_safe, short};

/// How long somebody may take, if the provider gives them longer.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// What somebody has to open and type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DevicePrompt {
    /// The page to open.
    pub page: String,
    /// The code to type there.
    pub code: String,
    /// The page with the code in it, if the provider has one.
    pub page_with_code: Option<String>,
}

impl DevicePrompt {
    /// Takes what a provider says, whose pages somebody will open.
    fn of(details: &CoreDeviceAuthorizationResponse) -> Result<Self, LoginError> {
        let page = details.verification_uri().as_str();
        let page_with_code = details.verification_uri_complete();
        let page_with_code = page_with_code.map(|page| page.secret().as_str());
        for page in page_with_code.into_iter().chain([page]) {
            require_safe(page)?;
        }
        Ok(Self {
            page: short(page),
            code: short(details.user_code().secret()),
            page_with_code: page_with_code.map(short),
        })
    }
}

impl LoginProvider {
    /// Logs in with a code: `show` tells somebody what to do, and then it is waited for.
    ///
    /// # Errors
    /// [`LoginError::Unsupported`] if the provider has no such login, [`LoginError::Insecure`] if its
    /// page is not to be opened, [`LoginError::Refused`] if it
    /// says no or nobody came in time, [`LoginError::Foreign`] if its token is for somebody else.
    pub async fn by_device(
        &self,
        show: impl FnOnce(&DevicePrompt),
    ) -> Result<IdentityToken, LoginError> {
        let endpoint = &self
            .metadata
            .additional_metadata()
            .device_authorization_endpoint;
        let endpoint = endpoint.clone().ok_or_else(|| LoginError::Unsupported {
            issuer: self.issuer.clone(),
            what: "login by device code",
            instead: "log in with a browser on this machine, or give an identity token",
        })?;
        let client =
            CoreClient::from_provider_metadata(self.metadata.clone(), self.client_id.clone(), None)
                .set_device_authorization_url(endpoint)
                .set_auth_type(AuthType::RequestBody);
        let asked = client
            .exchange_device_code()
            .add_scope(Scope::new("email".to_owned()));
        let details: CoreDeviceAuthorizationResponse = asked
            .request_async(&self.http)
            .await
            .map_err(|error| self.refused(causes(&error)))?;
        show(&DevicePrompt::of(&details)?);
        let polled = client
            .exchange_device_access_token(&details)
            .map_err(|error| self.refused(error.to_string()))?
            .request_async(&self.http, tokio::time::sleep, Some(LONGEST))
            .await;
        let tokens = polled.map_err(|error| self.refused(causes(&error)))?;
        self.verified(tokens.id_token(), None)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn prompt(page: &str, with_code: &str) -> Result<DevicePrompt, LoginError> {
        let answer = json!({
            "device_code": "d", "user_code": "ABCD", "expires_in": 600,
            "verification_uri": page, "verification_uri_complete": with_code,
        });
        DevicePrompt::of(&serde_json::from_value(answer).unwrap())
    }

    #[test]
    fn only_safe_pages_are_shown() {
        let good = "https://login.example.org/device";
        assert_eq!(prompt(good, good).unwrap().page, good);
        for bad in ["http://login.example.org/device", "file:///etc/passwd"] {
            for refused in [prompt(bad, good), prompt(good, bad)] {
                assert!(matches!(refused, Err(LoginError::Insecure(_))), "{bad}");
            }
        }
    }
}
