//! Project Wycheproof's vectors for JSON Web Signatures and Keys, on the way that a token takes: form,
//! header, key set, signature. The payload is left unread, for most of theirs are no claims.

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::algorithm::Algorithm;
use crate::jwks::KeySet;
use crate::signature;

#[derive(Deserialize)]
struct Group {
    comment: String,
    keys: Vec<Value>,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    id: u32,
    comment: String,
    /// A text, or an object in the tests of the JSON serialization.
    jws: Value,
    valid: bool,
}

const JWS: &str = include_str!("../../tests/vectors/wycheproof/jws.json");
const JWK: &str = include_str!("../../tests/vectors/wycheproof/jwk.json");

/// Tells whether a signature is good, and refused here all the same.
fn is_refused_on_purpose(group: &Group, test: &Test) -> bool {
    // Secret keys verify nothing here.
    let secret = group.keys.iter().any(|key| key["kty"] == "oct");
    // The key's `alg` is another than the token's: PS256 for PS384, and ES521, which no RFC knows.
    secret || [346, 347, 350, 351].contains(&test.id)
}

fn is_accepted(group: &Group, test: &Test) -> bool {
    let document = json!({"keys": group.keys}).to_string();
    let Some(jws) = test.jws.as_str() else {
        return UnverifiedToken::parse(&test.jws.to_string()).is_ok();
    };
    let accept = || {
        let (signing_input, header, payload, signature) = parts(jws).ok()?;
        decode("payload", payload).ok()?;
        let members = object("header", header, &header::REGISTERED).ok()?;
        let token = UnverifiedToken {
            header: Header::new(&members).ok()?,
            claims: Claims::new(Map::new()),
            signing_input,
            signature: decode("signature", signature).ok()?,
        };
        let keys = KeySet::parse(document.as_bytes()).ok()?;
        signature::verify_with(&token, &keys, &Algorithm::ALL).ok()
    };
    accept().is_some()
}

fn replay(groups: &str) -> (usize, usize) {
    let groups: Vec<Group> = serde_json::from_str(groups).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for group in &groups {
        for test in &group.tests {
            let found = is_accepted(group, test);
            let expected = test.valid && !is_refused_on_purpose(group, test);
            let name = format!("{} {}: {}", group.comment, test.id, test.comment);
            assert_eq!(found, expected, "{name}");
            *(if found { &mut accepted } else { &mut refused }) += 1;
        }
    }
    (accepted, refused)
}

#[test]
fn signatures_are_judged_as_wycheproof_does() {
    assert_eq!(replay(JWS), (32, 369));
}

#[test]
fn keys_are_judged_as_wycheproof_does() {
    assert_eq!(replay(JWK), (1, 25));
}
