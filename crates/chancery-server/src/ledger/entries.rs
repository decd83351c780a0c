//! New entries: decode, call, encode.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chancery_ledger::{AddError, EntryRequest, LoggedEntry};
use chancery_log::AppendError;
use http::{HeaderName, HeaderValue, StatusCode, header};

use super::{AtLedger, ServedLedger};
use crate::ct;
use crate::error::{ApiError, GrpcCode};
use crate::refusal_code::RefusalCode;
use crate::request_body::RequestBody;
use crate::state::AppState;

const LOG_INDEX: HeaderName = HeaderName::from_static("x-log-index");

/// Enters a signature (`dev.sigstore.rekor.v2.Rekor/CreateEntry`).
pub(super) async fn create(
    State(_): State<AppState>,
    AtLedger(ledger): AtLedger,
    RequestBody(body): RequestBody,
) -> Response {
    let request = EntryRequest::parse(&body).map_err(AddError::from);
    let added = match request {
        Ok(request) => add(&ledger, request).await,
        Err(error) => Err(error),
    };
    match added.map(|entry| entry.to_json()) {
        Ok(Ok(json)) => created(json),
        Ok(Err(error)) => {
            let cause = error.to_string();
            ApiError::internal(SENTENCE, &cause, RefusalCode::Internal).into_response()
        }
        Err(error) => refused(error),
    }
}

/// Enters a signature, whatever the protocol.
pub(crate) async fn add(
    ledger: &ServedLedger,
    request: EntryRequest,
) -> Result<LoggedEntry, AddError> {
    let entries = ledger.entries.as_ref().ok_or(AddError::Frozen)?;
    entries.add(request).await
}

fn created(json: Vec<u8>) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::CREATED, headers, json).into_response()
}

/// Answers an error as Rekor v2 does: what is there already says where, and a frozen log says so in
/// plain text.
fn refused(error: AddError) -> Response {
    let (frozen, index) = match &error {
        AddError::Frozen => (Some(format!("{error}\n")), None),
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
            AddError::Append(_) => Self::unavailable("The ledger", &error),
            AddError::Read(error) => ct::refuse(error),
            AddError::Aborted => Self::internal(SENTENCE, &said, RefusalCode::Internal),
        }
    }
}
