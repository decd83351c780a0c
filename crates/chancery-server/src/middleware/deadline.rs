//! The time that a request may take.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use crate::error::ApiError;

/// Answers 503 in the place of a handler that takes longer than `limit`.
///
/// What the handler has set going in a task of its own, such as an issuance, goes on.
pub(crate) async fn limit(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::timed_out(limit).into_response(),
    }
}
