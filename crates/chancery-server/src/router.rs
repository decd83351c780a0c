//! All routes.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::cors::CorsPolicy;
use crate::error::ApiError;
use crate::metrics::Metrics;
use crate::middleware::{Bounds, Surface};
use crate::request_body::RequestLimits;
use crate::state::{AdminState, AppState};
use crate::{admin, ct, dev_oidc, grpc, ledger, middleware, page, rest, trust_documents, tsa};

/// What clients see, on one port or on two.
#[derive(Debug)]
pub struct PublicRouters {
    /// Everything, REST and gRPC.
    pub all: Router,
    /// The gRPC half, for a port that Fulcio's clients may know.
    pub grpc: Router,
}

/// Returns everything that clients see.
///
/// The requests of both routers count against the one [`RequestLimits::in_flight`].
pub fn public_routers(app: AppState) -> PublicRouters {
    let bounds = Bounds::new(app.limits);
    let only = Surface::Public(&CorsPolicy::Off);
    let grpc = finished(grpc::routes(&app), only, bounds.clone(), &app.metrics);
    PublicRouters {
        all: all(app, bounds),
        grpc,
    }
}

fn all(app: AppState, bounds: Bounds) -> Router {
    let (limits, metrics) = (app.limits, Arc::clone(&app.metrics));
    let cors = app.cors.clone();
    let dev_oidc = app.dev_oidc.clone();
    let timestamps = app.timestamps.clone();
    let grpc = grpc::routes(&app);
    let router = Router::new()
        .route("/", get(page::get))
        .route("/healthz", get(healthz))
        // Fulcio
        .route("/api/v1/rootCert", get(rest::v1::root_cert))
        .route("/api/v1/signingCert", post(rest::v1::signing_cert))
        .route("/api/v2/configuration", get(rest::configuration::get))
        .route("/api/v2/signingCert", post(rest::signing_cert::create))
        .route("/api/v2/trustBundle", get(rest::trust_bundle::get))
        // what Fulcio has not
        .route(
            "/api/chancery/v1/token/explain",
            post(rest::token_explanation::explain),
        )
        // what clients are configured with
        .route(
            "/client_trust_config.json",
            get(trust_documents::client_trust_config),
        )
        .route(
            "/signing_config.v0.2.json",
            get(trust_documents::signing_config),
        )
        .route("/trusted_root.json", get(trust_documents::trusted_root))
        .route("/tuf/{*file}", get(trust_documents::repository))
        // c2sp.org/static-ct-api
        .route("/ct/{log}/checkpoint", get(ct::checkpoint))
        .route("/ct/{log}/issuer/{fingerprint}", get(ct::issuer))
        .route("/ct/{log}/tile/{*tile}", get(ct::tile))
        .merge(ct::v1::routes())
        .merge(ledger::routes())
        .with_state(app);
    let router = match dev_oidc {
        Some(provider) => router.nest(dev_oidc::MOUNT, provider.router(limits)),
        None => router,
    };
    let router = match timestamps {
        Some(authority) => router.merge(tsa::routes(authority, limits, Arc::clone(&metrics))),
        None => router,
    };
    finished(router.merge(grpc), Surface::Public(&cors), bounds, &metrics)
}

/// Returns what operators probe and scrape.
pub fn admin_router(admin: AdminState) -> Router {
    let metrics = Arc::clone(&admin.metrics);
    let router = Router::new()
        .route("/livez", get(admin::livez))
        .route("/metrics", get(admin::metrics))
        .route("/readyz", get(admin::readyz))
        .with_state(admin);
    let bounds = Bounds::new(RequestLimits::default());
    finished(router, Surface::Admin, bounds, &metrics)
}

/// Adds what holds for every route, the unknown ones included.
pub(crate) fn finished(
    router: Router,
    surface: Surface<'_>,
    bounds: Bounds,
    metrics: &Arc<Metrics>,
) -> Router {
    let router = router
        .fallback(async || ApiError::not_found())
        .method_not_allowed_fallback(async || ApiError::method_not_allowed());
    middleware::apply(router, surface, bounds, Arc::clone(metrics))
}

/// Says that the process answers, whatever the state of log and database; see `/readyz`.
async fn healthz() -> axum::Json<serde_json::Value> {
    axum::Json(serde_json::json!({ "status": "SERVING" }))
}
