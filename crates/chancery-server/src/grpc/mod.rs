//! Fulcio's API over gRPC, on the same port as REST.
//!
//! A method decodes, calls and encodes, as a REST handler does; what goes wrong is an
//! [`ApiError`](crate::error::ApiError) here as there, and [`answer`] says it in gRPC's form.
//! Messages come as request bodies do: whole, within the same size and time, and compressed ones
//! are within the size after decompression, too.

pub(crate) mod answer;
mod fulcio_v1beta;
mod fulcio_v2;
mod health;
pub(crate) mod rekor_v2;
mod request;
mod token;

use axum::routing::{MethodRouter, post_service};
use axum::{Router, middleware};
use chancery_proto::fulcio_v1beta::ca_server::CaServer as FulcioV1betaServer;
use chancery_proto::fulcio_v2::ca_server::CaServer as FulcioV2Server;
use chancery_proto::grpc_health_v1::health_server::HealthServer;
use chancery_proto::rekor_v2::rekor_server::RekorServer;
use tonic::codec::CompressionEncoding::Gzip;

use crate::ledger;
use crate::state::AppState;

pub(crate) use request::{is_grpc, method, timeout};

/// Returns a route for each method, so that metrics can tell them apart.
pub(crate) fn routes(app: &AppState) -> Router {
    let message_bytes = app.limits.body_bytes;
    let v2 = FulcioV2Server::new(fulcio_v2::FulcioV2(app.clone()))
        .accept_compressed(Gzip)
        .max_decoding_message_size(message_bytes);
    let v1beta = FulcioV1betaServer::new(fulcio_v1beta::FulcioV1beta(app.clone()))
        .accept_compressed(Gzip)
        .max_decoding_message_size(message_bytes);
    let health = HealthServer::new(health::Health)
        .accept_compressed(Gzip)
        .max_decoding_message_size(message_bytes);
    let rekor = RekorServer::new(rekor_v2::RekorV2(app.clone()))
        .accept_compressed(Gzip)
        .max_decoding_message_size(message_bytes);
    let rekor: MethodRouter = post_service(rekor);
    let rekor = rekor.layer(middleware::map_request(ledger::keep_host));
    let (v2, v1beta): (MethodRouter, MethodRouter) = (post_service(v2), post_service(v1beta));
    Router::new()
        .route(
            "/dev.sigstore.fulcio.v1beta.CA/CreateSigningCertificate",
            v1beta.clone(),
        )
        .route("/dev.sigstore.fulcio.v1beta.CA/GetRootCertificate", v1beta)
        .route(
            "/dev.sigstore.fulcio.v2.CA/CreateSigningCertificate",
            v2.clone(),
        )
        .route("/dev.sigstore.fulcio.v2.CA/GetConfiguration", v2.clone())
        .route("/dev.sigstore.fulcio.v2.CA/GetTrustBundle", v2)
        .route("/dev.sigstore.rekor.v2.Rekor/CreateEntry", rekor.clone())
        .route("/dev.sigstore.rekor.v2.Rekor/GetTile", rekor.clone())
        .route("/dev.sigstore.rekor.v2.Rekor/GetEntryBundle", rekor.clone())
        .route("/dev.sigstore.rekor.v2.Rekor/GetCheckpoint", rekor)
        .route("/grpc.health.v1.Health/Check", post_service(health))
        .layer(middleware::from_fn_with_state(app.limits, request::whole))
}
