//! Refusals of timestamps: our JSON for everybody, RFC 3161's answer for who asks for that.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use chancery_tsa::{FailureInfo, RequestError, StampError};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::REPLY;
use crate::error::ApiError;
use crate::refusal_code::RefusalCode;

const SENTENCE: &str = "The timestamp request is refused";

/// The body is in neither form.
pub(super) fn unsupported_type() -> Response {
    let reason = "send Content-Type: application/timestamp-query or application/json";
    let mut response = ApiError::malformed(SENTENCE, reason).into_response();
    *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response
}

/// The request is none, or of a hash that is not stamped.
pub(super) fn request(error: &RequestError, headers: &HeaderMap) -> Response {
    let refusal = ApiError::malformed(SENTENCE, &error.to_string());
    in_form(refusal, error.failure(), headers)
}

/// The request is well, and is not stamped.
pub(super) fn stamp(error: &StampError, headers: &HeaderMap) -> Response {
    let refusal = match error {
        StampError::Policy { .. } => ApiError::malformed(SENTENCE, &error.to_string()),
        StampError::Time(_) | StampError::NotValid | StampError::Replaced | StampError::Sign(_) => {
            ApiError::unavailable("The timestamp authority", error)
        }
        StampError::Encode(_) => ApiError::internal(
            "The timestamp could not be made",
            &error.to_string(),
            RefusalCode::Internal,
        ),
    };
    in_form(refusal, error.failure(), headers)
}

/// Says the refusal as RFC 3161 has it if the client names that form, with the same status: the
/// Sigstore clients look at the status only, and show the JSON to people.
fn in_form(refusal: ApiError, failure: FailureInfo, headers: &HeaderMap) -> Response {
    let mut response = refusal.into_response();
    let accepted = headers.get_all(header::ACCEPT).into_iter();
    let wants_der = accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|kind| kind.split(';').next())
        .any(|kind| kind.trim().eq_ignore_ascii_case(REPLY));
    if wants_der && let Ok(der) = failure.to_response_der() {
        *response.body_mut() = Body::from(der);
        let kind = HeaderValue::from_static(REPLY);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    response
}
