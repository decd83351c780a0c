//! The token endpoint: a code for a token, or a token for the asking.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::Provider;
use super::claims::Identity;
use super::device::DEVICE_GRANT;
use super::error::OauthError;
use super::params::Params;
use crate::error::ApiError;
use crate::request_body::RequestBody;

/// The `grant_type` that gives a token for any identity.
///
/// Form fields: `email` or `sub` or both; `aud` (default `sigstore`); `lifetime` in seconds
/// (default 600); `claims`, a JSON object of further claims, such as those of a CI system.
pub const DEV_IDENTITY_GRANT: &str = "urn:chancery:dev-identity";

/// `POST /token`
pub(super) async fn exchange(
    State(provider): State<Arc<Provider>>,
    body: Result<RequestBody, ApiError>,
) -> Result<Response, OauthError> {
    let RequestBody(body) =
        body.map_err(|_| OauthError::invalid_request("the form could not be read"))?;
    let params = Params::parse(&body)?;
    let identity = match params.require("grant_type")? {
        "authorization_code" => provider.redeem(&params)?,
        DEVICE_GRANT => provider.redeem_device(&params)?,
        DEV_IDENTITY_GRANT => Identity::asked_for(&params)?,
        other => {
            return Err(OauthError::unsupported_grant_type(format!(
                "{other} is neither authorization_code, {DEVICE_GRANT} nor {DEV_IDENTITY_GRANT}"
            )));
        }
    };
    provider.answer(&identity).await
}

impl Provider {
    /// Redeems a code, which is gone afterwards whether or not the rest fits it.
    fn redeem(&self, params: &Params) -> Result<Identity, OauthError> {
        let (code, verifier) = (params.require("code")?, params.require("code_verifier")?);
        let login = self.pending.take(code, self.clock.now());
        let login = login.ok_or_else(|| {
            OauthError::invalid_grant("the code is unknown, used already, or older than 60 s")
        })?;
        // RFC 7636, section 4.6
        if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) != login.request.challenge {
            return Err(OauthError::invalid_grant(
                "code_verifier does not fit code_challenge",
            ));
        }
        let redirect_uri = Url::parse(params.require("redirect_uri")?);
        if redirect_uri.ok().as_ref() != Some(&login.request.redirect_uri) {
            return Err(OauthError::invalid_grant(
                "redirect_uri is not the one of the code",
            ));
        }
        // Clients that authenticate by header say their name there and not here.
        if params
            .find("client_id")
            .is_some_and(|id| id != login.request.client_id)
        {
            return Err(OauthError::invalid_grant(
                "client_id is not the one of the code",
            ));
        }
        Ok(Identity::of_login(&login))
    }

    /// Answers a token as both: sigstore-python takes the access token, others the identity token.
    async fn answer(&self, identity: &Identity) -> Result<Response, OauthError> {
        let claims = self.claims(identity, self.clock.now());
        let token = self.key.sign(&claims).await;
        let token = token.map_err(|error| OauthError::server_error(&error.to_string()))?;
        let body = json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": identity.lifetime_s(),
            "id_token": token,
        });
        Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
    }
}
