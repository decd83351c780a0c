//! A witness's two paths, <https://c2sp.org/tlog-witness>.
//!
//! ```text
//! POST /add-checkpoint                  a checkpoint and a proof; answered with the witness's line
//! GET  /<SHA-256 of origin>/checkpoint  the latest checkpoint that it has cosigned of a log
//! ```

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chancery_witness::{Refusal, Witness};
use http::{StatusCode, header};

use crate::error::ApiError;
use crate::metrics::Metrics;
use crate::middleware::{Bounds, Surface};
use crate::request_body::{RequestBody, RequestLimits};
use crate::router::finished;

/// A request is some 3 KiB where a tree is as large as trees get, and more by what others have signed.
const LIMITS: RequestLimits = RequestLimits {
    body_bytes: 32 * 1024,
    body_read: Duration::from_secs(5),
    total: Duration::from_secs(10),
    in_flight: 128,
    log_reads: 1,
    log_reads_waiting: 0,
    unread_large: 0,
    unread_small: 4 << 20,
};

const TEXT: &str = "text/plain; charset=utf-8";
const SIZE: &str = "text/x.tlog.size";

#[derive(Clone, Debug)]
struct Served {
    witness: Arc<Witness>,
}

impl FromRef<Served> for RequestLimits {
    fn from_ref(_: &Served) -> Self {
        LIMITS
    }
}

/// Returns the routes of a witness, within limits.
pub fn witness_router(witness: Arc<Witness>, metrics: &Arc<Metrics>) -> Router {
    let router = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{origin}/checkpoint", get(checkpoint))
        .with_state(Served { witness });
    finished(router, Surface::Admin, Bounds::new(LIMITS), metrics)
}

async fn add_checkpoint(
    State(Served { witness }): State<Served>,
    RequestBody(body): RequestBody,
) -> Response {
    match witness.add_checkpoint(&body).await {
        Ok(lines) => text(StatusCode::OK, TEXT, lines),
        Err(refusal) => refuse(&refusal),
    }
}

async fn checkpoint(
    State(Served { witness }): State<Served>,
    Path(origin): Path<String>,
) -> Result<Response, ApiError> {
    let latest = witness.latest(&origin).await;
    let latest = latest.ok_or_else(ApiError::not_found)?;
    Ok(text(StatusCode::OK, TEXT, latest))
}

fn refuse(refusal: &Refusal) -> Response {
    let status = match refusal {
        Refusal::Malformed(_) | Refusal::OldSize { .. } => StatusCode::BAD_REQUEST,
        Refusal::NotSigned => StatusCode::FORBIDDEN,
        Refusal::UnknownLog => StatusCode::NOT_FOUND,
        Refusal::Conflict { latest } => {
            return text(StatusCode::CONFLICT, SIZE, format!("{latest}\n"));
        }
        Refusal::Inconsistent(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::Interrupted(_) | Refusal::State(_) | Refusal::Sign(_) => {
            tracing::error!(
                error = refusal as &dyn std::error::Error,
                "a checkpoint could not be cosigned"
            );
            let said = "the witness cannot cosign now\n".to_owned();
            return text(StatusCode::INTERNAL_SERVER_ERROR, TEXT, said);
        }
    };
    if status == StatusCode::UNPROCESSABLE_ENTITY {
        tracing::error!(%refusal, "a log may have forked");
    }
    text(status, TEXT, format!("{refusal}\n"))
}

fn text(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body).into_response()
}
