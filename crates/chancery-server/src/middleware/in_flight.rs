//! How many requests may be worked on at once.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use crate::error::ApiError;

/// Answers 503 at once where all places are taken. Each place may hold a request body, from a
/// caller who has not shown a token yet: this bounds what strangers can make us remember.
pub(crate) async fn bound(
    State(places): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Response {
    match places.try_acquire() {
        Ok(_place) => next.run(request).await,
        Err(_) => ApiError::overloaded().into_response(),
    }
}
