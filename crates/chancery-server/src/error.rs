//! Errors as clients see them: the gRPC gateway's JSON, Fulcio's sentence, our reason, its code.
//!
//! ```json
//! {"code":3,"message":"<Fulcio's sentence>: <reason> [<stable-code>]","details":[]}
//! ```
//!
//! This file holds the only table from an error's class to an HTTP status and a gRPC code.

use std::error::Error;
use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use chancery_ca::{Class, IssueError};
use chancery_log::causes;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::refusal_code::RefusalCode;

/// How long clients should wait after a failure whose end we cannot know.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A canonical gRPC status code, as the gateway writes it into `code`.
///
/// See <https://grpc.io/docs/guides/status-codes/>.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum GrpcCode {
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
}

impl GrpcCode {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::InvalidArgument => StatusCode::BAD_REQUEST,
            Self::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::AlreadyExists => StatusCode::CONFLICT,
            Self::PermissionDenied => StatusCode::FORBIDDEN,
            Self::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            Self::Unimplemented => StatusCode::NOT_IMPLEMENTED,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// An error that is ready to be answered. Answers carry it as an extension, to be counted by and to
/// be said again in the form of another protocol.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ApiError {
    code: GrpcCode,
    message: String,
    stable: Option<&'static str>,
    retry_after: Option<Duration>,
}

impl ApiError {
    fn new(code: GrpcCode, sentence: &str, reason: &str, stable: &'static str) -> Self {
        Self {
            code,
            message: format!("{sentence}: {reason} [{stable}]"),
            stable: Some(stable),
            retry_after: (code == GrpcCode::Unavailable).then_some(RETRY_AFTER),
        }
    }

    /// A refusal of the server's own.
    pub(crate) fn refused(sentence: &str, reason: &str, code: RefusalCode) -> Self {
        Self::new(code.grpc(), sentence, reason, code.as_str())
    }

    /// The request is larger than what is read.
    pub(crate) fn body_too_large(reason: &str) -> Self {
        let sentence = "http: request body too large";
        Self::refused(sentence, reason, RefusalCode::BodyTooLarge)
    }

    /// The request is in a form that is not read; a library's own words.
    pub(crate) fn unsupported(message: &str) -> Self {
        Self::bare(GrpcCode::Unimplemented, message)
    }

    /// The request cannot be decoded.
    pub(crate) fn malformed(sentence: &str, reason: &str) -> Self {
        Self::refused(sentence, reason, RefusalCode::RequestMalformed)
    }

    /// Returns the canonical code.
    pub(crate) fn code(&self) -> GrpcCode {
        self.code
    }

    /// Returns the sentence, the reason and the stable code.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Returns the stable code of the reason, if it has one.
    pub(crate) fn stable(&self) -> Option<&'static str> {
        self.stable
    }

    /// Returns how long to wait before the next try, if there is any hope.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns the same in whole seconds (RFC 9110, section 10.2.3), rounded up: who comes too
    /// early is refused again.
    pub(crate) fn retry_after_seconds(&self) -> Option<u64> {
        let wait = self.retry_after?;
        Some((wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
    }

    /// There is nothing here; the gateway's own words.
    pub(crate) fn not_found() -> Self {
        Self::bare(GrpcCode::NotFound, "Not Found")
    }

    /// The path is known, the method is not; the gateway's own words.
    pub(crate) fn method_not_allowed() -> Self {
        Self::bare(GrpcCode::Unimplemented, "Method Not Allowed")
    }

    /// There is no such gRPC method.
    pub(crate) fn unknown_method() -> Self {
        Self::bare(GrpcCode::Unimplemented, "unknown service or method")
    }

    /// The time that the client gave us is over.
    pub(crate) fn deadline_exceeded() -> Self {
        Self::refused(
            "The deadline is over",
            "no answer within the time that the request's grpc-timeout gives",
            RefusalCode::DeadlineExceeded,
        )
    }

    /// The log's entries are not for everybody.
    pub(crate) fn entries_restricted() -> Self {
        Self::refused(
            "Permission denied",
            "this log is configured with log.read: restricted, its entries are not public; \
             checkpoint, hash tiles and issuers are",
            RefusalCode::LogReadRestricted,
        )
    }

    /// As many requests are in flight as we take.
    pub(crate) fn overloaded() -> Self {
        Self::refused(
            "The server is overloaded",
            "too many requests are in flight, try again",
            RefusalCode::Overloaded,
        )
    }

    /// The request took longer than we let any request take.
    pub(crate) fn timed_out(limit: Duration) -> Self {
        let reason = format!("no answer within {} s, try again", limit.as_secs_f64());
        Self::refused("The server is overloaded", &reason, RefusalCode::TimedOut)
    }

    /// Something that only works with what others keep running does not work now.
    ///
    /// Logs `cause`, which stays here.
    pub(crate) fn unavailable(what: &'static str, cause: &(dyn Error + 'static)) -> Self {
        tracing::warn!(cause = causes(cause), "{what} is unavailable");
        let reason = "it does not answer now, try again";
        let sentence = format!("{what} is unavailable");
        Self::refused(&sentence, reason, RefusalCode::Unavailable)
    }

    /// Our own fault.
    ///
    /// Logs `cause`, which stays here; the request's span ties it to the answer's `x-request-id`.
    pub(crate) fn internal(sentence: &str, cause: &str, code: RefusalCode) -> Self {
        Self::failed(sentence, cause, code.as_str())
    }

    fn failed(sentence: &str, cause: &str, stable: &'static str) -> Self {
        tracing::error!(cause, code = stable, "request failed");
        let reason = "an internal error, which the server's log tells under this x-request-id";
        Self::new(GrpcCode::Internal, sentence, reason, stable)
    }

    /// Says when to try again.
    pub(crate) fn with_retry_after(self, retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..self
        }
    }

    /// An error in the words that clients know it by, without a stable code.
    pub(crate) fn bare(code: GrpcCode, message: &str) -> Self {
        Self {
            code,
            message: message.to_owned(),
            stable: None,
            retry_after: None,
        }
    }
}

impl From<IssueError> for ApiError {
    fn from(error: IssueError) -> Self {
        let (sentence, stable) = (error.fulcio_sentence(), error.code());
        match error.class() {
            Class::Limited { retry_after } => Self {
                retry_after: Some(retry_after),
                ..Self::new(
                    GrpcCode::ResourceExhausted,
                    sentence,
                    &error.reason(),
                    stable,
                )
            },
            Class::Refused => {
                Self::new(GrpcCode::InvalidArgument, sentence, &error.reason(), stable)
            }
            Class::Unavailable { retry_after } => {
                tracing::warn!(
                    cause = causes(&error),
                    code = stable,
                    "issuance is unavailable"
                );
                Self {
                    retry_after: Some(retry_after),
                    ..Self::new(GrpcCode::Unavailable, sentence, &error.reason(), stable)
                }
            }
            Class::Internal => Self::failed(sentence, &causes(&error), stable),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Body {
            code: self.code as u8,
            message: &self.message,
            details: [],
        };
        let mut response = (self.code.status(), Json(body)).into_response();
        if let Some(seconds) = self.retry_after_seconds() {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

#[derive(Serialize)]
struct Body<'a> {
    code: u8,
    message: &'a str,
    details: [(); 0],
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answer(error: ApiError) -> (StatusCode, Option<String>, serde_json::Value) {
        let response = error.into_response();
        let retry = response.headers().get(header::RETRY_AFTER);
        let retry = retry.map(|value| value.to_str().unwrap().to_owned());
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 4096)
            .await
            .unwrap();
        (status, retry, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_refusal_begins_with_fulcios_sentence_and_ends_with_the_stable_code() {
        let error = ApiError::new(
            GrpcCode::InvalidArgument,
            "There was an error processing the identity token",
            "the token expired 12 s ago",
            "token-expired",
        );
        let (status, retry, body) = answer(error).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(retry, None);
        assert_eq!(
            body,
            serde_json::json!({
                "code": 3,
                "message": "There was an error processing the identity token: \
                            the token expired 12 s ago [token-expired]",
                "details": [],
            })
        );
    }

    #[tokio::test]
    async fn an_internal_error_keeps_its_cause() {
        let error = ApiError::failed("Error entering certificate in CTL", "disk 7", "internal");
        let (status, _, body) = answer(error).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(body["code"], 13);
        assert!(!body["message"].as_str().unwrap().contains("disk"));
    }

    #[tokio::test]
    async fn unavailable_says_when_to_come_back_in_whole_seconds() {
        let mut error = ApiError::timed_out(Duration::from_secs(30));
        error.retry_after = Some(Duration::from_millis(2_100));
        let (status, retry, body) = answer(error).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(retry.as_deref(), Some("3"));
        assert_eq!(body["code"], 14);
    }

    #[test]
    fn the_gateways_codes_have_the_gateways_statuses() {
        let table = [
            (GrpcCode::InvalidArgument, 400),
            (GrpcCode::DeadlineExceeded, 504),
            (GrpcCode::NotFound, 404),
            (GrpcCode::AlreadyExists, 409),
            (GrpcCode::PermissionDenied, 403),
            (GrpcCode::ResourceExhausted, 429),
            (GrpcCode::Unimplemented, 501),
            (GrpcCode::Internal, 500),
            (GrpcCode::Unavailable, 503),
        ];
        for (code, status) in table {
            assert_eq!(code.status(), status, "{code:?}");
        }
    }
}
