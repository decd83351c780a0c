//! One access event and one count for each request.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;

use crate::error::ApiError;
use crate::metrics::Metrics;

/// Runs the request, then counts it and says at level debug what it was.
///
/// Routes appear as templates, so that neither metrics nor log hold what a caller made up; headers
/// and bodies, which hold tokens, appear nowhere.
pub(crate) async fn observe(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = label(request.method());
    let started = Instant::now();
    let response = next.run(request).await;
    let (route, status) = (
        route.as_ref().map_or("unmatched", MatchedPath::as_str),
        response.status(),
    );
    metrics.answered(route, method, status.as_u16());
    let refusal = response.extensions().get().and_then(ApiError::stable);
    if let Some(code) = refusal {
        metrics.refused(code);
    }
    tracing::debug!(
        method,
        route,
        status = status.as_u16(),
        refusal,
        duration_ms = started.elapsed().as_secs_f64() * 1_000.0,
        "answered"
    );
    response
}

/// Method names are the caller's to invent; labels are not.
fn label(method: &Method) -> &'static str {
    match *method {
        Method::DELETE => "DELETE",
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        Method::POST => "POST",
        Method::PUT => "PUT",
        _ => "other",
    }
}
