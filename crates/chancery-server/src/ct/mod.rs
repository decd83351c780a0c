//! The log's read side, c2sp.org/static-ct-api: checkpoint, tiles, issuers; and RFC 6962's JSON in
//! [`v1`].
//!
//! ```text
//! /ct/<log>/checkpoint             the newest signed note
//! /ct/<log>/tile/<L>/<N>[.p/<W>]   hashes of level L
//! /ct/<log>/tile/data/<N>[.p/<W>]  the entries themselves
//! /ct/<log>/issuer/<SHA-256>       the DER of an issuer certificate
//! ```

pub(crate) mod v1;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chancery_log::ReadError;
use chancery_tlog::{TILE_WIDTH, TilePath};
use http::request::Parts;
use http::{HeaderName, StatusCode, header};

use crate::error::ApiError;
use crate::logs::{LogRead, ServedLog};
use crate::refusal_code::RefusalCode;
use crate::state::AppState;

pub(crate) const CHECKPOINT: Answer = Answer {
    content_type: "text/plain; charset=utf-8",
    cache: "no-store",
};
pub(crate) const TILE: Answer = Answer {
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
pub(crate) async fn checkpoint(AtLog { served, .. }: AtLog) -> Result<Response, ApiError> {
    let checkpoint = served.log.checkpoint().await.map_err(refuse)?;
    Ok(CHECKPOINT.with(checkpoint))
}

/// Answers a hash or data tile of any width that the published tree has.
pub(crate) async fn tile(
    AtLog {
        served,
        published,
        path: name,
    }: AtLog,
) -> Result<Response, ApiError> {
    let path = name
        .strip_prefix("tile/")
        .and_then(|path| TilePath::parse(path).ok());
    let path = path.ok_or_else(ApiError::not_found)?;
    if matches!(path, TilePath::Data { .. }) && served.read == LogRead::Restricted {
        return Err(ApiError::entries_restricted());
    }
    // Narrower ones of a full tile may be gone there: they are read through.
    if let (TilePath::Data { index, width }, Some(published)) = (path, published)
        && width == TilePath::FULL_WIDTH
        && index < served.log.pruned_below().await.map_err(refuse)? / TILE_WIDTH
    {
        return Ok(elsewhere(&format!("{published}/{name}")));
    }
    let tile = served.log.tile(path).await.map_err(refuse)?;
    tile.map(|tile| TILE.with(tile))
        .ok_or_else(ApiError::not_found)
}

/// Answers an issuer certificate by its fingerprint.
pub(crate) async fn issuer(AtLog { served, path, .. }: AtLog) -> Result<Response, ApiError> {
    let fingerprint = path.strip_prefix("issuer/").and_then(fingerprint);
    let fingerprint = fingerprint.ok_or_else(ApiError::not_found)?;
    let log = match served.log.known() {
        Some(log) => log,
        None => served.log.newest().await.map_err(refuse)?,
    };
    let issuer = log.issuer(&fingerprint).await.map_err(refuse)?;
    issuer
        .map(|issuer| ISSUER.with(issuer))
        .ok_or_else(ApiError::not_found)
}

/// The log that a request is for, and what follows `/ct/<log>/` in its path, as it was sent.
///
/// Percent-encoding is not undone: each thing has one name, so `%30` is nobody's.
pub(crate) struct AtLog {
    served: ServedLog,
    /// The URL below which the log's files are published, if they are.
    published: Option<String>,
    path: String,
}

impl FromRequestParts<AppState> for AtLog {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, ApiError> {
        let below = parts.uri.path().strip_prefix("/ct/");
        below
            .and_then(|below| below.split_once('/'))
            .and_then(|(name, path)| {
                Some(Self {
                    served: app.logs.find(name)?,
                    published: app.logs.published(name),
                    path: path.to_owned(),
                })
            })
            .ok_or_else(ApiError::not_found)
    }
}

/// Sends a reader to another web server, for as long as that is where it is.
fn elsewhere(url: &str) -> Response {
    let headers: [(HeaderName, &str); 3] = [
        (header::LOCATION, url),
        (header::CACHE_CONTROL, "public, max-age=300"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (StatusCode::TEMPORARY_REDIRECT, headers).into_response()
}

/// Reads 64 lower-case hexadecimal digits.
fn fingerprint(digits: &str) -> Option<[u8; 32]> {
    let lower = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
    let mut fingerprint = [0; 32];
    let read = digits.bytes().all(lower) && hex::decode_to_slice(digits, &mut fingerprint).is_ok();
    read.then_some(fingerprint)
}

/// Type and lifetime of an answer.
pub(crate) struct Answer {
    content_type: &'static str,
    cache: &'static str,
}

impl Answer {
    /// The log is public by nature, so any page may read it.
    pub(crate) fn with(&self, body: Bytes) -> Response {
        let headers: [(HeaderName, &str); 3] = [
            (header::CONTENT_TYPE, self.content_type),
            (header::CACHE_CONTROL, self.cache),
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        ];
        (headers, body).into_response()
    }
}

pub(crate) fn refuse(error: ReadError) -> ApiError {
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
