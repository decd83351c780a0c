//! Submissions to the log (RFC 6962, sections 4.1, 4.2 and 4.7): off unless roots are configured.
//!
//! ```text
//! POST /ct/<log>/ct/v1/add-chain      {"chain": [base64 certificate, issuer, …]}
//! POST /ct/<log>/ct/v1/add-pre-chain  the same, with a precertificate
//! ```
//!
//! The answer, an SCT, leaves when the entry is committed, guarded and covered by the published
//! checkpoint. Errors are text, which is what log clients show.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_log::{AppendError, Log, Sct};
use chancery_submissions::{SubmitError, SubmittedChain, SubmittedKind};
use http::{HeaderValue, header};
use serde::{Deserialize, Serialize};

use super::super::AtLog;
use super::refusal::Refusal;
use crate::error::ApiError;
use crate::refusal_code::RefusalCode;
use crate::request_body::{RequestLimits, read_whole};
use crate::state::AppState;

/// The most bytes of a submission, as other logs have it.
const MAX_BODY: usize = 128 * 1024;

/// Where only an operator can help.
const LATER: Duration = Duration::from_secs(60);

/// Where the log is to begin. Fulcio waits for as long and asks again, which lets its replicas be
/// moved to the next log before it begins.
const NOT_BEGUN: Duration = Duration::from_secs(10);

const SENTENCE: &str = "The submission was not logged";

#[derive(Deserialize)]
struct AddChain {
    chain: Vec<String>,
}

/// An SCT in parts (RFC 6962, section 4.1).
#[derive(Serialize)]
struct Answer {
    sct_version: u8,
    id: String,
    timestamp: u64,
    extensions: String,
    signature: String,
}

/// Logs a certificate.
pub(super) async fn add_chain(app: State<AppState>, at: AtLog, request: Request) -> Response {
    answer(app, at, SubmittedKind::Certificate, request).await
}

/// Logs a precertificate.
pub(super) async fn add_pre_chain(app: State<AppState>, at: AtLog, request: Request) -> Response {
    answer(app, at, SubmittedKind::Precertificate, request).await
}

/// The path is known, the method is not.
pub(super) async fn wrong_method() -> Response {
    let mut response = Refusal::wrong_method().await.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

async fn answer(
    State(app): State<AppState>,
    at: AtLog,
    kind: SubmittedKind,
    request: Request,
) -> Response {
    match submit(&app, &at, kind, request.into_body()).await {
        Ok(sct) => Json(Answer::of(&sct)).into_response(),
        Err(error) => Refusal::from(error).into_response(),
    }
}

async fn submit(
    app: &AppState,
    at: &AtLog,
    kind: SubmittedKind,
    body: Body,
) -> Result<Sct, ApiError> {
    let Some(submissions) = &app.submissions else {
        return Err(off("this log takes no submissions from outside"));
    };
    let log = open_log(app, at)?;
    let limits = RequestLimits {
        body_bytes: MAX_BODY.min(app.limits.body_bytes),
        ..app.limits
    };
    let body = read_whole(body, limits).await?;
    let submitted: AddChain = serde_json::from_slice(&body)
        .map_err(|e| ApiError::malformed(SENTENCE, &format!("the body is not add-chain's: {e}")))?;
    let chain = SubmittedChain::from_base64(&submitted.chain);
    let chain = chain.map_err(|e| refuse(SubmitError::Chain(e)))?;
    submissions.add(&log, kind, chain).await.map_err(refuse)
}

/// Returns the log that takes entries, if it is the one that the request is for.
fn open_log(app: &AppState, at: &AtLog) -> Result<Arc<Log>, ApiError> {
    let name = at.served.log.name();
    let current = app.authority.log();
    if let Some(log) = current.as_ref().filter(|log| log.name() == name) {
        return Ok(Arc::clone(log));
    }
    let logs = app.authority.logs().all();
    let asked = logs.iter().find(|log| log.name() == name);
    let current_begins = current.as_ref().map(|log| log.begins_ms());
    match (asked, current) {
        (Some(asked), _) if current_begins.is_none_or(|begins| begins < asked.begins_ms()) => {
            let later = "this log has not begun, try again";
            let later = ApiError::refused(SENTENCE, later, RefusalCode::Unavailable);
            Err(later.with_retry_after(NOT_BEGUN))
        }
        (_, Some(current)) => Err(off(&format!(
            "this log takes no entries any more; {} does, with a key of its own",
            current.name()
        ))),
        (_, None) => Err(off("this log takes no entries now")),
    }
}

fn off(reason: &str) -> ApiError {
    ApiError::refused(SENTENCE, reason, RefusalCode::SubmissionsOff)
}

fn refuse(error: SubmitError) -> ApiError {
    match error {
        SubmitError::Chain(e) => {
            ApiError::refused(SENTENCE, &e.to_string(), RefusalCode::ChainRefused)
        }
        SubmitError::Limited { retry_after } => {
            let error = ApiError::refused(
                SENTENCE,
                &error.to_string(),
                RefusalCode::SubmissionsLimited,
            );
            error.with_retry_after(retry_after)
        }
        SubmitError::Append(AppendError::Halted(_)) => {
            ApiError::unavailable("The log", &error).with_retry_after(LATER)
        }
        SubmitError::Append(_) => ApiError::unavailable("The log", &error),
        SubmitError::Read(e) => super::super::refuse(e),
        SubmitError::Sct(_) | SubmitError::Aborted => {
            ApiError::internal(SENTENCE, &error.to_string(), RefusalCode::Internal)
        }
    }
}

impl Answer {
    fn of(sct: &Sct) -> Self {
        Self {
            sct_version: 0,
            id: STANDARD.encode(sct.log_id().as_bytes()),
            timestamp: sct.timestamp_ms(),
            extensions: STANDARD.encode(sct.leaf_index().to_extensions()),
            signature: STANDARD.encode(sct.signature().encode()),
        }
    }
}
