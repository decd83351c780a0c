//! Requests to the ledger over gRPC: they mean what the same requests in JSON do.

use chancery_proto::rekor_v2::CreateEntryRequest;
use chancery_server::fuzzing;
use prost::Message as _;

use crate::ledger;

/// Reads an input as the message of `CreateEntry`, and logs what it asks for.
pub fn run(input: &[u8]) {
    let Ok(message) = CreateEntryRequest::decode(input) else {
        return;
    };
    if let Ok(request) = fuzzing::decode_rekor(message) {
        ledger::log(request);
    }
}
