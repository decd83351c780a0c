//! Tokens that are refused: each row changes a good token in one thing and names the code.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use chancery_identity::{FailureClass, Issuers};

use crate::issuer::{NOW, TestIssuer, TestKey, b64, code, issuers, now};

/// Name, change of the header, change of the claims, code; null takes a member away. `@url` stands
/// for the issuer's URL, `@host` for what follows its scheme, `@s4k` for 4096 letters. It is
/// 1790000000.
const ROWS: &str = r#"
as it is             | {}                       | {}                                     | accepted
alg none             | {"alg": "none"}          | {}                                     | algorithm-refused
alg nOnE             | {"alg": "nOnE"}          | {}                                     | algorithm-refused
alg empty            | {"alg": ""}              | {}                                     | algorithm-refused
alg HS256            | {"alg": "HS256"}         | {}                                     | algorithm-refused
alg of another key   | {"alg": "ES256"}         | {}                                     | algorithm-refused
alg not the key's    | {"alg": "PS256"}         | {}                                     | algorithm-refused
alg in another case  | {"alg": "rs256"}         | {}                                     | algorithm-refused
alg a number         | {"alg": 1}               | {}                                     | token-malformed
kid unknown          | {"kid": "zzz"}           | {}                                     | key-unknown
kid a path           | {"kid": "../dev/null"}   | {}                                     | key-unknown
kid in another case  | {"kid": "RSA"}           | {}                                     | key-unknown
kid empty            | {"kid": ""}              | {}                                     | accepted
kid a number         | {"kid": 1}               | {}                                     | token-malformed
crit                 | {"crit": ["exp"]}        | {}                                     | token-header-refused
b64                  | {"b64": false}           | {}                                     | token-header-refused
zip                  | {"zip": "DEF"}           | {}                                     | token-header-refused
cty                  | {"cty": "JWT"}           | {}                                     | token-header-refused
typ at+jwt           | {"typ": "at+jwt"}        | {}                                     | accepted
typ logout+jwt       | {"typ": "logout+jwt"}    | {}                                     | token-type-refused
typ dpop+jwt         | {"typ": "dpop+jwt"}      | {}                                     | token-type-refused
typ absent           | {"typ": null}            | {}                                     | accepted
iss missing          | {}                       | {"iss": null}                          | issuer-missing
iss a number         | {}                       | {"iss": 1}                             | issuer-missing
iss a list           | {}                       | {"iss": ["@url"]}                      | issuer-missing
iss empty            | {}                       | {"iss": ""}                            | issuer-unknown
iss with a slash     | {}                       | {"iss": "@url/"}                       | issuer-unknown
iss in another case  | {}                       | {"iss": "HTTP://@host"}                | issuer-unknown
iss on https         | {}                       | {"iss": "https://@host"}               | issuer-unknown
iss with a user      | {}                       | {"iss": "http://u@@host"}              | issuer-unknown
iss with a query     | {}                       | {"iss": "@url?x"}                      | issuer-unknown
iss with a fragment  | {}                       | {"iss": "@url#x"}                      | issuer-unknown
iss with a newline   | {}                       | {"iss": "@url\n"}                      | issuer-unknown
iss with NUL         | {}                       | {"iss": "@url\u0000"}                  | issuer-unknown
iss with dots        | {}                       | {"iss": "@url/a/.."}                   | issuer-unknown
iss a file           | {}                       | {"iss": "file:///etc/passwd"}          | issuer-unknown
iss of the metadata  | {}                       | {"iss": "http://169.254.169.254/"}     | issuer-unknown
aud missing          | {}                       | {"aud": null}                          | audience-mismatch
aud another          | {}                       | {"aud": "sigstore2"}                   | audience-mismatch
aud a list of others | {}                       | {"aud": ["a", "b"]}                    | audience-mismatch
exp missing          | {}                       | {"exp": null}                          | token-expiry-missing
exp a text           | {}                       | {"exp": "9999999999"}                  | accepted
exp a text, past     | {}                       | {"exp": "1789999999"}                  | token-expired
exp a text, odd      | {}                       | {"exp": "soon"}                        | token-time-malformed
exp past             | {}                       | {"exp": 1789999999}                    | token-expired
exp now              | {}                       | {"exp": 1790000000}                    | token-expired
nbf in an hour       | {}                       | {"nbf": 1790003600}                    | token-not-yet-valid
nbf in two minutes   | {}                       | {"nbf": 1790000120}                    | accepted
iat in an hour       | {}                       | {"iat": 1790003600}                    | accepted
email missing        | {}                       | {"email": null}                        | email-missing
email a list         | {}                       | {"email": ["a@b.test"]}                | claim-refused
email local          | {}                       | {"email": "alice@localhost"}           | email-malformed
email not verified   | {}                       | {"email_verified": false}              | email-not-verified
email not said       | {}                       | {"email_verified": null}               | email-not-verified
sub a number         | {}                       | {"sub": 1}                             | claim-refused
sub with a newline   | {}                       | {"sub": "u1\nu2"}                      | claim-refused
sub with NUL         | {}                       | {"sub": "u1\u0000"}                    | claim-refused
sub of 4 KiB         | {}                       | {"sub": "@s4k"}                        | accepted
sub longer           | {}                       | {"sub": "@s4ks"}                       | claim-refused
ISS beside iss       | {}                       | {"ISS": "https://evil.test"}           | token-claim-case
of 17 KiB            | {}                       | {"x": "@s4k@s4k@s4k"}                  | token-too-large
"#;

#[tokio::test]
async fn a_token_that_is_wrong_in_one_thing_is_refused_for_that_thing() {
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    let key = TestKey::rsa("rsa", "RS256");
    let rows = ROWS
        .replace("@url", issuer.url())
        .replace("@host", issuer.url().trim_start_matches("http://"))
        .replace("@s4k", &"s".repeat(4096));
    for row in rows.lines().skip(1) {
        let columns: Vec<&str> = row.split('|').map(str::trim).collect();
        let [name, header, claims, expected] = columns[..] else {
            panic!("four columns: {row}")
        };
        let change = |text: &str| serde_json::from_str(text).unwrap();
        let header = changed(&json!({"kid": "rsa", "typ": "JWT"}), &change(header));
        let token = key.token(&header, &changed(&issuer.claims(), &change(claims)));
        assert_eq!(refusal(&issuers, &token).await, expected, "{name}");
    }
}

#[tokio::test]
async fn an_rsa_signature_that_is_not_the_issuers_is_refused() {
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    let claims = issuer.claims();
    let good = issuer.token(&claims);
    let (input, signature) = split(&good);
    let (header, _) = input.split_once('.').unwrap();
    let mallory = b64(changed(&claims, &json!({"email": "mallory@evil.test"})).to_string());
    let rogue = |kid: &str, header: Value| TestKey::rogue(kid).token(&header, &claims);
    let none = format!("{}.{}.", b64(r#"{"alg":"none"}"#), b64(claims.to_string()));
    let invalid = "signature-invalid";
    for (name, token, expected) in [
        ("as it is", good.clone(), "accepted"),
        (
            "another payload",
            format!("{header}.{mallory}.{signature}"),
            invalid,
        ),
        ("no signature", format!("{input}."), invalid),
        ("cut", good[..good.len() - 22].to_owned(), invalid),
        ("longer", format!("{good}AAAA"), invalid),
        (
            "a rogue's, by name",
            rogue("rsa", json!({"kid": "rsa"})),
            invalid,
        ),
        ("a rogue's", rogue("rsa", json!({})), invalid),
        (
            "a rogue's own name",
            rogue("x", json!({"kid": "x"})),
            "key-unknown",
        ),
        ("with its key in the header", embedded(&claims), invalid),
        (
            "HS256 with the public key",
            hs256(&claims),
            "algorithm-refused",
        ),
        ("none", none, "algorithm-refused"),
    ] {
        assert_eq!(refusal(&issuers, &token).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_curve_signature_that_is_not_the_issuers_is_refused() {
    let issuer = TestIssuer::start().await;
    let es256 = TestKey::new("es256", "ES256");
    let eddsa = TestKey::new("eddsa", "EdDSA");
    issuer.set_keys([es256.clone(), eddsa.clone()]);
    let issuers = issuer.trusted();
    let (es, es_signature) = split(&es256.token(&json!({"kid": "es256"}), &issuer.claims()));
    let (ed, ed_signature) = split(&eddsa.token(&json!({"kid": "eddsa"}), &issuer.claims()));
    let one = [[0; 31].as_slice(), &[1]].concat();
    for (name, input, signature, expected) in [
        ("ES256 as it is", &es, es_signature.clone(), "accepted"),
        ("EdDSA as it is", &ed, ed_signature.clone(), "accepted"),
        // CVE-2022-21449
        ("ES256 of zeros", &es, b64([0; 64]), "signature-invalid"),
        (
            "ES256 with r = 0, s = 1",
            &es,
            b64([[0; 32].as_slice(), &one].concat()),
            "signature-invalid",
        ),
        ("ES256 of ones", &es, b64([0xff; 64]), "signature-invalid"),
        ("ES256 too short", &es, b64([1; 63]), "signature-invalid"),
        (
            "ES256 of P-384's size",
            &es,
            b64([1; 96]),
            "signature-invalid",
        ),
        (
            "ES256 in DER",
            &es,
            b64(in_der(&es_signature)),
            "signature-invalid",
        ),
        ("EdDSA of zeros", &ed, b64([0; 64]), "signature-invalid"),
        (
            "EdDSA with S + L",
            &ed,
            plus_order(&ed_signature),
            "signature-invalid",
        ),
        (
            "EdDSA of the other key",
            &ed,
            es_signature.clone(),
            "signature-invalid",
        ),
    ] {
        assert_eq!(
            refusal(&issuers, &format!("{input}.{signature}")).await,
            expected,
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_key_of_one_issuer_signs_for_no_other() {
    let (a, b) = (TestIssuer::start().await, TestIssuer::start().await);
    a.set_keys([TestKey::new("key", "ES256")]);
    b.set_keys([TestKey::new("key", "ES256")]);
    let entry = json!({"client-id": "sigstore", "type": "email"});
    let config = json!({"oidc-issuers": {a.url(): entry, b.url(): entry}});
    let issuers = issuers(&config, chancery_identity::Timings::default());
    assert_eq!(refusal(&issuers, &a.token(&a.claims())).await, "accepted");
    assert_eq!(refusal(&issuers, &b.token(&b.claims())).await, "accepted");
    assert_eq!(
        refusal(&issuers, &a.token(&b.claims())).await,
        "signature-invalid"
    );
    assert_eq!(
        refusal(&issuers, &b.token(&a.claims())).await,
        "signature-invalid"
    );
}

#[tokio::test]
async fn what_the_issuer_does_not_sign_with_is_refused() {
    let issuer = TestIssuer::start().await;
    issuer.set_keys([TestKey::new("es", "ES256")]);
    let token = issuer.token(&issuer.claims());
    for (announced, expected) in [
        (json!(["RS256", "ES256", "HS256"]), "accepted"),
        (json!(["RS256"]), "algorithm-refused"),
        (json!(["HS256", "none"]), "algorithm-refused"),
        (json!([]), "algorithm-refused"),
        (Value::Null, "algorithm-refused"),
    ] {
        issuer.set_algorithms(announced.clone());
        assert_eq!(
            refusal(&issuer.trusted(), &token).await,
            expected,
            "{announced}"
        );
    }
}

#[tokio::test]
async fn a_token_that_can_be_refused_at_once_asks_nobody() {
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    for change in [
        json!({"iss": "https://evil.test"}),
        json!({"aud": "x"}),
        json!({"exp": NOW - 1}),
        json!({"nbf": NOW + 3600}),
    ] {
        let token = issuer.token(&changed(&issuer.claims(), &change));
        assert_ne!(refusal(&issuers, &token).await, "accepted");
    }
    refusal(&issuers, &hs256(&issuer.claims())).await;
    assert_eq!(issuer.discoveries(), 0);
}

#[tokio::test]
async fn an_issuer_that_is_almost_configured_is_told_with_the_configured_one() {
    let issuer = TestIssuer::start().await;
    let mut claims = issuer.claims();
    claims["iss"] = json!(format!("{}/", issuer.url()));
    let error = issuer
        .trusted()
        .authenticate(&issuer.token(&claims), now())
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains(&format!("; {} is", issuer.url())),
        "{error}"
    );
    claims["iss"] = json!("https://other.test");
    let error = issuer
        .trusted()
        .authenticate(&issuer.token(&claims), now())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "tokens of the issuer \"https://other.test\" are not accepted here"
    );
    assert_eq!(error.class(), FailureClass::Refused);
}

#[tokio::test]
async fn messages_hold_no_part_of_the_token() {
    let issuer = TestIssuer::start().await;
    let token = TestKey::rogue("rsa").token(&json!({"kid": "rsa"}), &issuer.claims());
    let error = issuer
        .trusted()
        .authenticate(&token, now())
        .await
        .unwrap_err();
    let told = format!("{error} {error:?}");
    assert!(
        token.split('.').all(|part| !told.contains(&part[..16])),
        "{told}"
    );
}

async fn refusal(issuers: &Issuers, token: &str) -> &'static str {
    code(&issuers.authenticate(token, now()).await)
}

fn changed(members: &Value, change: &Value) -> Value {
    let mut members = members.clone();
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::Null => members.as_object_mut().unwrap().remove(name),
            value => members
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    members
}

fn split(token: &str) -> (String, String) {
    let (input, signature) = token.rsplit_once('.').unwrap();
    (input.to_owned(), signature.to_owned())
}

/// A rogue's token that brings the rogue's key, and says where to find it.
fn embedded(claims: &Value) -> String {
    let rogue = TestKey::rogue("rsa");
    let header =
        json!({"jwk": rogue.jwk(), "jku": "http://localhost:1/", "x5u": "http://localhost:1/"});
    rogue.token(&header, claims)
}

/// HMAC with what everybody knows: CVE-2015-9235.
fn hs256(claims: &Value) -> String {
    let public = TestKey::rsa("rsa", "RS256").jwk().to_string();
    let input = format!(
        "{}.{}",
        b64(r#"{"alg":"HS256","kid":"rsa"}"#),
        b64(claims.to_string())
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes());
    format!("{input}.{}", b64(hmac::sign(&key, input.as_bytes())))
}

/// The same ECDSA signature as X.509 writes it, which RFC 7518, section 3.4, does not.
fn in_der(signature: &str) -> Vec<u8> {
    let fixed = URL_SAFE_NO_PAD.decode(signature).unwrap();
    // A leading zero keeps both numbers positive, needed or not.
    let integer = |number: &[u8]| [&[2, 33, 0], number].concat();
    let numbers = [integer(&fixed[..32]), integer(&fixed[32..])].concat();
    [&[0x30, 70], numbers.as_slice()].concat()
}

/// The same Ed25519 signature with the group's order added to S (RFC 8032, section 5.1.7).
fn plus_order(signature: &str) -> String {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut carry = 0;
    for (byte, order) in bytes[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    b64(bytes)
}
