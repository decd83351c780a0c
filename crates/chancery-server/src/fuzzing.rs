//! Doors for the fuzz targets, in builds with `--cfg fuzzing` only: readers that are private otherwise.

use chancery_ca::IssueRequest;
use chancery_ledger::EntryRequest;
use chancery_proto::rekor_v2::CreateEntryRequest;
use http::HeaderMap;

use crate::grpc::rekor_v2;
use crate::rest::{signing_cert_request, v1};

/// Decodes a request of API v2.
///
/// # Errors
/// What is answered.
pub fn decode_v2(headers: &HeaderMap, body: &[u8]) -> Result<IssueRequest, String> {
    signing_cert_request::decode(headers, body).map_err(|error| error.to_string())
}

/// Decodes a request of API v1.
///
/// # Errors
/// What is answered.
pub fn decode_v1(headers: &HeaderMap, body: &[u8]) -> Result<IssueRequest, String> {
    v1::decode(headers, body).map_err(|error| error.to_string())
}

/// Reads a request to the ledger over gRPC.
///
/// # Errors
/// What is answered.
pub fn decode_rekor(message: CreateEntryRequest) -> Result<EntryRequest, String> {
    rekor_v2::decode(message).map_err(|error| error.to_string())
}
