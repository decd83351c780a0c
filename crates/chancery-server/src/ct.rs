//! The log's read side, c2sp.org/static-ct-api: checkpoint, tiles, issuers.
//!
//! ```text
//! /ct/<log>/checkpoint             the newest signed note
//! /ct/<log>/tile/<L>/<N>[.p/<W>]   hashes of level L
//! /ct/<log>/tile/data/<N>[.p/<W>]  the entries themselves
//! /ct/<log>/issuer/<SHA-256>       the DER of an issuer certificate
//! ```

use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chancery_log::{Log, ReadError};
use chancery_tlog::TilePath;
use http::request::Parts;
use http::{HeaderName, header};

use crate::error::ApiError;
use crate::refusal_code::RefusalCode;
use crate::state::{AppState, LogRead};

const CHECKPOINT: Answer = Answer {
    content_type: "text/plain; charset=utf-8",
    cache: "no-store",
};
const TILE: Answer = Answer {
    content_type: "application/octet-stream",
    cache: FOREVER,
};
const ISSUER: Answer = Answer {
    content_type: "application/pkix-cert",
    cache: FOREVER,
};

/// For what can never be anything else: even a partial tile is named by its width.
const FOREVER: &str = "public, max-age=604800, immutable";

/// Answers the newest checkpoint.
pub(crate) async fn checkpoint(
    State(app): State<AppState>,
    _path: LogPath,
) -> Result<Response, ApiError> {
    let checkpoint = app.authority.log().checkpoint().await.map_err(refuse)?;
    Ok(CHECKPOINT.with(checkpoint))
}

/// Answers a hash or data tile of any width that the published tree has.
pub(crate) async fn tile(
    State(app): State<AppState>,
    LogPath(path): LogPath,
) -> Result<Response, ApiError> {
    let path = path
        .strip_prefix("tile/")
        .and_then(|path| TilePath::parse(path).ok());
    let path = path.ok_or_else(ApiError::not_found)?;
    if matches!(path, TilePath::Data { .. }) && app.log_read == LogRead::Restricted {
        return Err(ApiError::entries_restricted());
    }
    let tile = app.authority.log().tile(path).await.map_err(refuse)?;
    tile.map(|tile| TILE.with(tile))
        .ok_or_else(ApiError::not_found)
}

/// Answers an issuer certificate by its fingerprint.
pub(crate) async fn issuer(
    State(app): State<AppState>,
    LogPath(path): LogPath,
) -> Result<Response, ApiError> {
    let fingerprint = path.strip_prefix("issuer/").and_then(fingerprint);
    let fingerprint = fingerprint.ok_or_else(ApiError::not_found)?;
    let issuer = app
        .authority
        .log()
        .issuer(fingerprint)
        .await
        .map_err(refuse)?;
    issuer
        .map(|issuer| ISSUER.with(issuer))
        .ok_or_else(ApiError::not_found)
}

/// What follows `/ct/<log>/` in a request for our log, as it was sent.
///
/// Percent-encoding is not undone: each thing has one name, so `%30` is nobody's.
pub(crate) struct LogPath(String);

impl FromRequestParts<AppState> for LogPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, ApiError> {
        let path = below_log(parts.uri.path(), app.authority.log());
        path.map(|path| Self(path.to_owned()))
            .ok_or_else(ApiError::not_found)
    }
}

fn below_log<'a>(path: &'a str, log: &Log) -> Option<&'a str> {
    path.strip_prefix("/ct/")?
        .strip_prefix(log.name())?
        .strip_prefix('/')
}

/// Reads 64 lower-case hexadecimal digits.
fn fingerprint(digits: &str) -> Option<[u8; 32]> {
    let lower = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
    let mut fingerprint = [0; 32];
    let read = digits.bytes().all(lower) && hex::decode_to_slice(digits, &mut fingerprint).is_ok();
    read.then_some(fingerprint)
}

/// Type and lifetime of an answer.
struct Answer {
    content_type: &'static str,
    cache: &'static str,
}

impl Answer {
    /// The log is public by nature, so any page may read it.
    fn with(&self, body: Bytes) -> Response {
        let headers: [(HeaderName, &str); 3] = [
            (header::CONTENT_TYPE, self.content_type),
            (header::CACHE_CONTROL, self.cache),
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        ];
        (headers, body).into_response()
    }
}

fn refuse(error: ReadError) -> ApiError {
    match error {
        ReadError::Inconsistent(_) => ApiError::internal(
            "The log could not be read",
            &error.to_string(),
            RefusalCode::Internal,
        ),
        ReadError::Store(_) | ReadError::Unpublished(_) => ApiError::unavailable("The log", &error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_64_lower_case_digits_and_nothing_else() {
        assert_eq!(fingerprint(&"0a".repeat(32)), Some([0x0a; 32]));
        for wrong in [
            "",
            "0a",
            &"0A".repeat(32),
            &"0a".repeat(33),
            &"0g".repeat(32),
        ] {
            assert_eq!(fingerprint(wrong), None, "{wrong}");
        }
    }
}
