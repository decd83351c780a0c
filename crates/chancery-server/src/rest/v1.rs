//! Fulcio's API v1, for clients that have not moved on: gitsign and sigstore-rs.
//!
//! ```json
//! { "publicKey": { "algorithm": …, "content": "<base64 of DER or PEM>" },
//!   "signedEmailAddress": "<base64>",
//!   "certificateSigningRequest": "<base64 of PEM>" }
//! ```
//!
//! The token is in the `Authorization` header and nowhere else. Certificates are answered as PEM.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chancery_ca::IssueRequest;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

use super::json_body::parse;
use super::json_object::JsonObject;
use super::signing_cert::facts;
use super::signing_cert_request::bytes;
use crate::error::ApiError;
use crate::request_body::RequestBody;
use crate::state::AppState;
use crate::{chain, possession, token};

/// RFC 8555, 9.1.
const PEM_CHAIN: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, chain::PEM_MEDIA_TYPE)];

/// Answers 201 and the chain with an embedded SCT.
///
/// 201 and no other status, because gitsign takes no other.
pub(crate) async fn signing_cert(
    State(app): State<AppState>,
    headers: HeaderMap,
    RequestBody(body): RequestBody,
) -> Result<Response, ApiError> {
    let issued = app.issue(decode(&headers, &body)?).await?;
    let pems = chain::joined(&issued);
    Ok((StatusCode::CREATED, PEM_CHAIN, facts(&issued), pems).into_response())
}

/// Answers the authority's chain.
pub(crate) async fn root_cert(State(app): State<AppState>) -> impl IntoResponse {
    (PEM_CHAIN, chain::of_authority(&app))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    public_key: Option<JsonObject<PublicKey>>,
    signed_email_address: Option<String>,
    certificate_signing_request: Option<String>,
}

#[derive(Deserialize)]
struct PublicKey {
    content: Option<String>,
}

pub(crate) fn decode(headers: &HeaderMap, body: &[u8]) -> Result<IssueRequest, ApiError> {
    let token = token::from_authorization(headers)?;
    let Request {
        public_key,
        signed_email_address,
        certificate_signing_request,
    } = parse(body)?;
    let key = public_key.map(|JsonObject(key)| bytes("publicKey.content", key.content));
    let proof = bytes("signedEmailAddress", signed_email_address)?;
    let csr = bytes("certificateSigningRequest", certificate_signing_request)?;
    let possession = possession::from_v1(key.transpose()?, proof, csr)?;
    Ok(IssueRequest { token, possession })
}

#[cfg(test)]
mod tests {
    use chancery_ca::PossessionRequest;
    use serde_json::{Value, json};

    use super::*;

    fn read(body: &Value) -> Result<PossessionRequest, ApiError> {
        decode(&HeaderMap::new(), body.to_string().as_bytes()).map(|request| request.possession)
    }

    #[test]
    fn the_request_recorded_from_gitsign_is_read() {
        let request = read(&json!({
            "publicKey": { "content": "MFkw", "algorithm": "ecdsa" },
            "signedEmailAddress": "AQI=",
            "certificateSigningRequest": null,
        }));
        let PossessionRequest::PublicKey { content, proof } = request.unwrap() else {
            panic!("gitsign sends a key");
        };
        assert_eq!(content, b"0Y0");
        assert_eq!(proof, [1, 2]);
    }

    #[test]
    fn a_key_in_pem_stays_as_it_is_and_an_empty_one_is_none() {
        let pem = "text\n-----BEGIN PUBLIC KEY-----\r\nMFkw\r\n-----END PUBLIC KEY-----";
        let content = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pem);
        let read_key = |content: &str| read(&json!({ "publicKey": { "content": content } }));
        let PossessionRequest::PublicKey { content, .. } = read_key(&content).unwrap() else {
            panic!("there is a key");
        };
        assert_eq!(content, pem.as_bytes());
        for empty in [
            json!({}),
            json!({ "content": null }),
            json!({ "content": "" }),
        ] {
            let request = read(&json!({ "publicKey": empty })).unwrap();
            assert!(matches!(request, PossessionRequest::Missing), "{empty}");
        }
    }

    #[test]
    fn a_signing_request_wins_over_a_key() {
        let request = read(&json!({
            "publicKey": { "content": "MFkw" },
            "certificateSigningRequest": "AQI=",
        }));
        assert!(matches!(request.unwrap(), PossessionRequest::Csr(csr) if csr == [1, 2]));
    }

    #[test]
    fn neither_key_nor_request_is_refused_before_the_token_is_looked_at() {
        for body in [
            json!({}),
            json!({ "publicKey": null, "certificateSigningRequest": "" }),
        ] {
            let refused = format!("{:?}", read(&body).unwrap_err());
            assert!(refused.contains("key-malformed"), "{refused}");
        }
    }

    #[test]
    fn a_token_in_the_body_counts_for_nothing() {
        let body = json!({ "credentials": { "oidcIdentityToken": "t" }, "publicKey": {} });
        let request = decode(&HeaderMap::new(), body.to_string().as_bytes()).unwrap();
        assert_eq!(request.token, "");
    }
}
