//! The ledger over HTTP, as Rekor v2 has it (c2sp.org/tlog-tiles for the reads).
//!
//! ```text
//! POST /api/v2/log/entries                  an entry, answered once it is published
//! GET  [/api/v2]/checkpoint                 the newest signed note
//! GET  [/api/v2]/tile/<L>/<N>[.p/<W>]       hashes of level L
//! GET  [/api/v2]/tile/entries/<N>[.p/<W>]   the entries themselves
//! ```
//!
//! The reads are at the root, too: monitors append them to the ledger's URL.

mod entries;
mod served;

use axum::Router;
use axum::extract::{FromRequestParts, Path, Request};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use chancery_tlog::TilePath;
use http::request::Parts;
use http::{HeaderMap, header};

use crate::ct::{self, CHECKPOINT, TILE};
use crate::error::ApiError;
use crate::logs::LogRead;
use crate::state::AppState;

pub(crate) use entries::add;
pub use served::{Ledgers, ServedLedger};

/// Returns the routes.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/v2/log/entries", post(entries::create))
        .route("/api/v2/checkpoint", get(checkpoint))
        .route("/api/v2/tile/{*tile}", get(tile))
        .route("/checkpoint", get(checkpoint))
        .route("/tile/{*tile}", get(tile))
}

/// Answers the newest checkpoint.
async fn checkpoint(AtLedger(ledger): AtLedger) -> Result<Response, ApiError> {
    Ok(CHECKPOINT.with(read_checkpoint(&ledger).await?))
}

/// Reads the newest checkpoint, whatever the protocol.
pub(crate) async fn read_checkpoint(ledger: &ServedLedger) -> Result<Bytes, ApiError> {
    ledger.log.checkpoint().await.map_err(ct::refuse)
}

/// Answers a hash tile or a bundle of entries of any width that the published tree has.
async fn tile(AtLedger(ledger): AtLedger, Path(path): Path<String>) -> Result<Response, ApiError> {
    Ok(TILE.with(read_tile(&ledger, &path).await?))
}

/// Reads a tile by its path below `tile/`, whatever the protocol.
pub(crate) async fn read_tile(ledger: &ServedLedger, path: &str) -> Result<Bytes, ApiError> {
    let path = parse_tile(path).ok_or_else(ApiError::not_found)?;
    if matches!(path, TilePath::Data { .. }) && ledger.read == LogRead::Restricted {
        return Err(ApiError::entries_restricted());
    }
    let tile = ledger.log.tile(path).await.map_err(ct::refuse)?;
    tile.ok_or_else(ApiError::not_found)
}

/// Reads a path below `tile/`, in which entries are called what c2sp.org/tlog-tiles calls them.
fn parse_tile(path: &str) -> Option<TilePath> {
    match path.strip_prefix("entries/") {
        Some(number) => TilePath::parse(&format!("data/{number}")).ok(),
        None if path.starts_with("data/") => None,
        None => TilePath::parse(path).ok(),
    }
}

/// The ledger that a request is for.
pub(crate) struct AtLedger(pub(crate) ServedLedger);

impl FromRequestParts<AppState> for AtLedger {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, ApiError> {
        let ledger = app.ledgers.find(host(parts));
        ledger.map(Self).ok_or_else(ApiError::not_found)
    }
}

/// The host that a gRPC request is for.
#[derive(Clone, Debug)]
pub(crate) struct RequestHost(pub(crate) String);

/// Keeps the host of a request for handlers that see no more than its message.
pub(crate) async fn keep_host(request: Request) -> Request {
    let (mut parts, body) = request.into_parts();
    if let Some(host) = host(&parts).map(str::to_owned) {
        parts.extensions.insert(RequestHost(host));
    }
    Request::from_parts(parts, body)
}

/// Returns the host that a request is for, of HTTP/2 in the URI and of HTTP/1 in a header.
fn host(parts: &Parts) -> Option<&str> {
    parts.uri.host().or_else(|| host_header(&parts.headers))
}

/// Returns the host of the header, without its port.
fn host_header(headers: &HeaderMap) -> Option<&str> {
    let authority = headers.get(header::HOST)?.to_str().ok()?;
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    Some(if is_port { host } else { authority })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_their_own_name_and_no_other() {
        let data = |index, width| Some(TilePath::Data { index, width });
        assert_eq!(parse_tile("entries/000"), data(0, 256));
        assert_eq!(parse_tile("entries/x001/234.p/5"), data(1_234, 5));
        assert!(matches!(
            parse_tile("0/000.p/5"),
            Some(TilePath::Hash { .. })
        ));
        for other in [
            "data/000",
            "entries",
            "entries/0",
            "entries/data/000",
            "6/000",
            "",
        ] {
            assert_eq!(parse_tile(other), None, "{other}");
        }
    }

    #[test]
    fn a_host_comes_without_its_port() {
        for (header, host) in [
            ("rekor.example.com", "rekor.example.com"),
            ("rekor.example.com:5555", "rekor.example.com"),
            ("rekor.example.com:", "rekor.example.com"),
        ] {
            let headers = HeaderMap::from_iter([(header::HOST, header.parse().unwrap())]);
            assert_eq!(host_header(&headers), Some(host));
        }
    }
}
