//! Byte for byte what an independent implementation made, and what real clients sent.

use chancery_ledger::{EntryKind, EntryRequest, VerifiedEntry};

pub(crate) const REQUEST: &[u8] = include_bytes!("../vectors/request1.json");
pub(crate) const RESPONSE: &[u8] = include_bytes!("../vectors/response1.json");
pub(crate) const GENESIS: &[u8] = include_bytes!("../vectors/entry0.json");
pub(crate) const ENTRY: &[u8] = include_bytes!("../vectors/entry1.json");
pub(crate) const DSSE_REQUEST: &[u8] = include_bytes!("../vectors/dsse_request.json");
const DSSE_ENTRY: &[u8] = include_bytes!("../vectors/dsse_entry.json");

/// The entries of real clients, and what they were sent by.
const CLIENTS: [(&str, &[u8]); 7] = [
    (
        "sigstore-go",
        include_bytes!("../vectors/sigstore-go.hashedrekord.json"),
    ),
    (
        "sigstore-python",
        include_bytes!("../vectors/sigstore-python.hashedrekord.json"),
    ),
    (
        "sigstore-js",
        include_bytes!("../vectors/sigstore-js.hashedrekord.json"),
    ),
    (
        "sigstore-js",
        include_bytes!("../vectors/sigstore-js.dsse.json"),
    ),
    (
        "sigstore-java",
        include_bytes!("../vectors/sigstoreJavaClient.hashedrekord.json"),
    ),
    (
        "sigstore-rust",
        include_bytes!("../vectors/sigstore-rust.hashedrekord.json"),
    ),
    (
        "sigstore-rust",
        include_bytes!("../vectors/sigstore-rust.dsse.json"),
    ),
];

pub(crate) fn verified(request: &[u8]) -> VerifiedEntry {
    EntryRequest::parse(request).unwrap().verify().unwrap()
}

#[test]
fn the_bodies_are_the_vectors_byte_for_byte() {
    for (request, body, kind) in [
        (REQUEST, ENTRY, EntryKind::HashedRekord),
        (DSSE_REQUEST, DSSE_ENTRY, EntryKind::Dsse),
    ] {
        let entry = verified(request);
        assert_eq!(
            String::from_utf8_lossy(entry.body()),
            String::from_utf8_lossy(body)
        );
        assert_eq!(entry.kind(), kind);
    }
    let hash = verified(REQUEST).leaf_hash();
    assert_eq!(
        hex::encode(hash.as_bytes()),
        "c662e7428395126e547615cf107f047627927c2ded70a830db371ece41af0d19"
    );
}

#[test]
fn bodies_are_read_and_verified_again_as_they_stand_in_a_log() {
    for body in [GENESIS, ENTRY, DSSE_ENTRY] {
        assert_eq!(VerifiedEntry::from_body(body).unwrap().body(), body);
    }
    // Everything that is said of the signature counts.
    let text = str::from_utf8(ENTRY).unwrap();
    let others = [
        text.replacen("{\"api", "{ \"api", 1),
        text.replacen("hashedrekord", "dsse", 1),
        text.replacen("0.0.2", "0.0.1", 1),
        text.replacen("SHA2_256", "SHA2_512", 1),
        text.replacen("\"digest\":\"t5", "\"digest\":\"u5", 1),
        text.replacen("P256_SHA_256", "P384_SHA_384", 1),
        text.replacen("MEQCIEBpt", "MEQCIEBps", 1),
    ];
    for other in others {
        assert_ne!(other, text);
        assert!(
            VerifiedEntry::from_body(other.as_bytes()).is_err(),
            "{other}"
        );
    }
}

#[test]
fn what_real_clients_sent_verifies() {
    for (client, request) in CLIENTS {
        let entry = EntryRequest::parse(request).and_then(EntryRequest::verify);
        let entry = entry.unwrap_or_else(|e| panic!("{client}: {e}"));
        let again = VerifiedEntry::from_body(entry.body()).unwrap();
        assert_eq!(again.body(), entry.body(), "{client}");
        assert!(entry.certificate().is_some(), "{client}");
    }
    let older = include_bytes!("../vectors/sigstore-js.intoto.json");
    assert!(EntryRequest::parse(older).is_err(), "Rekor v1's");
}
