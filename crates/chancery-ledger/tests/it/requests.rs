//! Requests that are none.

use chancery_ledger::{EntryRefused, EntryRequest, MAX_REQUEST_BYTES};
use serde_json::{Value, json};

use crate::vectors::{DSSE_REQUEST, REQUEST};

fn request() -> Value {
    serde_json::from_slice(REQUEST).unwrap()
}

fn refusal(request: &Value) -> String {
    let parsed = EntryRequest::parse(&serde_json::to_vec(request).unwrap());
    let refused = parsed.and_then(EntryRequest::verify).unwrap_err();
    refused.to_string()
}

#[test]
fn fields_are_taken_by_either_name_and_no_others() {
    let inner = request()["hashedRekordRequestV002"].clone();
    let certificate = inner["signature"]["verifier"]["x509Certificate"]["rawBytes"].clone();
    let snake = json!({"hashed_rekord_request_v002": {
        "digest": inner["digest"],
        "signature": {
            "content": inner["signature"]["content"],
            "verifier": {
                "x509_certificate": {"raw_bytes": certificate},
                "public_key": null,
                "key_details": 5,
            },
        },
    }, "dsseRequestV002": null});
    let parsed = EntryRequest::parse(&serde_json::to_vec(&snake).unwrap()).unwrap();
    assert_eq!(parsed, EntryRequest::parse(REQUEST).unwrap());

    for path in [
        "",
        "/hashedRekordRequestV002",
        "/hashedRekordRequestV002/signature",
        "/hashedRekordRequestV002/signature/verifier",
        "/hashedRekordRequestV002/signature/verifier/x509Certificate",
    ] {
        let mut more = request();
        more.pointer_mut(path).unwrap()["more"] = json!(null);
        assert!(refusal(&more).contains("unknown field"), "{path}");
    }
}

#[test]
fn what_is_said_twice_or_in_another_shape_is_refused() {
    let text = str::from_utf8(REQUEST).unwrap();
    let twice = [
        text.replacen("\"digest\"", "\"digest\": \"AAAA\", \"digest\"", 1),
        text.replacen("\"keyDetails\"", "\"key_details\": 5, \"keyDetails\"", 1),
    ];
    for text in twice {
        let refused = EntryRequest::parse(text.as_bytes()).unwrap_err();
        assert!(refused.to_string().contains("duplicate field"), "{refused}");
    }
    for text in [
        "",
        "null",
        "[]",
        "{}",
        "1",
        "{\"hashedRekordRequestV002\": []}",
        "{\"hashedRekordRequestV002\": [\"AAAA\"]}",
        "{\"hashedRekordRequestV002\": {}, \"dsseRequestV002\": {}}",
        "{\"dsseRequestV002\": {\"envelope\": {}, \"verifiers\": [null]}}",
    ] {
        assert!(EntryRequest::parse(text.as_bytes()).is_err(), "{text}");
    }
    let inner = request()["hashedRekordRequestV002"].clone();
    let listed = json!({"hashedRekordRequestV002": [inner["digest"], inner["signature"]]});
    assert!(refusal(&listed).contains("expected an object"));
    let trailing = [REQUEST, b"{}"].concat();
    assert!(EntryRequest::parse(&trailing).is_err());
    let deep = "[".repeat(100_000);
    assert!(EntryRequest::parse(deep.as_bytes()).is_err());
    let large = vec![b' '; MAX_REQUEST_BYTES + 1];
    let refused = EntryRequest::parse(&large).unwrap_err();
    assert!(matches!(refused, EntryRefused::TooLarge));
}

#[test]
fn every_field_must_be_there() {
    for path in [
        "/hashedRekordRequestV002/digest",
        "/hashedRekordRequestV002/signature",
        "/hashedRekordRequestV002/signature/content",
        "/hashedRekordRequestV002/signature/verifier",
        "/hashedRekordRequestV002/signature/verifier/keyDetails",
        "/hashedRekordRequestV002/signature/verifier/x509Certificate",
        "/hashedRekordRequestV002/signature/verifier/x509Certificate/rawBytes",
    ] {
        let mut less = request();
        *less.pointer_mut(path).unwrap() = Value::Null;
        assert!(refusal(&less).contains("missing"), "{path}");
    }
    for path in [
        "/hashedRekordRequestV002/digest",
        "/hashedRekordRequestV002/signature/content",
    ] {
        let mut empty = request();
        *empty.pointer_mut(path).unwrap() = json!("");
        assert!(refusal(&empty).contains("missing"), "{path}");
    }
}

#[test]
fn key_digest_and_signature_must_fit_each_other() {
    let with = |path: &str, value: Value| {
        let mut other = request();
        *other.pointer_mut(path).unwrap() = value;
        refusal(&other)
    };
    let details = "/hashedRekordRequestV002/signature/verifier/keyDetails";
    let said = with(details, json!("PKIX_ECDSA_P384_SHA_384"));
    assert!(
        said.contains("and keyDetails says PKIX_ECDSA_P384_SHA_384"),
        "{said}"
    );
    let said = with(details, json!("PKIX_ED25519"));
    assert!(said.contains("is not one of"), "{said}");
    let said = with("/hashedRekordRequestV002/digest", json!("AAAA"));
    assert!(said.contains("the digest has 3 bytes"), "{said}");
    let another = json!("uJ2YBJW2GsrMd0vHsQxqHWBwg5zzwaUCZky59YIC1dY=");
    let said = with("/hashedRekordRequestV002/digest", another);
    assert!(said.contains("verifying signature"), "{said}");

    let mut two = request();
    let verifier = two
        .pointer_mut("/hashedRekordRequestV002/signature/verifier")
        .unwrap();
    verifier["publicKey"] = json!({"rawBytes": "AAAA"});
    assert!(refusal(&two).contains("has both"), "{}", refusal(&two));
}

#[test]
fn an_envelope_has_one_signature_over_payload_and_type() {
    let request: Value = serde_json::from_slice(DSSE_REQUEST).unwrap();
    let with = |path: &str, value: Value| {
        let mut other = request.clone();
        *other.pointer_mut(path).unwrap() = value;
        refusal(&other)
    };
    let envelope = "/dsseRequestV002/envelope";
    assert!(with(&format!("{envelope}/payload"), json!("AAAA")).contains("verifying signature"));
    assert!(with(&format!("{envelope}/payloadType"), json!("x")).contains("verifying signature"));
    let signatures = request
        .pointer("/dsseRequestV002/envelope/signatures/0")
        .unwrap();
    let two = json!([signatures, signatures]);
    assert!(with(&format!("{envelope}/signatures"), two).contains("exactly one signature"));
    assert!(with("/dsseRequestV002/verifiers", json!([])).contains("exactly one signature"));
}
