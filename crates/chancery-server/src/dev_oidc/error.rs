//! OAuth's error answers (RFC 6749, section 5.2).

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;

/// An error that is told to whoever asked, and not to a client by redirection.
#[derive(Debug)]
pub(super) struct OauthError {
    status: StatusCode,
    error: &'static str,
    description: String,
}

impl OauthError {
    fn new(status: StatusCode, error: &'static str, description: impl Into<String>) -> Self {
        Self {
            status,
            error,
            description: description.into(),
        }
    }

    pub(super) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    pub(super) fn invalid_grant(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_grant", description)
    }

    /// RFC 8628, section 3.5
    pub(super) fn authorization_pending() -> Self {
        let description = "nobody has logged in with the code yet";
        Self::new(
            StatusCode::BAD_REQUEST,
            "authorization_pending",
            description,
        )
    }

    /// RFC 8628, section 3.5
    pub(super) fn expired_token() -> Self {
        let description = "the device code is older than five minutes";
        Self::new(StatusCode::BAD_REQUEST, "expired_token", description)
    }

    pub(super) fn unsupported_grant_type(description: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            description,
        )
    }

    pub(super) fn access_denied(description: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "access_denied", description)
    }

    /// The cause stays in the log.
    pub(super) fn server_error(cause: &str) -> Self {
        tracing::error!(cause, "the development identity provider failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "see the server's log",
        )
    }
}

impl IntoResponse for OauthError {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.error, "error_description": self.description });
        (
            self.status,
            [(header::CACHE_CONTROL, "no-store")],
            Json(body),
        )
            .into_response()
    }
}
