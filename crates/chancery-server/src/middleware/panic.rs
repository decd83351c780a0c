//! Panics as answers.

use std::any::Any;

use axum::response::{IntoResponse, Response};

use crate::error::ApiError;
use crate::refusal_code::RefusalCode;

/// Answers 500. What the panic said went to the process's panic hook and goes nowhere else.
pub(crate) fn answer(_payload: Box<dyn Any + Send + 'static>) -> Response {
    ApiError::internal(
        "Internal Server Error",
        "a handler panicked",
        RefusalCode::Panic,
    )
    .into_response()
}
