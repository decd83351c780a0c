//! Key sets: none that is accepted has a key for which a forged token verifies, and no key in it
//! spoils a good one beside it.

use chancery_identity::{IdentityConfig, Issuers, IssuersOptions};
use serde_json::{Value, json};

use crate::genuine::{NOW, base64url, block_on, jwk, now, token};
use crate::public_key::forgeries_of;

const ISSUER: &str = "https://issuer.test";

/// Reads a key set. An input is the document.
pub fn run(input: &[u8]) {
    let Ok(document) = std::str::from_utf8(input) else {
        return;
    };
    if let Some(issuers) = trusted(document) {
        for (algorithm, length) in [("EdDSA", 64), ("ES256", 64), ("RS256", 256), ("PS512", 256)] {
            let header = base64url(json!({"alg": algorithm}).to_string().as_bytes());
            let signed = format!("{header}.{}", base64url(claims().as_bytes()));
            for forged in forgeries_of(length) {
                let token = format!("{signed}.{}", base64url(&forged));
                let shown = block_on(issuers.authenticate(&token, now()));
                assert!(shown.is_err(), "{algorithm} with {forged:?}");
            }
        }
    }
    beside_a_good_one(document);
}

fn claims() -> String {
    json!({
        "iss": ISSUER, "aud": "sigstore", "exp": NOW + 600, "email": "alice@example.test",
        "email_verified": true,
    })
    .to_string()
}

fn trusted(document: &str) -> Option<Issuers> {
    let entry = json!({"client-id": "sigstore", "type": "email", "jwks": document});
    let config = json!({"oidc-issuers": {ISSUER: entry}}).to_string();
    let config =
        IdentityConfig::parse(config.as_bytes(), "fuzz").expect("all but the keys is right");
    match Issuers::new(config, IssuersOptions::default()) {
        Ok(issuers) => Some(issuers),
        Err(error) => {
            let said = error.to_string();
            assert!(said.contains("jwks") && said.len() < 4096, "{said}");
            None
        }
    }
}

fn beside_a_good_one(document: &str) {
    let Ok(mut set) = serde_json::from_str::<Value>(document) else {
        return;
    };
    let Some(keys) = set.get_mut("keys").and_then(Value::as_array_mut) else {
        return;
    };
    keys.truncate(99);
    keys.push(jwk());
    let issuers = trusted(&set.to_string()).expect("one key is good");
    let genuine = token(br#"{"alg":"EdDSA","kid":"genuine"}"#, claims().as_bytes());
    let shown = block_on(issuers.authenticate(&genuine, now()));
    assert!(shown.is_ok(), "{shown:?}");
}
