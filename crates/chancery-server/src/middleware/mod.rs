//! What happens around every handler, from the outside in: the request's id and span, its access
//! event and metrics, panics made answers, and the time limit.

mod deadline;
mod observe;
mod panic;
mod request_id;

use std::sync::Arc;

use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;

use crate::metrics::Metrics;
use crate::request_body::RequestLimits;

/// Wraps all routes of `router`, its fallbacks included.
pub(crate) fn apply(router: Router, limits: RequestLimits, metrics: Arc<Metrics>) -> Router {
    // A later layer is further out.
    router
        .layer(middleware::from_fn_with_state(
            limits.total,
            deadline::limit,
        ))
        .layer(CatchPanicLayer::custom(panic::answer))
        .layer(middleware::from_fn_with_state(metrics, observe::observe))
        .layer(middleware::from_fn(request_id::assign))
}
