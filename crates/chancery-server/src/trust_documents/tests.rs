//! The documents, member by member and byte by byte.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::{KeyType, LocalKey, Signer as _};
use serde_json::{Value, json};

use super::*;

/// 2026-10-01T00:00:00Z
const OCTOBER: Duration = Duration::from_secs(1_790_812_800);

/// A document whose like every client took.
const EXPECTED: &str = include_str!("../../tests/fixtures/trusted_root.json");

fn bytes(base64: &Value) -> Vec<u8> {
    STANDARD
        .decode(base64["rawBytes"].as_str().unwrap())
        .unwrap()
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn log(key: PublicKey) -> TrustedLog {
    TrustedLog {
        key,
        url: url("https://ctlog.chancery.test/2026h2"),
        begins: UNIX_EPOCH + OCTOBER + Duration::from_millis(900),
        ends: None,
    }
}

fn documents() -> TrustDocuments {
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    let log_key = bytes(&expected["ctlogs"][0]["publicKey"]);
    documents_of(&[log(PublicKey::from_spki_der(&log_key).unwrap())])
}

fn documents_of(logs: &[TrustedLog]) -> TrustDocuments {
    documents_with(logs, &[])
}

fn documents_with(logs: &[TrustedLog], timestamps: &[TrustedTimestamps]) -> TrustDocuments {
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    let chain = &expected["certificateAuthorities"][0]["certChain"]["certificates"];
    let chain = chain.as_array().unwrap().iter().map(bytes).collect();
    TrustDocuments::new(&TrustSubject {
        url: &url("https://ca.chancery.test/"),
        organization: "chancery.test",
        chain: &CertificateChain::from_ders(chain).unwrap(),
        logs,
        timestamps,
        ledgers: &[],
        valid_from: UNIX_EPOCH + OCTOBER + Duration::from_millis(900),
        oidc_issuers: &[
            url("https://issuer.chancery.test"),
            url("http://localhost:5555/dev-oidc"),
        ],
    })
    .unwrap()
}

#[test]
fn the_trusted_root_is_the_one_that_clients_take_byte_for_byte() {
    assert_eq!(
        std::str::from_utf8(documents().trusted_root()).unwrap(),
        EXPECTED
    );
}

#[test]
fn the_signing_configuration_names_neither_ledger_nor_timestamps_nor_their_selectors() {
    let written = documents().signing_config().clone();
    let service = |url: &str, operator: &str| {
        json!({
            "url": url,
            "majorApiVersion": 1,
            "validFor": { "start": "2026-10-01T00:00:00Z" },
            "operator": operator,
        })
    };
    let expected = json!({
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": [service("https://ca.chancery.test", "ca.chancery.test")],
        "oidcUrls": [
            service("https://issuer.chancery.test", "issuer.chancery.test"),
            service("http://localhost:5555/dev-oidc", "localhost"),
        ],
    });
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), expected);
    assert!(written.ends_with(b"}\n") && !written.ends_with(b"\n\n"));
}

#[test]
fn the_client_trust_config_holds_both() {
    let documents = documents();
    let parse = |bytes: &Bytes| serde_json::from_slice::<Value>(bytes).unwrap();
    let expected = json!({
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": parse(documents.trusted_root()),
        "signingConfig": parse(documents.signing_config()),
    });
    assert_eq!(parse(documents.client_trust_config()), expected);
}

#[test]
fn each_log_is_listed_with_its_own_window_in_whole_seconds_that_lose_no_receipt() {
    let key = LocalKey::generate(KeyType::P256).unwrap();
    let window = |begins_ms, ends_ms: Option<u64>| {
        let at = |ms| UNIX_EPOCH + OCTOBER + Duration::from_millis(ms);
        let log = TrustedLog {
            begins: at(begins_ms),
            ends: ends_ms.map(at),
            ..log(key.public_key().clone())
        };
        let written = documents_of(&[log]);
        let written: Value = serde_json::from_slice(written.trusted_root()).unwrap();
        written["ctlogs"][0]["publicKey"]["validFor"].clone()
    };
    let start = "2026-10-01T00:00:00Z";
    for (ends_ms, end) in [
        (1_000, "2026-10-01T00:00:01Z"),
        (1_001, "2026-10-01T00:00:02Z"),
    ] {
        let expected = json!({ "start": start, "end": end });
        assert_eq!(window(999, Some(ends_ms)), expected);
    }
    assert_eq!(window(0, None), json!({ "start": start }));
}

#[test]
fn a_log_key_that_clients_cannot_verify_with_is_refused() {
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    let chain = &expected["certificateAuthorities"][0]["certChain"]["certificates"];
    let chain = chain.as_array().unwrap().iter().map(bytes).collect();
    let key = LocalKey::generate(KeyType::P384).unwrap();
    let error = TrustDocuments::new(&TrustSubject {
        url: &url("https://ca.chancery.test"),
        organization: "chancery.test",
        chain: &CertificateChain::from_ders(chain).unwrap(),
        logs: &[log(key.public_key().clone())],
        timestamps: &[],
        ledgers: &[],
        valid_from: UNIX_EPOCH,
        oidc_issuers: &[],
    });
    assert!(matches!(error, Err(TrustDocumentsError::LogKey(_))));
}

#[test]
fn the_authority_that_stamps_is_asked_and_those_before_it_are_trusted() {
    let make = |key_type| LocalKey::generate(key_type).unwrap();
    let chain = |begins| {
        let ceremony = chancery_tsa::TsaCeremony {
            organization: "chancery.test",
            common_name: "Timestamps",
            now: UNIX_EPOCH + OCTOBER + begins,
        };
        let (root, leaf) = (make(KeyType::P384), make(KeyType::P256));
        ceremony.perform(&root, None, &leaf).unwrap()
    };
    let minute = Duration::from_secs(60);
    let (before, now) = (chain(minute), chain(3 * minute));
    let documents = documents_with(
        &[],
        &[
            TrustedTimestamps {
                chain: now.clone(),
                ends: None,
            },
            TrustedTimestamps {
                chain: before.clone(),
                ends: Some(UNIX_EPOCH + OCTOBER + 4 * minute),
            },
        ],
    );
    let parse = |document: &Bytes| serde_json::from_slice::<Value>(document).unwrap();
    let root = parse(documents.trusted_root());
    let [first, second] = &root["timestampAuthorities"].as_array().unwrap()[..] else {
        panic!()
    };
    let served = |authority: &Value| -> Vec<_> {
        let certificates = authority["certChain"]["certificates"].as_array();
        certificates.unwrap().iter().map(bytes).collect()
    };
    assert_eq!(served(first), now.ders());
    assert_eq!(served(second), before.ders());
    let uri = "https://ca.chancery.test/api/v1/timestamp";
    assert_eq!([&first["uri"], &second["uri"]], [uri, uri]);
    assert_eq!(first["subject"]["commonName"], "Timestamps");
    assert_eq!(
        first["validFor"],
        json!({ "start": "2026-10-01T00:02:00Z" })
    );
    let window = json!({ "start": "2026-10-01T00:00:00Z", "end": "2026-10-01T00:04:00Z" });
    assert_eq!(second["validFor"], window);

    let signing = parse(documents.signing_config());
    let [service] = &signing["tsaUrls"].as_array().unwrap()[..] else {
        panic!()
    };
    assert_eq!(service["url"], uri);
    assert_eq!(service["majorApiVersion"], 1);
    assert_eq!(service["validFor"], first["validFor"]);
    assert_eq!(signing["tsaConfig"], json!({ "selector": "ANY" }));
    let none = parse(documents_of(&[]).signing_config());
    assert_eq!([&none["tsaUrls"], &none["tsaConfig"]], [&Value::Null; 2]);
}
