//! Issuers whose keys the operator has given: they are never asked.

use std::path::Path;

use serde_json::{Value, json};

use chancery_identity::{IdentityConfig, Issuers, IssuersOptions, Timings};

use crate::issuer::{NOW, TestKey, code, issuers, now};

/// An address at which nobody could answer.
const URL: &str = "https://idp.air-gapped.invalid/realm";

fn token(key: &TestKey, issuer: &str) -> String {
    let claims = json!({
        "iss": issuer,
        "aud": "sigstore",
        "exp": NOW + 600,
        "email": "alice@example.test",
        "email_verified": true,
    });
    key.token(&json!({"kid": key.kid}), &claims)
}

fn config(entry: &Value) -> Value {
    let mut entry = entry.clone();
    entry["client-id"] = json!("sigstore");
    entry["type"] = json!("email");
    json!({"oidc-issuers": {URL: entry}})
}

fn load(config: &Value, folder: &Path) -> Result<Issuers, String> {
    let config = IdentityConfig::parse(config.to_string().as_bytes(), "test").unwrap();
    config
        .with_files(folder)
        .and_then(|config| Issuers::new(config, IssuersOptions::default()))
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn keys_in_the_configuration_verify_tokens_of_every_algorithm_without_a_request() {
    let keys: Vec<TestKey> = ["RS256", "PS384", "ES256", "EdDSA"]
        .map(|algorithm| TestKey::new(algorithm, algorithm))
        .into();
    let set = json!({"keys": keys.iter().map(TestKey::jwk).collect::<Vec<_>>()});
    for jwks in [set.clone(), json!(set.to_string())] {
        let issuers = issuers(&config(&json!({"jwks": jwks})), Timings::default());
        for key in &keys {
            let shown = issuers.authenticate(&token(key, URL), now()).await;
            assert_eq!(code(&shown), "accepted", "{}", key.kid);
        }
        let unknown = TestKey::new("x", "ES256");
        let refused = issuers.authenticate(&token(&unknown, URL), now()).await;
        assert_eq!(code(&refused), "key-unknown");
        let rogue = TestKey::rogue("RS256");
        let refused = issuers.authenticate(&token(&rogue, URL), now()).await;
        assert_eq!(code(&refused), "signature-invalid");
    }
}

#[tokio::test]
async fn given_keys_do_not_grow_old() {
    let key = TestKey::new("k", "ES256");
    let jwks = json!({"keys": [key.jwk()]});
    let issuers = issuers(&config(&json!({"jwks": jwks})), Timings::default());
    crate::keys::pass(std::time::Duration::from_secs(365 * 24 * 60 * 60)).await;
    let shown = issuers.authenticate(&token(&key, URL), now()).await;
    assert_eq!(code(&shown), "accepted");
}

#[tokio::test]
async fn a_key_file_is_read_when_the_configuration_is_and_relative_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (TestKey::new("old", "ES256"), TestKey::new("new", "ES256"));
    let config = config(&json!({"jwks-file": "keys.json"}));
    let write = |key: &TestKey| {
        let set = json!({"keys": [key.jwk()]}).to_string();
        std::fs::write(folder.path().join("keys.json"), set).unwrap();
    };
    write(&old);
    let before = load(&config, folder.path()).unwrap();
    write(&new);
    let after = load(&config, folder.path()).unwrap();
    let shown = async |issuers: &Issuers, key: &TestKey| {
        code(&issuers.authenticate(&token(key, URL), now()).await)
    };
    assert_eq!(shown(&before, &old).await, "accepted");
    assert_eq!(shown(&before, &new).await, "key-unknown");
    assert_eq!(shown(&after, &old).await, "key-unknown");
    assert_eq!(shown(&after, &new).await, "accepted");
}

#[test]
fn given_keys_are_those_of_one_issuer() {
    let key = TestKey::new("k", "ES256");
    for pattern in ["https://*.fleet.invalid", "https://fleet.invalid/*"] {
        let entry = json!({
            "client-id": "sigstore", "type": "email", "jwks": {"keys": [key.jwk()]},
        });
        let config = json!({"meta-issuers": {pattern: entry}});
        let error = load(&config, Path::new("")).unwrap_err();
        assert!(error.contains("sign for all others"), "{error}");
    }
}

#[test]
fn keys_that_cannot_be_used_are_refused_with_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let key = TestKey::new("k", "ES256").jwk();
    std::fs::write(folder.path().join("keys.json"), "{}").unwrap();
    std::fs::write(folder.path().join("huge.json"), vec![b' '; 600 * 1024]).unwrap();
    for (entry, part) in [
        (json!({"jwks": {"keys": []}}), "none of the 0 keys"),
        (
            json!({"jwks": {"keys": [{"kty": "oct"}]}}),
            "none of the 1 keys",
        ),
        (json!({"jwks": "{"}), "not JSON of the form"),
        (
            json!({"jwks": {"keys": [key]}, "jwks-file": "keys.json"}),
            "both jwks and jwks-file",
        ),
        (json!({"jwks-file": "keys.json"}), "not JSON of the form"),
        (json!({"jwks-file": "none.json"}), "none.json: No such file"),
        // To read a pipe would be to wait for its writer.
        (json!({"jwks-file": "/dev/null"}), "not a regular file"),
        (
            json!({"jwks-file": "huge.json"}),
            "larger than 524288 octets",
        ),
        (
            json!({"ca-cert-file": "none.pem"}),
            "ca-cert-file cannot be read",
        ),
        (
            json!({"ca-cert-file": "keys.json"}),
            "ca-cert is not a PEM certificate",
        ),
        (
            json!({"proxy": "socks5://u:secret@proxy.test"}),
            "its proxy is not of the form",
        ),
        (
            json!({"proxy": "u:secret@proxy.test:80"}),
            "its proxy is not of the form",
        ),
        (
            json!({"proxy": "http://u:secret@proxy.test/path"}),
            "its proxy is not of the form",
        ),
    ] {
        let error = load(&config(&entry), folder.path()).unwrap_err();
        assert!(error.contains(part), "{entry}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
