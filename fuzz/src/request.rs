//! Bodies of certificate requests, API v2 and v1: what is read is what any reader of JSON finds there,
//! and a refusal does not repeat it.

use chancery_ca::{IssueRequest, PossessionRequest};
use chancery_server::fuzzing;
use http::{HeaderMap, HeaderValue, header};
use serde_json::Value;

/// Reads a request. An input is the value of the `Authorization` header, if there is one, a line feed
/// and the body.
pub fn run(input: &[u8]) {
    let mut parts = input.splitn(2, |&octet| octet == b'\n');
    let (authorization, body) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let mut headers = HeaderMap::new();
    if !authorization.is_empty() {
        let Ok(value) = HeaderValue::from_bytes(authorization) else {
            return;
        };
        headers.insert(header::AUTHORIZATION, value);
    }
    let bare = |headers: &HeaderMap| {
        let request = fuzzing::decode_v2(headers, b"{}");
        request.map(|request| request.token)
    };
    if let Some(request) = judge(fuzzing::decode_v2(&headers, body), body)
        && let Some(token) = token(body)
    {
        if token.is_empty() {
            assert_eq!(Ok(request.token), bare(&headers));
        } else {
            assert_eq!(request.token, token);
        }
    }
    if let Some(request) = judge(fuzzing::decode_v1(&headers, body), body) {
        assert_eq!(
            Ok(request.token),
            bare(&headers),
            "a token from a body of v1"
        );
    }
}

fn judge(decoded: Result<IssueRequest, String>, body: &[u8]) -> Option<IssueRequest> {
    match decoded {
        Ok(request) => {
            match &request.possession {
                PossessionRequest::Missing => (),
                PossessionRequest::Csr(csr) => assert!(!csr.is_empty() && csr.len() <= body.len()),
                PossessionRequest::PublicKey { content, proof } => {
                    assert!(!content.is_empty() && content.len() + proof.len() <= body.len());
                }
            }
            Some(request)
        }
        Err(refusal) => {
            assert!(
                refusal.len() < 1024,
                "a refusal of {} octets",
                refusal.len()
            );
            None
        }
    }
}

/// Returns the token in the first JSON value, empty if it has none; nothing where a reader that looks
/// at all members finds fault with one that nobody needs.
fn token(body: &[u8]) -> Option<String> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    let Some(first) = values.next() else {
        return Some(String::new());
    };
    let first = first.ok()?;
    let credentials = first.get("credentials");
    let text = |name: &str| credentials?.get(name)?.as_str();
    let token = text("oidcIdentityToken").or_else(|| text("oidc_identity_token"));
    Some(token.unwrap_or_default().to_owned())
}
