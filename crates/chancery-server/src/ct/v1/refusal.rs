//! Refusals as clients of RFC 6962 know them: the status in words, and our sentence, as plain text.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::error::ApiError;
use crate::refusal_code::RefusalCode;

/// A refusal, to be answered as text.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    error: ApiError,
}

impl Refusal {
    /// The client asked for what cannot be.
    pub(super) fn malformed(reason: &str) -> Self {
        ApiError::malformed("The request could not be read", reason).into()
    }

    /// What the client asked for may be in a larger tree, or in none.
    pub(super) fn not_found(reason: &str) -> Self {
        let sentence = "The log does not have it";
        ApiError::refused(sentence, reason, RefusalCode::LogEntryUnknown).into()
    }

    /// The path is known, the method is not.
    pub(super) async fn wrong_method() -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            error: ApiError::method_not_allowed(),
        }
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        // Only Fulcio's clients are used to 400 for this.
        let too_large = error.stable() == Some(RefusalCode::BodyTooLarge.as_str());
        let status = match too_large {
            true => StatusCode::PAYLOAD_TOO_LARGE,
            false => error.code().status(),
        };
        Self { status, error }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, error } = self;
        let text = match status.canonical_reason() {
            Some(reason) if reason != error.message() => {
                format!("{reason}\n{}\n", error.message())
            }
            _ => format!("{}\n", error.message()),
        };
        let fixed: [(HeaderName, &str); 3] = [
            (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        ];
        let mut response = (status, fixed, text).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = error.retry_after_seconds() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response.extensions_mut().insert(error);
        response
    }
}
