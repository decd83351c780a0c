//! What clients send as proof of possession, made what the authority takes: the rules that REST
//! and gRPC share.

use chancery_ca::{IssueError, PossessionError, PossessionRequest};

use crate::error::ApiError;

/// Takes the key: PEM with API v2, DER or PEM with API v1.
pub(crate) fn from_key(content: Vec<u8>, proof: Vec<u8>) -> PossessionRequest {
    if content.is_empty() {
        PossessionRequest::Missing
    } else {
        PossessionRequest::PublicKey { content, proof }
    }
}

/// Takes the signing request that came with API v2; an empty one is none, as with Fulcio.
pub(crate) fn from_csr(csr: Vec<u8>) -> PossessionRequest {
    if csr.is_empty() {
        PossessionRequest::Missing
    } else {
        PossessionRequest::Csr(csr)
    }
}

/// Takes what came with API v1, where a signing request wins over a key.
///
/// # Errors
///
/// Refuses a request that has neither: with API v1 that is said before the token is looked at.
pub(crate) fn from_v1(
    key: Option<Vec<u8>>,
    proof: Vec<u8>,
    csr: Vec<u8>,
) -> Result<PossessionRequest, ApiError> {
    if !csr.is_empty() {
        return Ok(PossessionRequest::Csr(csr));
    }
    match key {
        Some(content) => Ok(from_key(content, proof)),
        None => Err(ApiError::from(IssueError::Possession(
            PossessionError::Key("send publicKey or certificateSigningRequest".to_owned()),
        ))),
    }
}
