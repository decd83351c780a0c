//! One access event and one count for each request.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use http::Method;

use crate::error::ApiError;
use crate::metrics::{FulcioMetrics, Metrics};

/// Who counts, and what for.
#[derive(Clone, Debug)]
pub(crate) struct Observe {
    metrics: Arc<Metrics>,
    /// Whether Fulcio would count these requests, too.
    public: bool,
}

impl Observe {
    /// Counts what operators ask for.
    pub(crate) fn admin(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            public: false,
        }
    }

    /// Counts what clients ask for.
    pub(crate) fn public(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            public: true,
        }
    }

    fn fulcio(&self) -> Option<&FulcioMetrics> {
        self.metrics.fulcio().filter(|_| self.public)
    }
}

/// Runs the request, then counts it and says at level debug what it was.
///
/// Routes appear as templates, so that neither metrics nor log hold what a caller made up; headers
/// and bodies, which hold tokens, appear nowhere.
pub(crate) async fn observe<F: Future<Output = Response>>(
    observe: &Observe,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let method = label(request.method());
    let started = Instant::now();
    let watch = observe
        .fulcio()
        .map(|fulcio| (fulcio, fulcio.begun(route, &request)));
    let response = next(request).await;
    let (took, status) = (started.elapsed(), response.status());
    observe.metrics.answered(route, method, status.as_u16());
    let refusal: Option<&ApiError> = response.extensions().get();
    if let Some((fulcio, begun)) = watch {
        fulcio.answered(&begun, status.as_u16(), refusal, took);
    }
    let refusal = refusal.and_then(ApiError::stable);
    if let Some(code) = refusal {
        observe.metrics.refused(code);
    }
    tracing::debug!(
        method,
        route,
        status = status.as_u16(),
        refusal,
        duration_ms = took.as_secs_f64() * 1_000.0,
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
