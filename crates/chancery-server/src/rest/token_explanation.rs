//! `POST /api/chancery/v1/token/explain`: as what a token would be certified, or why not.
//!
//! The request may be the very one for a certificate: the token stands where it does there, and the
//! rest is not read. Nothing is issued, and no limit is used up.

use axum::Json;
use axum::extract::State;
use chancery_identity::Explanation;
use http::HeaderMap;

use super::signing_cert_request::token;
use crate::error::ApiError;
use crate::request_body::RequestBody;
use crate::state::AppState;

/// Answers 200, whatever becomes of the token.
pub(crate) async fn explain(
    State(app): State<AppState>,
    headers: HeaderMap,
    RequestBody(body): RequestBody,
) -> Result<Json<Explanation>, ApiError> {
    let token = token(&headers, &body)?;
    Ok(Json(app.authority.explain(&token).await))
}
