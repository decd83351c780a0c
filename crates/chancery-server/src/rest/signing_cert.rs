//! `POST /api/v2/signingCert`: a certificate for who holds this token and this key.

use std::borrow::Cow;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chancery_ca::Issued;
use http::{HeaderMap, HeaderName};
use serde::Serialize;

use super::signing_cert_request::decode;
use crate::chain;
use crate::error::ApiError;
use crate::request_body::RequestBody;
use crate::state::AppState;

/// The certificate's place in the log, in decimal.
const LOG_INDEX: HeaderName = HeaderName::from_static("x-chancery-log-index");
/// The certificate's serial number, in lower hex.
const SERIAL: HeaderName = HeaderName::from_static("x-chancery-serial");

/// Answers 200 and the chain with an embedded SCT.
///
/// 200 and no other status, because sigstore-go takes no other.
pub(crate) async fn create(
    State(app): State<AppState>,
    headers: HeaderMap,
    RequestBody(body): RequestBody,
) -> Result<Response, ApiError> {
    let issued = app.issue(decode(&headers, &body)?).await?;
    Ok((facts(&issued), Json(SigningCertificate::of(&issued))).into_response())
}

/// Returns headers that say what has no place in the body.
pub(crate) fn facts(issued: &Issued) -> [(HeaderName, String); 2] {
    [
        (LOG_INDEX, issued.leaf_index.to_string()),
        (SERIAL, issued.certificate.serial().to_string()),
    ]
}

/// `SigningCertificate` with its only member.
///
/// sigstore-rs reads it as an enum, so a second member, even one that is null, breaks it: whatever
/// else there is to say goes into headers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SigningCertificate<'a> {
    signed_certificate_embedded_sct: EmbeddedSct<'a>,
}

#[derive(Serialize)]
struct EmbeddedSct<'a> {
    chain: CertificateChain<'a>,
}

#[derive(Serialize)]
struct CertificateChain<'a> {
    /// PEM without a final newline, the leaf first, the root last.
    certificates: Vec<Cow<'a, str>>,
}

impl<'a> SigningCertificate<'a> {
    fn of(issued: &'a Issued) -> Self {
        let certificates = chain::of_issued(issued).collect();
        Self {
            signed_certificate_embedded_sct: EmbeddedSct {
                chain: CertificateChain { certificates },
            },
        }
    }
}
