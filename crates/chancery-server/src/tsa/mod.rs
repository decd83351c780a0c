//! Timestamps of RFC 3161, where Sigstore's own authority has them.
//!
//! ```text
//! POST /api/v1/timestamp            a request in DER or JSON; answered with a TimeStampResp in DER
//! GET  /api/v1/timestamp/certchain  the authority's certificates in PEM, the one that signs first
//! ```

mod refuse;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chancery_tsa::{TimestampAuthority, TimestampRequest};
use http::{HeaderMap, StatusCode, header};

use crate::error::ApiError;
use crate::metrics::Metrics;
use crate::request_body::{RequestBody, RequestLimits};

const QUERY: &str = "application/timestamp-query";
const REPLY: &str = "application/timestamp-reply";
const JSON: &str = "application/json";
const PEM: &str = "application/pem-certificate-chain";

#[derive(Clone, Debug)]
struct Served {
    authority: Arc<TimestampAuthority>,
    limits: RequestLimits,
    metrics: Arc<Metrics>,
}

impl FromRef<Served> for RequestLimits {
    fn from_ref(served: &Served) -> Self {
        served.limits
    }
}

/// Returns the routes of a timestamp authority; what holds for every route is for who merges them.
pub(crate) fn routes(
    authority: Arc<TimestampAuthority>,
    limits: RequestLimits,
    metrics: Arc<Metrics>,
) -> Router {
    // A request is some 60 to 200 bytes; what is longer is refused by its length.
    let limits = RequestLimits {
        body_bytes: limits.body_bytes.min(2 * TimestampRequest::LONGEST),
        ..limits
    };
    Router::new()
        .route("/api/v1/timestamp", post(stamp))
        .route("/api/v1/timestamp/certchain", get(certchain))
        .with_state(Served {
            authority,
            limits,
            metrics,
        })
}

/// Stamps a hash.
async fn stamp(
    State(served): State<Served>,
    headers: HeaderMap,
    body: Result<RequestBody, ApiError>,
) -> Response {
    let Some(form) = form(&headers) else {
        return refuse::unsupported_type();
    };
    let RequestBody(body) = match body {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let request = match form {
        Form::Der => TimestampRequest::parse_der(&body),
        Form::Json => TimestampRequest::parse_json(&body),
    };
    let request = match request {
        Ok(request) => request,
        Err(error) => {
            served.metrics.not_stamped(error.failure());
            return refuse::request(&error, &headers);
        }
    };
    match served.authority.stamp(&request).await {
        // Clients of Sigstore take 200 and 201; others that speak RFC 3161 take 200 only.
        Ok(timestamp) => {
            served.metrics.stamped();
            answer(StatusCode::OK, timestamp.into_response())
        }
        Err(error) => {
            served.metrics.not_stamped(error.failure());
            refuse::stamp(&error, &headers)
        }
    }
}

/// Answers the certificates under which timestamps are verified.
async fn certchain(State(Served { authority, .. }): State<Served>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, PEM),
        // Not for ever: they change when the authority's key does.
        (header::CACHE_CONTROL, "public, max-age=3600"),
    ];
    (headers, authority.chain().pem()).into_response()
}

/// The two forms of a request.
#[derive(Clone, Copy)]
enum Form {
    Der,
    Json,
}

/// Reads which form the body has; parameters of the type, such as a charset, do not matter.
fn form(headers: &HeaderMap) -> Option<Form> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = text.split_once(';').map_or(text, |(essence, _)| essence);
    match essence.trim() {
        essence if essence.eq_ignore_ascii_case(QUERY) => Some(Form::Der),
        essence if essence.eq_ignore_ascii_case(JSON) => Some(Form::Json),
        _ => None,
    }
}

/// An answer in DER. It is for one request and never for another.
fn answer(status: StatusCode, response: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, REPLY),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, response).into_response()
}
