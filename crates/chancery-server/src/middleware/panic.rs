//! Panics as answers.

use std::any::Any;

use axum::response::{IntoResponse, Response};

use crate::error::ApiError;

/// Answers 500. What the panic said went to the process's panic hook and goes nowhere else.
pub(crate) fn answer(_payload: Box<dyn Any + Send + 'static>) -> Response {
    ApiError::internal("Internal Server Error", "a handler panicked", "panic").into_response()
}
