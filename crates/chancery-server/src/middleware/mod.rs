//! What happens around every handler, from the outside in: the request's id and span, its access
//! event and metrics, leave for browsers, errors in the form of the request's protocol, the bound on
//! requests in flight and on answers that nobody reads, the time limit, and panics made answers.

mod deadline;
mod in_flight;
mod observe;
mod panic;
mod request_id;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;

use crate::cors::{self, CorsPolicy};
use crate::grpc::answer::in_form;
use crate::metrics::Metrics;
use crate::outgoing::Outgoing;
use crate::request_body::RequestLimits;
use in_flight::LogReads;
use observe::Observe;

/// Who a router is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Surface<'a> {
    /// Operators.
    Admin,
    /// Clients, and pages of these origins.
    Public(&'a CorsPolicy),
}

/// What requests may take, each and together. Clones share the places.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    total: Duration,
    places: Arc<Semaphore>,
    log_reads: Arc<LogReads>,
    outgoing: Outgoing,
}

impl Bounds {
    pub(crate) fn new(limits: RequestLimits) -> Self {
        Self {
            total: limits.total,
            places: Arc::new(Semaphore::new(limits.in_flight)),
            log_reads: Arc::new(LogReads::new(limits)),
            outgoing: Outgoing::new(limits.unread_large, limits.unread_small),
        }
    }
}

/// What [`around`] works with.
struct Around {
    observe: Observe,
    cors: Option<CorsLayer>,
    bounds: Bounds,
}

/// Wraps all routes of `router`, its fallbacks included.
pub(crate) fn apply(
    router: Router,
    surface: Surface<'_>,
    bounds: Bounds,
    metrics: Arc<Metrics>,
) -> Router {
    let (observe, cors) = match surface {
        Surface::Admin => (Observe::admin(metrics), None),
        Surface::Public(policy) => (Observe::public(metrics), policy.layer()),
    };
    let around_all = Arc::new(Around {
        observe,
        cors,
        bounds,
    });
    router.layer((
        from_fn_with_state(around_all, around),
        CatchPanicLayer::custom(panic::answer),
    ))
}

/// All of it in one layer: each layer of a router costs every request some allocations, and a copy
/// of all layers within.
async fn around(State(around): State<Arc<Around>>, request: Request, next: Next) -> Response {
    let Around {
        observe,
        cors,
        bounds,
    } = &*around;
    let within_bounds = |request| {
        let answer = |request| deadline::limit(bounds.total, request, |request| next.run(request));
        bounds.outgoing.bound(request, async |request| {
            if LogReads::concern(&request) {
                bounds.log_reads.bound(request, answer).await
            } else {
                in_flight::bound(&bounds.places, request, answer).await
            }
        })
    };
    let shared = |request| {
        cors::share(cors.as_ref(), request, |request| {
            in_form(request, within_bounds)
        })
    };
    request_id::assign(request, |request| {
        observe::observe(observe, request, |request| {
            bounds.outgoing.follow(request, shared)
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use axum::response::Response;
    use axum::routing::{get, post};
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(router: Router, limits: RequestLimits) -> (Response, String) {
        let metrics = Arc::new(Metrics::new("0"));
        let router = apply(
            router,
            Surface::Admin,
            Bounds::new(limits),
            Arc::clone(&metrics),
        );
        let request = Request::get("/").body(Body::empty()).unwrap();
        (
            router.oneshot(request).await.unwrap(),
            metrics.encode().unwrap(),
        )
    }

    fn counted(metrics: &str, code: u16) -> bool {
        metrics.contains(&format!(
            r#"requests_total{{route="/",method="GET",code="{code}"}} 1"#
        ))
    }

    #[tokio::test]
    async fn a_panic_is_answered_counted_and_kept_to_ourselves() {
        async fn panics() -> String {
            panic!("something internal")
        }
        let router = Router::new().route("/", get(panics));
        let (response, metrics) = ask(router, RequestLimits::default()).await;
        assert_eq!(response.status(), 500);
        assert!(response.headers().contains_key("x-request-id"));
        assert!(counted(&metrics, 500) && metrics.contains(r#"refusals_total{code="panic"} 1"#));
        let body = axum::body::to_bytes(response.into_body(), 4096)
            .await
            .unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(
            body.contains(r#""code":13"#) && !body.contains("something internal"),
            "{body}"
        );
    }

    /// Asks for a gRPC method, and returns the response's headers.
    async fn call(router: Router, limits: RequestLimits, timeout: &str) -> http::HeaderMap {
        let router = apply(
            router,
            Surface::Admin,
            Bounds::new(limits),
            Arc::new(Metrics::new("0")),
        );
        let request = Request::post("/a.B/C")
            .header("content-type", "application/grpc")
            .header("grpc-timeout", timeout);
        let response = router.oneshot(request.body(Body::empty()).unwrap()).await;
        let response = response.unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.headers().contains_key("x-request-id"));
        assert_eq!(response.headers()["content-type"], "application/grpc");
        response.headers().clone()
    }

    #[tokio::test]
    async fn what_the_layers_say_is_said_to_grpc_clients_in_their_form() {
        async fn panics() -> String {
            panic!("something internal")
        }
        let never = || Router::new().route("/a.B/C", post(std::future::pending::<String>));
        let limits = RequestLimits::default();
        let refused = call(never(), limits, "1n").await;
        assert_eq!(refused["grpc-status"], "4");

        let hasty = RequestLimits {
            total: Duration::from_millis(1),
            ..limits
        };
        let refused = call(never(), hasty, "1H").await;
        assert_eq!(refused["grpc-status"], "14");
        assert_eq!(refused["retry-after"], "1");

        let full = RequestLimits {
            in_flight: 0,
            ..limits
        };
        let refused = call(never(), full, "1H").await;
        assert_eq!(refused["grpc-status"], "14");
        assert_eq!(refused["grpc-retry-pushback-ms"], "1000");

        let refused = call(Router::new().route("/a.B/C", post(panics)), limits, "1H").await;
        assert_eq!(refused["grpc-status"], "13");
        let message = refused["grpc-message"].to_str().unwrap();
        assert!(
            message.contains("[panic]") && !message.contains("something"),
            "{message}"
        );
    }

    #[tokio::test]
    async fn a_request_beyond_the_bound_is_503_and_may_be_tried_again() {
        let router = Router::new().route("/", get(async || "done"));
        let limits = RequestLimits {
            in_flight: 0,
            ..RequestLimits::default()
        };
        let (response, _) = ask(router.clone(), limits).await;
        assert_eq!(response.status(), 503);
        assert!(response.headers().contains_key("retry-after"));
        let (response, _) = ask(
            router,
            RequestLimits {
                in_flight: 1,
                ..limits
            },
        )
        .await;
        assert_eq!(response.status(), 200);
    }

    #[tokio::test]
    async fn a_request_that_takes_too_long_is_503_and_may_be_tried_again() {
        let router = Router::new().route("/", get(std::future::pending::<String>));
        let limits = RequestLimits {
            total: Duration::from_millis(1),
            ..RequestLimits::default()
        };
        let (response, metrics) = ask(router, limits).await;
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "1");
        assert!(counted(&metrics, 503) && metrics.contains(r#"code="timed-out"} 1"#));
    }
}
