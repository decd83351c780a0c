//! New entries: decode, call, encode.

use std::time::Instant;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chancery_ledger::{AddError, EntryRefused, EntryRequest, LoggedEntry};
use chancery_log::AppendError;
use http::{HeaderName, HeaderValue, StatusCode, header};

use super::{AtLedger, ServedLedger};
use crate::error::{ApiError, GrpcCode};
use crate::refusal_code::RefusalCode;
use crate::request_body::RequestBody;
use crate::state::AppState;

const LOG_INDEX: HeaderName = HeaderName::from_static("x-log-index");

/// Enters a signature (`dev.sigstore.rekor.v2.Rekor/CreateEntry`).
pub(super) async fn create(
    State(app): State<AppState>,
    AtLedger(ledger): AtLedger,
    RequestBody(body): RequestBody,
) -> Response {
    let added = add(&app, &ledger, EntryRequest::parse(&body)).await;
    match added.map(|entry| entry.to_json()) {
        Ok(Ok(json)) => created(json),
        Ok(Err(error)) => {
            let cause = error.to_string();
            ApiError::internal(SENTENCE, &cause, RefusalCode::Internal).into_response()
        }
        Err(error) => refused(error, app.ledgers.successor(ledger.log.origin())),
    }
}

/// Enters a signature and counts it, whatever the protocol.
pub(crate) async fn add(
    app: &AppState,
    ledger: &ServedLedger,
    request: Result<EntryRequest, EntryRefused>,
) -> Result<LoggedEntry, AddError> {
    let started = Instant::now();
    let added = match request {
        Ok(request) => enter(ledger, request).await,
        Err(refused) => Err(refused.into()),
    };
    let name = ledger.log.origin().as_str();
    app.metrics.entered(name, &added, started.elapsed());
    added
}

async fn enter(ledger: &ServedLedger, request: EntryRequest) -> Result<LoggedEntry, AddError> {
    let entries = ledger.entries.as_ref().ok_or(AddError::Frozen)?;
    entries.add(request).await
}

fn created(json: Vec<u8>) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::CREATED, headers, json).into_response()
}

/// Answers an error as Rekor v2 does: what is there already says where, and a frozen log says so in
/// plain text, with the host name of the one to switch to.
fn refused(error: AddError, successor: Option<String>) -> Response {
    let (frozen, index) = match &error {
        AddError::Frozen => {
            let latest = successor.map(|host| format!("The latest is {host}.\n"));
            (
                Some(format!("{error}\n{}", latest.unwrap_or_default())),
                None,
            )
        }
        AddError::Duplicate { leaf_index } => (None, Some(HeaderValue::from(*leaf_index))),
        _ => (None, None),
    };
    let error = ApiError::from(error);
    let mut response = match frozen {
        Some(text) => (StatusCode::METHOD_NOT_ALLOWED, text).into_response(),
        None => error.clone().into_response(),
    };
    if let Some(index) = index {
        response.headers_mut().insert(LOG_INDEX, index);
    }
    response.extensions_mut().insert(error);
    response
}

const SENTENCE: &str = "The entry was not logged";

impl From<AddError> for ApiError {
    fn from(error: AddError) -> Self {
        let said = error.to_string();
        match error {
            AddError::Refused(error) => {
                let sentence = "invalid hashedrekord request";
                Self::refused(sentence, &error.to_string(), RefusalCode::EntryRefused)
            }
            AddError::NotAccepted(error) => {
                let code = RefusalCode::EntryNotAccepted;
                Self::refused("invalid entry", &error.to_string(), code)
            }
            // Clients read the sentence.
            AddError::Duplicate { .. } => Self::bare(GrpcCode::AlreadyExists, &said),
            AddError::Frozen => Self::bare(GrpcCode::Unimplemented, &said),
            AddError::Limited { retry_after } => {
                Self::refused(SENTENCE, &said, RefusalCode::LedgerLimited)
                    .with_retry_after(retry_after)
            }
            AddError::Busy => Self::refused(SENTENCE, &said, RefusalCode::Overloaded),
            AddError::Append(AppendError::Closing) => {
                Self::refused(SENTENCE, "the server is stopping", RefusalCode::Unavailable)
            }
            // A database that went back contradicts itself: another one may come in its place.
            AddError::Append(_) | AddError::Read(_) => Self::unavailable("The ledger", &error),
            AddError::Aborted => Self::internal(SENTENCE, &said, RefusalCode::Internal),
        }
    }
}
