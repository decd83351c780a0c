//! `CreateSigningCertificateRequest` of Fulcio's API v2, from JSON.
//!
//! ```json
//! { "credentials": { "oidcIdentityToken": "<JWT>" },
//!   "publicKeyRequest": { "publicKey": { "algorithm": …, "content": "<PEM>" },
//!                         "proofOfPossession": "<base64>" },
//!   "certificateSigningRequest": "<base64 of PEM>" }
//! ```
//!
//! As protobuf's JSON mapping has it: names in camel or snake case, `null` and the empty string as
//! good as absent, unknown members ignored, a member twice refused. `publicKey.algorithm` is not
//! read, because what clients write there is not what their key is.

use chancery_ca::{IssueRequest, PossessionRequest};
use http::HeaderMap;
use serde::Deserialize;

use super::json_body::{malformed, parse};
use super::json_object::JsonObject;
use crate::error::ApiError;
use crate::{lenient_base64, possession, token};

/// Decodes a request's headers and body.
///
/// A token in the body wins over one in the `Authorization` header, as with Fulcio. A request
/// without a token or without a key is not refused here: the token is judged before the key.
///
/// # Errors
///
/// Refuses two `Authorization` headers, and a body that cannot be read or that has both a public
/// key and a certificate signing request.
pub(crate) fn decode(headers: &HeaderMap, body: &[u8]) -> Result<IssueRequest, ApiError> {
    let request: Request = parse(body)?;
    let token = request.token(headers)?;
    let possession = possession(
        request.public_key_request,
        request.certificate_signing_request,
    )?;
    Ok(IssueRequest { token, possession })
}

/// Decodes the token of a request, as [`decode`] does.
pub(super) fn token(headers: &HeaderMap, body: &[u8]) -> Result<String, ApiError> {
    let request: Request = parse(body)?;
    request.token(headers)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    credentials: Option<JsonObject<Credentials>>,
    #[serde(alias = "public_key_request")]
    public_key_request: Option<JsonObject<PublicKeyRequest>>,
    #[serde(alias = "certificate_signing_request")]
    certificate_signing_request: Option<String>,
}

impl Request {
    fn token(&self, headers: &HeaderMap) -> Result<String, ApiError> {
        let from_header = token::from_authorization(headers)?;
        let from_body = self.credentials.as_ref();
        let from_body = from_body.and_then(|credentials| credentials.0.oidc_identity_token.clone());
        Ok(from_body
            .filter(|token| !token.is_empty())
            .unwrap_or(from_header))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credentials {
    #[serde(alias = "oidc_identity_token")]
    oidc_identity_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublicKeyRequest {
    #[serde(alias = "public_key")]
    public_key: Option<JsonObject<PublicKey>>,
    #[serde(alias = "proof_of_possession")]
    proof_of_possession: Option<String>,
}

#[derive(Deserialize)]
struct PublicKey {
    content: Option<String>,
}

fn possession(
    key: Option<JsonObject<PublicKeyRequest>>,
    csr: Option<String>,
) -> Result<PossessionRequest, ApiError> {
    match (key, csr) {
        (Some(_), Some(_)) => Err(malformed(
            "publicKeyRequest and certificateSigningRequest exclude each other, send one",
        )),
        (None, csr) => {
            let csr = bytes("certificateSigningRequest", csr)?;
            Ok(possession::from_csr(csr))
        }
        (Some(JsonObject(key)), None) => {
            let member = "publicKeyRequest.proofOfPossession";
            let proof = bytes(member, key.proof_of_possession)?;
            let content = key.public_key.and_then(|key| key.0.content);
            Ok(possession::from_key(
                content.unwrap_or_default().into_bytes(),
                proof,
            ))
        }
    }
}

/// Decodes a member of type `bytes`; an absent one is empty.
pub(super) fn bytes(member: &str, text: Option<String>) -> Result<Vec<u8>, ApiError> {
    lenient_base64::decode(&text.unwrap_or_default())
        .map_err(|error| malformed(&format!("{member}: {error}")))
}

#[cfg(test)]
mod tests;
