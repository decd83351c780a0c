//! Tokens whose signature, algorithm or key is not the issuer's.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::Signature;
use serde_json::{Value, json};

use super::{Either, Expect, Issued, Refused, World};

/// The order of Ed25519's base point, in little-endian order (RFC 8032, 5.1).
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// Says a header, and what makes the signature of what is signed.
fn signed(world: &World, header: &Value, sign: impl FnOnce(&str) -> Vec<u8>) -> String {
    let input = world.honest_input(header);
    let signature = URL_SAFE_NO_PAD.encode(sign(&input));
    format!("{input}.{signature}")
}

#[tokio::test]
async fn tokens_without_a_signature_of_the_issuers_are_refused() {
    let world = World::start().await;
    let mut rows: Vec<(String, String, Expect)> = Vec::new();
    for none in ["none", "None", "NONE", "nOnE", ""] {
        for header in [
            json!({ "alg": none, "typ": "JWT" }),
            json!({ "alg": none, "kid": "rs256" }),
        ] {
            rows.push((
                format!("{header} unsigned"),
                signed(&world, &header, |_| Vec::new()),
                Refused,
            ));
            let rsa = signed(&world, &header, |input| {
                world.issuer.sign("rs256", input.as_bytes()).unwrap()
            });
            rows.push((format!("{header} signed"), rsa, Refused));
        }
    }
    for header in [
        json!({ "kid": "rs256" }),
        json!({ "kid": "rs256", "alg": null }),
        json!({ "kid": "rs256", "alg": 256 }),
        json!({ "kid": "rs256", "alg": ["RS256"] }),
        json!({ "kid": "rs256", "alg": "rs256" }),
        json!({ "kid": "rs256", "alg": "RS256 " }),
        json!({ "kid": "rs256", "alg": "RS384" }),
        json!({ "kid": "rs256", "alg": "RS512" }),
        json!({ "kid": "rs256", "alg": "PS256" }),
        json!({ "kid": "rs256", "alg": "ES256" }),
        json!({ "kid": "rs256", "alg": "ES256K" }),
        json!({ "kid": "rs256", "alg": "RSA1_5" }),
        json!({ "kid": "rs256", "alg": "HS256" }),
        json!({ "kid": "es256", "alg": "ES256" }),
    ] {
        let rsa = signed(&world, &header, |input| {
            world.issuer.sign("rs256", input.as_bytes()).unwrap()
        });
        rows.push((format!("{header} over RS256"), rsa, Refused));
    }
    let reverse = signed(
        &world,
        &json!({ "kid": "es256", "alg": "RS256" }),
        |input| world.issuer.sign("es256", input.as_bytes()).unwrap(),
    );
    rows.push(("ES256 labelled RS256".to_owned(), reverse, Refused));
    world.judge(world.with_tokens(rows)).await;
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let world = World::start().await;
    let der = world.issuer.spki_der("rs256").unwrap();
    let text = pem::encode(&pem::Pem::new("PUBLIC KEY", der.clone())).replace("\r\n", "\n");
    let jwk = world.issuer.jwk("rs256").unwrap();
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    let secrets = [
        ("the PEM", text.clone().into_bytes()),
        ("the PEM without its last newline", text.trim_end().into()),
        ("the DER", der),
        ("the modulus", modulus),
        ("the JWK", jwk.to_string().into_bytes()),
        ("nothing", Vec::new()),
        ("a word", b"secret".to_vec()),
    ];
    let mut rows = Vec::new();
    for (name, secret) in secrets {
        for (alg, algorithm) in [("HS256", hmac::HMAC_SHA256), ("HS512", hmac::HMAC_SHA512)] {
            for header in [
                json!({ "alg": alg, "kid": "rs256", "typ": "JWT" }),
                json!({ "alg": alg, "typ": "JWT" }),
            ] {
                let token = signed(&world, &header, |input| {
                    let key = hmac::Key::new(algorithm, &secret);
                    hmac::sign(&key, input.as_bytes()).as_ref().to_vec()
                });
                rows.push((format!("{header} with {name}"), token, Refused));
            }
        }
    }
    world.judge(world.with_tokens(rows)).await;
}

#[tokio::test]
async fn ecdsa_signatures_that_are_none_are_refused() {
    let world = World::start().await;
    let header = json!({ "alg": "ES256", "kid": "es256" });
    let row = |name: &'static str, change: &dyn Fn(Signature) -> Vec<u8>, expect| {
        let token = signed(&world, &header, |input| {
            let signature = world.issuer.sign("es256", input.as_bytes()).unwrap();
            change(Signature::from_slice(&signature).unwrap())
        });
        (name, token, expect)
    };
    let halves = |s: &Signature| {
        let bytes = s.to_bytes();
        (bytes[..32].to_vec(), bytes[32..].to_vec())
    };
    let order = p256_order();
    let mut one = vec![0; 32];
    one[31] = 1;
    let rows = vec![
        row("honest", &|s| s.to_bytes().to_vec(), Issued),
        row("zeros (CVE-2022-21449)", &|_| vec![0; 64], Refused),
        row("in DER", &|s| s.to_der().as_bytes().to_vec(), Refused),
        row(
            "the other s",
            &|s| {
                Signature::from_scalars(*s.r(), -*s.s())
                    .unwrap()
                    .to_bytes()
                    .to_vec()
            },
            Either,
        ),
        row(
            "r is the order",
            &|s| [order.clone(), halves(&s).1].concat(),
            Refused,
        ),
        row(
            "s is the order",
            &|s| [halves(&s).0, order.clone()].concat(),
            Refused,
        ),
        row(
            "r is 0, s is 1",
            &|_| [vec![0; 32], one.clone()].concat(),
            Refused,
        ),
        row(
            "r is 1, s is 0",
            &|_| [one.clone(), vec![0; 32]].concat(),
            Refused,
        ),
        row("all ones", &|_| vec![0xff; 64], Refused),
        row(
            "r and s changed places",
            &|s| [halves(&s).1, halves(&s).0].concat(),
            Refused,
        ),
        row(
            "a zero before each half",
            &|s| [vec![0], halves(&s).0, vec![0], halves(&s).1].concat(),
            Refused,
        ),
        row("one octet short", &|s| s.to_bytes()[..63].to_vec(), Refused),
        (
            "a P-384 key",
            signed(&world, &header, |input| {
                world.issuer.sign("es384", input.as_bytes()).unwrap()
            }),
            Refused,
        ),
    ];
    world.judge(world.with_tokens(rows)).await;
}

#[tokio::test]
async fn eddsa_signatures_that_are_none_are_refused() {
    let world = World::start().await;
    let header = json!({ "alg": "EdDSA", "kid": "eddsa" });
    let row = |name: &'static str, change: &dyn Fn(Vec<u8>) -> Vec<u8>, expect| {
        let token = signed(&world, &header, |input| {
            change(world.issuer.sign("eddsa", input.as_bytes()).unwrap())
        });
        (name, token, expect)
    };
    let rows = [
        row("honest", &|s| s, Issued),
        row("zeros", &|_| vec![0; 64], Refused),
        // The same signature for a verifier that does not check 0 <= S < L (RFC 8032, 5.1.7).
        row(
            "S + L",
            &|s| [&s[..32], &plus_order(&s[32..])].concat(),
            Refused,
        ),
        row("one octet short", &|s| s[..63].to_vec(), Refused),
        row("one octet long", &|s| [s, vec![0]].concat(), Refused),
    ];
    world.judge(world.with_tokens(rows)).await;
}

#[tokio::test]
async fn headers_that_ask_for_what_is_not_given_are_refused() {
    let world = World::start().await;
    let mut rows: Vec<(String, String, Expect)> = Vec::new();
    for (header, expect) in headers() {
        let name = header.to_string().chars().take(80).collect();
        rows.push((name, world.token_with_header(&header.to_string()), expect));
    }
    for (name, header) in [
        ("a header of text", "\"RS256\"".to_owned()),
        ("a header of an array", "[\"RS256\"]".to_owned()),
        ("a header of 10,000 arrays", "[".repeat(10_000)),
        (
            "alg twice",
            r#"{"alg":"none","alg":"RS256","kid":"rs256"}"#.to_owned(),
        ),
        (
            "alg twice again",
            r#"{"alg":"RS256","alg":"none","kid":"rs256"}"#.to_owned(),
        ),
        (
            "kid twice",
            r#"{"alg":"RS256","kid":"rogue","kid":"rs256"}"#.to_owned(),
        ),
        ("Alg for alg", r#"{"Alg":"RS256","kid":"rs256"}"#.to_owned()),
        (
            "Alg beside alg",
            r#"{"alg":"RS256","Alg":"none","kid":"rs256"}"#.to_owned(),
        ),
    ] {
        rows.push((name.to_owned(), world.token_with_header(&header), Refused));
    }
    world.judge(world.with_tokens(rows)).await;
}

/// Headers of tokens that the issuer's own key signs.
fn headers() -> Vec<(Value, Expect)> {
    vec![
        (json!({ "alg": "RS256", "kid": "rs256" }), Issued),
        (json!({ "alg": "RS256" }), Either),
        (json!({ "alg": "RS256", "kid": "" }), Either),
        (json!({ "alg": "RS256", "kid": null }), Either),
        (json!({ "alg": "RS256", "kid": "unknown" }), Refused),
        (json!({ "alg": "RS256", "kid": "es256" }), Refused),
        (json!({ "alg": "RS256", "kid": "ps256" }), Refused),
        (json!({ "alg": "RS256", "kid": 1 }), Refused),
        (
            json!({ "alg": "RS256", "kid": "../../../../dev/null" }),
            Refused,
        ),
        (json!({ "alg": "RS256", "kid": "' OR 1=1 --" }), Refused),
        (
            json!({ "alg": "RS256", "kid": "rs256; sleep 9 |" }),
            Refused,
        ),
        (
            json!({ "alg": "RS256", "kid": "a".repeat(100_000) }),
            Refused,
        ),
        (
            json!({ "alg": "RS256", "kid": "x\r\n\u{1b}[31mred" }),
            Refused,
        ),
        (
            json!({ "alg": "RS256", "kid": "rs256", "crit": ["x"], "x": 1 }),
            Refused,
        ),
        (
            json!({ "alg": "RS256", "kid": "rs256", "crit": [] }),
            Either,
        ),
        (
            json!({ "alg": "RS256", "kid": "rs256", "crit": ["exp"], "exp": 1 }),
            Refused,
        ),
        (
            json!({ "alg": "RS256", "kid": "rs256", "b64": false }),
            Refused,
        ),
        (
            json!({ "alg": "RS256", "kid": "rs256", "b64": false, "crit": ["b64"] }),
            Refused,
        ),
        (
            json!({ "alg": "RS256", "kid": "rs256", "zip": "DEF" }),
            Refused,
        ),
        (
            json!({ "alg": "RS256", "kid": "rs256", "typ": "logout+jwt" }),
            Refused,
        ),
        (
            json!({ "alg": "RS256", "kid": "rs256", "typ": "dpop+jwt" }),
            Refused,
        ),
        (
            json!({ "alg": "RS256", "kid": "rs256", "cty": "JWT" }),
            Either,
        ),
    ]
}

#[tokio::test]
async fn keys_that_a_token_brings_are_not_believed() {
    let world = World::start().await;
    let own = world.issuer.jwk("rogue").unwrap();
    let issuer = world.issuer.url();
    let mut rows = Vec::new();
    // Signed by a key that the issuer never published.
    for header in [
        json!({ "alg": "RS256", "kid": "rs256" }),
        json!({ "alg": "RS256", "kid": "rogue" }),
        json!({ "alg": "RS256" }),
        json!({ "alg": "RS256", "jwk": own }),
        json!({ "alg": "RS256", "kid": "rs256", "jwk": own }),
        json!({ "alg": "RS256", "kid": "rogue", "jku": format!("{issuer}/evil/jwks") }),
        json!({ "alg": "RS256", "kid": "rogue", "x5u": format!("{issuer}/evil/chain") }),
        json!({ "alg": "RS256", "x5c": ["MIIB"] }),
    ] {
        let name: String = header.to_string().chars().take(80).collect();
        let token = signed(&world, &header, |input| {
            world.issuer.sign("rogue", input.as_bytes()).unwrap()
        });
        rows.push((format!("rogue: {name}"), token, Refused));
    }
    world.judge(world.with_tokens(rows)).await;
}

#[tokio::test]
async fn an_issuer_cannot_speak_for_another() {
    let world = World::start().await;
    let header = json!({ "alg": "RS256", "kid": "rs256" });
    let theirs = json!({ "iss": world.other.url() });
    let rows = [
        (
            "the other's signature, our name",
            signed(&world, &header, |input| {
                world.other.sign("rs256", input.as_bytes()).unwrap()
            }),
            Refused,
        ),
        (
            "our signature, the other's name",
            world.token(&theirs),
            Refused,
        ),
        (
            "the other in its own name",
            {
                let payload = Value::Object(world.claims(&theirs)).to_string();
                let header = header.to_string();
                world
                    .other
                    .jws("rs256", &header, payload.as_bytes())
                    .unwrap()
            },
            Issued,
        ),
    ];
    world.judge(world.with_tokens(rows)).await;
}

/// The order of P-256's base point (SEC 2, 2.4.2).
fn p256_order() -> Vec<u8> {
    let order = [
        0xffff_ffff_0000_0000_u64,
        0xffff_ffff_ffff_ffff,
        0xbce6_faad_a717_9e84,
        0xf3b9_cac2_fc63_2551,
    ];
    order.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn plus_order(s: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    s.iter()
        .zip(ED25519_ORDER)
        .map(|(a, b)| {
            let sum = u16::from(*a) + u16::from(b) + carry;
            carry = sum >> 8;
            (sum & 0xff) as u8
        })
        .collect()
}
