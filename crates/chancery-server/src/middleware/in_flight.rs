//! How many requests may be worked on at once.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use crate::error::ApiError;

/// Answers 503 at once where all places are taken. Each place may hold a request body, from a
/// caller who has not shown a token yet: this bounds what strangers can make us remember.
pub(crate) async fn bound<F: Future<Output = Response>>(
    places: &Semaphore,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    match places.try_acquire() {
        Ok(_place) => next(request).await,
        Err(_) => ApiError::overloaded().into_response(),
    }
}
