//! Errors in gRPC's form: HTTP status 200 and the gRPC status in a response without a body.

use std::error::Error;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::request::{is_grpc, method};
use crate::error::ApiError;

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        let code = Code::from_i32(i32::from(error.code() as u8));
        let mut metadata = MetadataMap::new();
        if let (Some(wait), Some(seconds)) = (error.retry_after(), error.retry_after_seconds()) {
            // gRPC's proposal A6: clients with a retry policy wait that long.
            let millis = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
            metadata.insert("grpc-retry-pushback-ms", millis.into());
            metadata.insert("retry-after", seconds.into());
        }
        let mut status = Self::with_metadata(code, error.message(), metadata);
        status.set_source(Arc::new(error));
        status
    }
}

/// Says every error of a gRPC request in gRPC's form, be it a method's, a layer's, or the gRPC
/// library's own.
pub(crate) async fn in_form<F: Future<Output = Response>>(
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let known = request.extensions().get::<MatchedPath>();
    // Fulcio's REST does not look at media types, so its routes stay what they are.
    if !is_grpc(&request) || known.is_some_and(|route| method(route.as_str()).is_none()) {
        return next(request).await;
    }
    let unknown = known.is_none();
    let mut response = next(request).await;
    let said = response.extensions().get::<ApiError>();
    let error = match (said, response.extensions().get::<Status>()) {
        (Some(_), _) if unknown => ApiError::unknown_method(),
        (Some(error), _) => error.clone(),
        (None, Some(status)) => match ours(status) {
            // It is in its form already.
            Ok(error) => {
                response.extensions_mut().insert(error);
                return response;
            }
            Err(error) => error,
        },
        (None, None) => return response,
    };
    let mut response: Response = Status::from(error.clone()).into_http();
    response.extensions_mut().insert(error);
    response
}

/// Returns the error that a status was made of; for one that the library made, what we say.
fn ours(status: &Status) -> Result<ApiError, ApiError> {
    if let Some(error) = status.source().and_then(<dyn Error>::downcast_ref) {
        return Ok(ApiError::clone(error));
    }
    match status.code() {
        // A compression that we do not read; the answer names those that we do.
        Code::Unimplemented => Ok(ApiError::unsupported(status.message())),
        Code::OutOfRange | Code::ResourceExhausted => {
            Err(ApiError::body_too_large(status.message()))
        }
        _ => Err(ApiError::malformed(
            "The request body could not be parsed",
            status.message(),
        )),
    }
}
