//! Probes and metrics for operators.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chancery_log::Log;
use http::{StatusCode, header};
use serde_json::json;
use tokio::time::timeout;

use crate::error::ApiError;
use crate::refusal_code::RefusalCode;
use crate::state::AdminState;

/// How long the log may take to say that it is there.
const PROBE: Duration = Duration::from_secs(2);

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Says that the process answers; a failure means that it should be restarted.
pub(crate) async fn livez() -> Json<serde_json::Value> {
    Json(json!({ "status": "alive" }))
}

/// Says whether this process can issue and enter signatures, and if not, why; a failure means that requests should go
/// elsewhere.
pub(crate) async fn readyz(State(admin): State<AdminState>) -> Response {
    match unready(&admin).await {
        None => Json(json!({ "status": "ready" })).into_response(),
        Some(reason) => {
            let body = json!({ "status": "not ready", "reason": reason });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

async fn unready(admin: &AdminState) -> Option<String> {
    if admin.draining.is_cancelled() {
        return Some("shutting down".to_owned());
    }
    let Some(log) = admin.authority.log() else {
        return Some("no log takes entries now".to_owned());
    };
    if let Some(error) = probe(&log).await {
        return Some(format!("the log cannot issue: {error}"));
    }
    for ledger in admin.ledgers.open() {
        // It takes no entries anywhere: nothing would be gained by asking another process.
        if ledger.log().has_ended() {
            continue;
        }
        if let Some(error) = probe(ledger.log()).await {
            let name = ledger.log().name();
            return Some(format!("the ledger {name} takes no entries: {error}"));
        }
    }
    None
}

/// Returns what is wrong with a log, if anything is.
async fn probe(log: &Log) -> Option<String> {
    match timeout(PROBE, log.probe()).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("it does not answer within {} s", PROBE.as_secs())),
    }
}

/// Exposes the metrics.
pub(crate) async fn metrics(State(admin): State<AdminState>) -> Result<Response, ApiError> {
    let now_ms = chancery_log::clock::unix_ms(std::time::SystemTime::now());
    let logs = admin.authority.logs().all();
    let ledgers = admin.ledgers.open();
    let ledgers = ledgers.iter().map(|ledger| ledger.log());
    let known = logs
        .iter()
        .chain(ledgers)
        .map(|log| (log.name(), log.status()));
    if let Some(timestamps) = &admin.timestamps {
        admin.metrics.timestamps_are(timestamps);
    }
    admin.metrics.trust_is(&admin.documents.load());
    let text = admin.metrics.scrape(known, now_ms);
    let text =
        text.map_err(|e| ApiError::internal("Metrics", &e.to_string(), RefusalCode::Internal))?;
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response())
}
