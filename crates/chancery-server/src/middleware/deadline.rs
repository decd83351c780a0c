//! The time that a request may take.

use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use crate::error::ApiError;
use crate::grpc;

/// Answers 503 in the place of a handler that takes longer than `limit`, and 504 where a gRPC client
/// gave it less.
///
/// What the handler has set going in a task of its own, such as an issuance, goes on.
pub(crate) async fn limit<F: Future<Output = Response>>(
    limit: Duration,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let given = if grpc::is_grpc(&request) {
        match grpc::timeout(request.headers()) {
            Ok(given) => given,
            Err(error) => return error.into_response(),
        }
    } else {
        None
    };
    let given = given.filter(|given| *given < limit);
    match (timeout(given.unwrap_or(limit), next(request)).await, given) {
        (Ok(response), _) => response,
        (Err(_), None) => ApiError::timed_out(limit).into_response(),
        (Err(_), Some(_)) => ApiError::deadline_exceeded().into_response(),
    }
}
