//! Logging in as a person, at any OpenID Connect provider: in a browser on this machine, or with a
//! code in a browser anywhere.

mod browser;
mod dev;
mod device;
mod http;

use chancery_log::causes;
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod, CoreGrantType,
    CoreIdToken, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
    CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, ClientId, DeviceAuthorizationUrl, IssuerUrl, Nonce,
    ProviderMetadata,
};
use serde::{Deserialize, Serialize};

pub use browser::BrowserLogin;
pub use dev::{DevTokenError, dev_token};
pub use device::DevicePrompt;

use super::{IdentityToken, TokenError};
use http::Http;

/// A provider that one can log in at.
#[derive(Debug)]
pub struct LoginProvider {
    http: Http,
    issuer: String,
    client_id: ClientId,
    metadata: Metadata,
}

/// Why nobody was logged in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Codes and tokens must not go where anybody on the way could read them.
    #[error("{0} is no place to log in: it wants https, or http on this machine itself")]
    Insecure(String),
    /// The provider cannot be reached, or is none.
    #[error("{issuer} cannot be asked how to log in: {why}; see whether it is the issuer's URL")]
    Discovery {
        /// Which provider.
        issuer: String,
        /// What happened.
        why: String,
    },
    /// The provider has no such way to log in.
    #[error("{issuer} has no {what}; {instead}")]
    Unsupported {
        /// Which provider.
        issuer: String,
        /// What it lacks.
        what: &'static str,
        /// What can be done.
        instead: &'static str,
    },
    /// Nothing can listen here for the browser to come back.
    #[error(
        "nothing can listen on this machine for the browser to come back; log in by device code"
    )]
    Listen(#[source] std::io::Error),
    /// Nobody came back in time.
    #[error("nobody logged in within {minutes} minutes; try again")]
    TooLate {
        /// How long was waited.
        minutes: u64,
    },
    /// The provider says no, or gave no identity token.
    #[error("{issuer} did not log anybody in: {why}")]
    Refused {
        /// Which provider.
        issuer: String,
        /// What it said, cut off.
        why: String,
    },
    /// What came back is not the answer to what was asked: somebody may have tampered with it.
    #[error("what came back from {issuer} is not for this login: {why}")]
    Foreign {
        /// Which provider.
        issuer: String,
        /// What does not fit.
        why: String,
    },
    /// The token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct WithDevices {
    device_authorization_endpoint: Option<DeviceAuthorizationUrl>,
}

impl AdditionalProviderMetadata for WithDevices {}

type Metadata = ProviderMetadata<
    WithDevices,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

impl LoginProvider {
    /// Asks a provider how one logs in there. Sigstore's clients are known as `sigstore`.
    ///
    /// # Errors
    /// [`LoginError::Discovery`] if it does not say, [`LoginError::Insecure`] if it must not be asked.
    pub async fn discover(issuer: &str, client_id: &str) -> Result<Self, LoginError> {
        require_safe(issuer)?;
        let failed = |why: String| LoginError::Discovery {
            issuer: issuer.to_owned(),
            why,
        };
        let http = Http::new().map_err(|error| failed(error.to_string()))?;
        let url = IssuerUrl::new(issuer.to_owned()).map_err(|error| failed(error.to_string()))?;
        let metadata = Metadata::discover_async(url, &http)
            .await
            .map_err(|error| failed(causes(&error)))?;
        Ok(Self {
            http,
            issuer: issuer.to_owned(),
            client_id: ClientId::new(client_id.to_owned()),
            metadata,
        })
    }

    /// Verifies an ID token by the provider's keys: for this client, for this login, and current.
    fn verified(
        &self,
        token: Option<&CoreIdToken>,
        nonce: Option<&Nonce>,
    ) -> Result<IdentityToken, LoginError> {
        let token = token.ok_or_else(|| self.refused("it gave no ID token"))?;
        let client =
            CoreClient::from_provider_metadata(self.metadata.clone(), self.client_id.clone(), None);
        let verifier = client.id_token_verifier();
        // A device's login has no nonce: the code that only this process has stands for it.
        let claims = match nonce {
            Some(nonce) => token.claims(&verifier, nonce),
            None => token.claims(&verifier, |_: Option<&Nonce>| Ok(())),
        };
        claims.map_err(|error| self.foreign(causes(&error)))?;
        Ok(IdentityToken::parse(&token.to_string())?)
    }

    fn refused(&self, why: impl AsRef<str>) -> LoginError {
        LoginError::Refused {
            issuer: self.issuer.clone(),
            why: short(why.as_ref()),
        }
    }

    fn foreign(&self, why: impl AsRef<str>) -> LoginError {
        LoginError::Foreign {
            issuer: self.issuer.clone(),
            why: short(why.as_ref()),
        }
    }
}

/// Refuses what no secret may go to, and what no browser is to open.
fn require_safe(url: &str) -> Result<(), LoginError> {
    match http::is_safe(url) {
        true => Ok(()),
        false => Err(LoginError::Insecure(short(url))),
    }
}

/// What others wrote must neither move the cursor nor fill the screen.
fn short(text: &str) -> String {
    let text: String = text.chars().take(300).collect();
    text.replace(char::is_control, " ")
}
