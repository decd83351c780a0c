//! The documents byte by byte, and reading them back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chancery_keys::{KeyType, LocalKey, PublicKey, Signer as _};
use serde_json::{Value, json};
use url::Url;

use super::*;

/// 2026-10-01T00:00:00Z
const OCTOBER: Duration = Duration::from_secs(1_790_812_800);

// Documents that every client took.
const TRUSTED_ROOT_FILE: &str = include_str!("../../tests/vectors/trusted_root.json");
const SIGNING_CONFIG_FILE: &str = include_str!("../../tests/vectors/signing_config.v0.2.json");
const CLIENT_CONFIG_FILE: &str = include_str!("../../tests/vectors/client_trust_config.json");

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn october(ms: u64) -> SystemTime {
    UNIX_EPOCH + OCTOBER + Duration::from_millis(ms)
}

fn since_october() -> Window {
    Window::between(october(900), None)
}

fn chain(authority: &CertificateAuthority) -> Vec<Vec<u8>> {
    authority.certificates().map(<[u8]>::to_vec).collect()
}

/// The instance of the vectors.
fn instance() -> Instance {
    let expected = TrustedRoot::parse(TRUSTED_ROOT_FILE.as_bytes()).unwrap();
    Instance {
        organization: "chancery.test".to_owned(),
        operator: "chancery.test".to_owned(),
        authorities: vec![Authority {
            url: url("https://ca.chancery.test/"),
            chain: chain(&expected.certificate_authorities[0]),
            window: since_october(),
        }],
        logs: vec![CtLog {
            url: url("https://ctlog.chancery.test/2026h2"),
            key: expected.ctlogs[0].key().unwrap(),
            window: since_october(),
        }],
        ledgers: vec![Ledger {
            url: url("https://rekor.chancery.test"),
            key: expected.tlogs[0].key().unwrap(),
            window: since_october(),
        }],
        timestamp_authorities: vec![TimestampAuthority {
            url: url("https://tsa.chancery.test/api/v1/timestamp"),
            chain: chain(&expected.timestamp_authorities[0]),
            window: since_october(),
        }],
        stamps: true,
        login: vec![LoginIssuer {
            issuer: "https://issuer.chancery.test".to_owned(),
            operator: "chancery.test".to_owned(),
            window: since_october(),
        }],
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn new_key(key_type: KeyType) -> PublicKey {
    LocalKey::generate(key_type).unwrap().public_key().clone()
}

#[test]
fn the_documents_are_those_that_every_client_takes_byte_for_byte() {
    let documents = TrustDocuments::of(&instance()).unwrap();
    assert_eq!(text(&documents.trusted_root), TRUSTED_ROOT_FILE);
    assert_eq!(text(&documents.signing_config), SIGNING_CONFIG_FILE);
    assert_eq!(
        text(&documents.client_trust_config).trim_end(),
        CLIENT_CONFIG_FILE.trim_end()
    );
}

#[test]
fn what_an_instance_lacks_is_left_out_with_its_selector() {
    let least = Instance {
        ledgers: Vec::new(),
        timestamp_authorities: Vec::new(),
        stamps: false,
        login: vec![LoginIssuer::at("http://localhost:5555/dev-oidc", since_october()).unwrap()],
        operator: "ca.chancery.test".to_owned(),
        ..instance()
    };
    let documents = TrustDocuments::of(&least).unwrap();
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
        "oidcUrls": [service("http://localhost:5555/dev-oidc", "localhost")],
    });
    let written: Value = serde_json::from_slice(&documents.signing_config).unwrap();
    assert_eq!(written, expected);
    let written: Value = serde_json::from_slice(&documents.trusted_root).unwrap();
    assert_eq!(written["tlogs"], json!([]));
    assert_eq!(written["timestampAuthorities"], json!([]));
}

#[test]
fn an_issuer_is_named_to_the_letter_and_every_other_url_has_no_slash_at_its_end() {
    for name in [
        "https://chancery.eu.auth0.com/",
        "https://issuer.chancery.test",
        "https://issuer.chancery.test/realms/Example",
        "https://Issuer.chancery.test:443/",
    ] {
        let login = LoginIssuer::at(name, since_october()).unwrap();
        let instance = Instance {
            login: vec![login],
            ..instance()
        };
        let config = instance.signing_config();
        assert_eq!(config.oidc_urls[0].url, name);
        assert_eq!(config.ca_urls[0].url, "https://ca.chancery.test");
    }
    let operator = |name: &str| LoginIssuer::at(name, since_october()).map(|l| l.operator);
    let named = operator("https://chancery.eu.auth0.com/").unwrap();
    assert_eq!(named, "chancery.eu.auth0.com");
    for wrong in [
        "",
        "issuer.chancery.test",
        " https://issuer.chancery.test",
        "https://issuer.chancery.test\n",
    ] {
        let refused = operator(wrong).unwrap_err();
        assert!(matches!(refused, DocumentError::Issuer(_)), "{refused}");
    }
    let hostless = operator("urn:issuer").unwrap_err();
    assert!(matches!(hostless, DocumentError::NoHost(_)), "{hostless}");
}

#[test]
fn each_log_is_listed_with_its_own_window_in_whole_seconds_that_lose_no_receipt() {
    let window = |begins_ms, ends_ms: Option<u64>| {
        let mut instance = instance();
        instance.logs[0].window = Window::between(october(begins_ms), ends_ms.map(october));
        let written = TrustDocuments::of(&instance).unwrap().trusted_root;
        let written: Value = serde_json::from_slice(&written).unwrap();
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
fn an_authority_that_stamps_no_more_is_trusted_and_not_asked() {
    let former = Instance {
        stamps: false,
        ..instance()
    };
    assert_eq!(
        former.trusted_root().unwrap(),
        instance().trusted_root().unwrap()
    );
    let config = former.signing_config();
    assert!(config.tsa_urls.is_empty());
    assert!(config.rekor_tlog_urls.is_empty());
}

#[test]
fn keys_and_chains_that_clients_cannot_verify_with_are_refused() {
    let mut log = instance();
    log.logs[0].key = new_key(KeyType::P384);
    let refused = TrustDocuments::of(&log);
    assert!(matches!(refused, Err(DocumentError::LogKey(_))));

    let mut ledger = instance();
    ledger.ledgers[0].key = new_key(KeyType::P384);
    let refused = TrustDocuments::of(&ledger);
    assert!(matches!(refused, Err(DocumentError::LedgerKey(_))));

    let mut stamps = instance();
    stamps.timestamp_authorities[0].chain.remove(0);
    let refused = TrustDocuments::of(&stamps);
    assert!(matches!(refused, Err(DocumentError::TimestampChain(_))));

    let mut chain = instance();
    chain.authorities[0].chain[1] = b"no certificate".to_vec();
    let refused = TrustDocuments::of(&chain);
    assert!(matches!(refused, Err(DocumentError::Certificate { .. })));
}

#[test]
fn a_ledger_on_p256_is_named_by_the_hash_of_its_key() {
    let mut instance = instance();
    let key = new_key(KeyType::P256);
    instance.ledgers[0].key = key.clone();
    let root = instance.trusted_root().unwrap();
    let named = root.tlogs[0].log_id.as_ref().unwrap();
    assert_eq!(named.key_id.0, key.sha256());
}

#[test]
fn a_trusted_root_is_read_with_its_windows() {
    let root = TrustedRoot::parse(TRUSTED_ROOT_FILE.as_bytes()).unwrap();
    let [log] = &root.ctlogs[..] else { panic!() };
    assert_eq!(log.base_url, "https://ctlog.chancery.test/2026h2");
    assert_eq!(root.certificate_authorities[0].certificates().count(), 2);
    assert!(log.window().holds(october(0)));
    assert!(!log.window().holds(october(0) - Duration::from_secs(1)));
}

#[test]
fn what_is_no_trusted_root_is_refused() {
    for wrong in [
        "",
        "[]",
        "{}",
        r#"["application/vnd.dev.sigstore.trustedroot+json;version=0.1", [], [], [], []]"#,
        r#"{"mediaType": "text/plain"}"#,
        r#"{"mediaType": TYPE, "ctlogs": [{"publicKey": {"rawBytes": "!"}}]}"#,
        r#"{"mediaType": TYPE, "ctlogs": [{}]}"#,
    ] {
        let wrong = wrong.replace("TYPE", &format!("{:?}", trusted_root::MEDIA_TYPE));
        assert!(TrustedRoot::parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
    let least = format!(r#"{{"mediaType": {:?}}}"#, trusted_root::MEDIA_TYPE);
    TrustedRoot::parse(least.as_bytes()).unwrap();
}

#[test]
fn a_window_without_a_start_is_refused() {
    let windows = [
        r#"{}"#,
        r#"{"end": "2036-10-01T00:00:00Z"}"#,
        r#"{"start": null}"#,
        r#"{"strat": "2026-10-01T00:00:00Z"}"#,
    ];
    for window in windows {
        let window: Value = serde_json::from_str(window).unwrap();
        let changed = |document: &str, place: &str| {
            let mut document: Value = serde_json::from_str(document).unwrap();
            *document.pointer_mut(place).unwrap() = window.clone();
            document.to_string()
        };
        for place in ["/tlogs/0/publicKey", "/ctlogs/0/publicKey"] {
            let root = changed(TRUSTED_ROOT_FILE, &format!("{place}/validFor"));
            assert!(TrustedRoot::parse(root.as_bytes()).is_err(), "{root}");
        }
        for place in ["/certificateAuthorities/0", "/timestampAuthorities/0"] {
            let root = changed(TRUSTED_ROOT_FILE, &format!("{place}/validFor"));
            assert!(TrustedRoot::parse(root.as_bytes()).is_err(), "{root}");
        }
        let config = changed(SIGNING_CONFIG_FILE, "/caUrls/0/validFor");
        assert!(serde_json::from_str::<SigningConfig>(&config).is_err());
    }
}

#[test]
fn a_time_that_cannot_be_written_is_an_error() {
    // 9999-12-31T23:59:59Z is the last second that RFC 3339 has.
    let last = UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    let written = |end| {
        let mut instance = instance();
        instance.logs[0].window.end = Some(end);
        TrustDocuments::of(&instance).map(drop)
    };
    written(last).unwrap();
    for beyond in [
        Duration::from_millis(500),
        Duration::from_secs(1_000_000_000_000),
    ] {
        let refused = written(last + beyond).unwrap_err();
        assert!(matches!(refused, DocumentError::Time(_)), "{refused}");
    }
}
