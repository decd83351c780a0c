//! What real clients send, and what a body may and may not look like.

use http::{HeaderName, header};
use serde_json::{Value, json};

use super::*;

fn read(body: impl AsRef<[u8]>) -> Result<IssueRequest, ApiError> {
    decode(&HeaderMap::new(), body.as_ref())
}

fn read_json(body: &Value) -> IssueRequest {
    read(body.to_string()).unwrap()
}

#[test]
fn the_requests_recorded_from_real_clients_are_read() {
    let recorded = include_str!("../../../tests/fixtures/signing_cert_requests.json");
    let recorded: Vec<Value> = serde_json::from_str(recorded).unwrap();
    assert_eq!(recorded.len(), 4);
    for request in recorded {
        let client = request["client"].as_str().unwrap();
        let headers = request["headers"].as_object().unwrap().iter();
        let headers: HeaderMap = headers
            .map(|(name, value)| {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                (name, value.as_str().unwrap().parse().unwrap())
            })
            .collect();
        let decoded = decode(&headers, request["body"].as_str().unwrap().as_bytes()).unwrap();
        assert_eq!(decoded.token.split('.').count(), 3, "{client}");
        match decoded.possession {
            PossessionRequest::PublicKey { content, proof } => {
                assert!(
                    content.starts_with(b"-----BEGIN PUBLIC KEY-----"),
                    "{client}"
                );
                assert_eq!(proof.first(), Some(&0x30), "{client}");
            }
            PossessionRequest::Csr(pem) => {
                assert!(client.starts_with("sigstore-python"), "{client}");
                assert!(
                    pem.starts_with(b"-----BEGIN CERTIFICATE REQUEST-----"),
                    "{client}"
                );
            }
            PossessionRequest::Missing => panic!("{client} sent a key"),
        }
    }
}

#[test]
fn snake_case_and_unknown_members_are_read() {
    let request = read_json(&json!({
        "surprise": [1, {"deep": null}],
        "credentials": {"oidc_identity_token": "t", "other": 1},
        "public_key_request": {
            "public_key": {"algorithm": 17, "content": "PEM"},
            "proof_of_possession": "-_8",
        },
    }));
    assert_eq!(request.token, "t");
    let PossessionRequest::PublicKey { content, proof } = request.possession else {
        panic!()
    };
    assert_eq!(
        (content.as_slice(), proof.as_slice()),
        (b"PEM".as_slice(), [0xfb, 0xff].as_slice())
    );
}

#[test]
fn null_and_empty_are_as_good_as_absent() {
    let absent = [
        json!({}),
        json!({"credentials": null, "publicKeyRequest": null, "certificateSigningRequest": null}),
        json!({"credentials": {}, "publicKeyRequest": {}}),
        json!({"credentials": {"oidcIdentityToken": null}, "publicKeyRequest": {"publicKey": {}}}),
        json!({"credentials": {"oidcIdentityToken": ""}, "publicKeyRequest": {"publicKey": null}}),
        json!({"publicKeyRequest": {"publicKey": {"content": ""}, "proofOfPossession": ""}}),
    ];
    for body in absent {
        let request = read_json(&body);
        assert_eq!(request.token, "", "{body}");
        assert!(
            matches!(request.possession, PossessionRequest::Missing),
            "{body}"
        );
    }
    for empty in ["", " ", "\r\n\t"] {
        assert_eq!(read(empty).unwrap().token, "", "{empty:?}");
    }
}

#[test]
fn what_stands_behind_the_first_value_is_not_read() {
    let body = r#"{"credentials":{"oidcIdentityToken":"t"}}"#;
    for behind in [&b" xyz"[..], b"{", b"{\"credentials\":{}}", b"\xff"] {
        let body = [body.as_bytes(), behind].concat();
        assert_eq!(read(&body).unwrap().token, "t", "{}", behind.escape_ascii());
    }
}

#[test]
fn an_empty_signing_request_is_none() {
    let request = read_json(&json!({"certificateSigningRequest": ""}));
    assert!(matches!(request.possession, PossessionRequest::Missing));
}

#[test]
fn a_token_in_the_body_wins_over_the_header_and_an_empty_one_does_not() {
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, "Bearer h".parse().unwrap())]);
    let token = |body: &str| decode(&headers, body.as_bytes()).unwrap().token;
    assert_eq!(token(r#"{"credentials":{"oidcIdentityToken":"b"}}"#), "b");
    assert_eq!(token(r#"{"credentials":{"oidcIdentityToken":""}}"#), "h");
    assert_eq!(token("{}"), "h");
}

#[test]
fn bodies_that_cannot_be_read_are_refused() {
    let refused: &[&[u8]] = &[
        b"[]",
        b"null",
        b"\"text\"",
        b"{",
        b"x{}",
        b"{\"credentials\":[\"token\"]}",
        b"{\"credentials\":\"token\"}",
        b"{\"credentials\":{\"oidcIdentityToken\":1}}",
        b"{\"credentials\":{},\"credentials\":{}}",
        b"{\"credentials\":null,\"credentials\":{}}",
        b"{\"credentials\":{\"oidcIdentityToken\":\"a\",\"oidc_identity_token\":\"b\"}}",
        b"{\"publicKeyRequest\":{},\"public_key_request\":{}}",
        b"{\"publicKeyRequest\":{\"proofOfPossession\":\"!!!\"}}",
        b"{\"certificateSigningRequest\":\"====\"}",
        b"{\"publicKeyRequest\":{},\"certificateSigningRequest\":\"\"}",
        b"{\"unknown\":\"\xff\"}",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
        b"\x1f\x8b\x08\x00",
    ];
    for body in refused {
        assert!(read(body).is_err(), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn deep_nesting_costs_an_error_and_no_stack() {
    assert!(read(r#"{"credentials":"#.repeat(20_000)).is_err());
    assert!(read(format!(r#"{{"unknown":{}"#, "[".repeat(200_000))).is_err());
}

#[test]
fn a_parse_error_says_where_and_does_not_repeat_the_token() {
    let table = [
        (
            r#"{"credentials":{"oidcIdentityToken":"secret"},"credentials":{}}"#,
            "`credentials`",
        ),
        (r#"{"credentials":"secret"}"#, "line 1 column 23"),
        (
            r#"{"credentials":{"oidcIdentityToken":["secret"]}}"#,
            "line 1 column 36",
        ),
    ];
    for (body, says) in table {
        let text = format!("{:?}", read(body).err());
        assert!(text.contains(says), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}
