//! Project Wycheproof's vectors for the primitives, with keys that are published as a key set.

use aws_lc_rs::signature::KeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

use super::*;
use crate::token::claims::Claims;
use crate::token::header::Header;

fn b64(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

/// A number as `Base64urlUInt`.
fn number(octets: &[u8]) -> String {
    let start = octets.iter().position(|&octet| octet != 0).unwrap_or(0);
    b64(&octets[start..])
}

/// A coordinate at its full length.
fn coordinate(octets: &[u8], size: usize) -> String {
    let start = octets.len().saturating_sub(size);
    let octets = &octets[start..];
    b64([vec![0; size - octets.len()], octets.to_vec()].concat())
}

/// Counts what is accepted and refused of the vectors of one key.
#[derive(Default, Debug, PartialEq)]
struct Count {
    accepted: usize,
    refused: usize,
}

impl Count {
    fn check(
        &mut self,
        jwk: &Value,
        name: &str,
        id: usize,
        case: (&[u8], &[u8]),
        result: TestResult,
    ) {
        let (message, signature) = case;
        let accepted = is_accepted(jwk, name, message, signature);
        match result {
            TestResult::Valid => assert!(accepted, "{name} {id}"),
            TestResult::Invalid => assert!(!accepted, "{name} {id}"),
            TestResult::Acceptable => {}
        }
        *(if accepted {
            &mut self.accepted
        } else {
            &mut self.refused
        }) += 1;
    }
}

/// Verifies a message that is no token as though it were one.
fn is_accepted(jwk: &Value, name: &str, message: &[u8], signature: &[u8]) -> bool {
    let document = json!({"keys": [jwk]}).to_string();
    let Ok(keys) = KeySet::parse(document.as_bytes()) else {
        return false;
    };
    let algorithm = Algorithm::from_name(name).unwrap();
    let key = keys.candidates(None).next().unwrap();
    key.verifier(algorithm)
        .is_some_and(|verifier| verifier.verify_sig(message, signature).is_ok())
}

fn rsa_key(n: &[u8], e: &[u8]) -> Value {
    json!({"kty": "RSA", "n": number(n), "e": number(e)})
}

#[test]
fn rsa_signatures_are_judged_as_wycheproof_does() {
    use rsa_pkcs1_verify::TestName as Name;
    for (name, set) in [
        ("RS256", Name::Rsa2048Sha256),
        ("RS256", Name::Rsa3072Sha256),
        ("RS256", Name::Rsa4096Sha256),
        ("RS384", Name::Rsa2048Sha384),
        ("RS384", Name::Rsa3072Sha384),
        ("RS512", Name::Rsa2048Sha512),
        ("RS512", Name::Rsa4096Sha512),
    ] {
        let mut count = Count::default();
        for group in rsa_pkcs1_verify::TestSet::load(set).unwrap().test_groups {
            let jwk = rsa_key(&group.key.n, &group.key.e);
            for test in group.tests {
                // PKCS #1 v1.5 without the NULL is a form that is tolerated elsewhere.
                count.check(&jwk, name, test.tc_id, (&test.msg, &test.sig), test.result);
            }
        }
        println!("{name} {set:?}: {count:?}");
        assert!(
            count.accepted > 3 && count.refused > 100,
            "{name}: {count:?}"
        );
    }
}

#[test]
fn pss_signatures_are_judged_as_wycheproof_does() {
    use rsa_pss_verify::TestName as Name;
    for (name, set) in [
        ("PS256", Name::RsaPss2048Sha256Mgf1SaltLen32),
        ("PS256", Name::RsaPss3072Sha256Mgf1SaltLen32),
        ("PS384", Name::RsaPss2048Sha384Mgf1SaltLen48),
        ("PS384", Name::RsaPss4096Sha384Mgf1SaltLen48),
        ("PS512", Name::RsaPss4096Sha512Mgf1SaltLen64),
    ] {
        let mut count = Count::default();
        for group in rsa_pss_verify::TestSet::load(set).unwrap().test_groups {
            let jwk = rsa_key(&group.key.n, &group.key.e);
            for test in group.tests {
                count.check(&jwk, name, test.tc_id, (&test.msg, &test.sig), test.result);
            }
        }
        println!("{name} {set:?}: {count:?}");
        assert!(
            count.accepted > 20 && count.refused > 20,
            "{name}: {count:?}"
        );
    }
}

#[test]
fn ecdsa_signatures_are_judged_as_wycheproof_does() {
    use ecdsa::TestName as Name;
    for (name, curve, size, set) in [
        ("ES256", "P-256", 32, Name::EcdsaSecp256r1Sha256P1363),
        ("ES384", "P-384", 48, Name::EcdsaSecp384r1Sha384P1363),
        ("ES512", "P-521", 66, Name::EcdsaSecp521r1Sha512P1363),
    ] {
        let mut count = Count::default();
        for group in ecdsa::TestSet::load(set).unwrap().test_groups {
            let key = &group.key;
            let (x, y) = (
                coordinate(&key.affine_x, size),
                coordinate(&key.affine_y, size),
            );
            let jwk = json!({"kty": "EC", "crv": curve, "x": x, "y": y});
            for test in group.tests {
                count.check(&jwk, name, test.tc_id, (&test.msg, &test.sig), test.result);
            }
        }
        println!("{name}: {count:?}");
        assert!(
            count.accepted > 100 && count.refused > 80,
            "{name}: {count:?}"
        );
    }
}

#[test]
fn ed25519_signatures_are_judged_as_wycheproof_does() {
    let mut count = Count::default();
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    for group in set.test_groups {
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": b64(&group.key.pk)});
        for test in group.tests {
            count.check(
                &jwk,
                "EdDSA",
                test.tc_id,
                (&test.msg, &test.sig),
                test.result,
            );
        }
    }
    println!("EdDSA: {count:?}");
    assert!(count.accepted > 60 && count.refused > 50, "{count:?}");
}

#[test]
fn a_token_without_a_key_name_is_tried_with_a_bounded_number_of_keys() {
    let point = b64(signing_key().public_key().as_ref());
    let decoys = (0..MAX_TRIED).map(|_| {
        let other = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
        json!({"kty": "OKP", "crv": "Ed25519", "x": b64(other.public_key().as_ref())})
    });
    let keys: Vec<Value> = decoys
        .chain([json!({"kty": "OKP", "crv": "Ed25519", "x": point})])
        .collect();
    let verified = |keys: &[Value]| {
        let set = KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap();
        let mut header = Map::new();
        header.insert("alg".into(), json!("EdDSA"));
        let token = UnverifiedToken {
            header: Header::new(&header).unwrap(),
            claims: Claims::new(Map::new()),
            signing_input: "a.b",
            signature: signing_key().sign(b"a.b").as_ref().to_vec(),
        };
        verify_with(&token, &set, &Algorithm::ALL)
    };
    assert_eq!(verified(&keys[1..]), Ok(()));
    assert_eq!(verified(&keys), Err(SignatureError::SignatureInvalid));
}

fn signing_key() -> aws_lc_rs::signature::Ed25519KeyPair {
    aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}
