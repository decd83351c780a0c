//! A case as the request that it is.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use chancery_tests::issuer::{Issuer, TokenSpec};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::keys::Keys;

/// What a case sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Case {
    pub(super) token: Option<TokenSpec>,
    /// A token as it is, in place of one that is made.
    pub(super) raw_token: Option<String>,
    /// The message of the proof.
    pub(super) pop: String,
    /// The key that makes the proof, where it is not the key of the request.
    pub(super) pop_key: Option<String>,
    pub(super) pop_hash: Option<String>,
    /// `url`: the proof in the alphabet for URLs.
    pub(super) pop_b64: Option<String>,
    /// The proof as it is, in place of one that is made.
    pub(super) pop_raw: Option<String>,
    pub(super) key: Option<String>,
    pub(super) alg: Option<String>,
    pub(super) csr: Option<String>,
    pub(super) csr_mode: Option<String>,
    /// Both a key and a signing request.
    pub(super) both: bool,
    /// What is odd about the HTTP request.
    pub(super) http: Option<String>,
    /// Another endpoint than the second version's.
    pub(super) special: Option<String>,
}

/// A request before it is sent.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Case {
    /// Makes the token, the proof and the request.
    pub(super) fn request(&self, issuer: &Issuer, keys: &mut Keys) -> Request {
        let token = match (&self.raw_token, &self.token) {
            (Some(raw), _) => raw.clone(),
            (None, Some(spec)) => issuer.mint(spec).unwrap(),
            (None, None) => String::new(),
        };
        match &self.special {
            Some(special) => special_request(special, &token, keys),
            None => self.signing_cert(&token, keys),
        }
    }

    fn signing_cert(&self, token: &str, keys: &mut Keys) -> Request {
        let mut body = json!({ "credentials": { "oidcIdentityToken": token } });
        if let Some(form) = &self.csr {
            let csr = keys.csr(form, self.csr_mode.as_deref());
            body["certificateSigningRequest"] = STANDARD.encode(csr).into();
        }
        if self.csr.is_none() || self.both {
            body["publicKeyRequest"] = self.public_key_request(keys);
        }
        let mut request = Request {
            method: Method::POST,
            path: "/api/v2/signingCert".to_owned(),
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string().into_bytes(),
        };
        if let Some(http) = &self.http {
            request.make_odd(http, body, token);
        }
        request
    }

    fn public_key_request(&self, keys: &mut Keys) -> Value {
        let form = self.key.as_deref().unwrap_or("p256");
        let signer = self.pop_key.as_deref().unwrap_or(form);
        let proof = keys.proof(signer, &self.pop, self.pop_hash.as_deref());
        let proof = match (&self.pop_raw, &self.pop_b64) {
            (Some(raw), _) => raw.clone(),
            (None, Some(_)) => URL_SAFE.encode(proof),
            (None, None) => STANDARD.encode(proof),
        };
        let mut public_key = json!({ "content": keys.public(form) });
        match self.alg.as_deref() {
            Some("") => {}
            Some(name) => public_key["algorithm"] = name.into(),
            None => public_key["algorithm"] = "ECDSA".into(),
        }
        json!({ "publicKey": public_key, "proofOfPossession": proof })
    }
}

impl Request {
    fn make_odd(&mut self, how: &str, body: Value, token: &str) {
        match how {
            "get-method" | "options-method" => {
                let odd = if how == "get-method" {
                    Method::GET
                } else {
                    Method::OPTIONS
                };
                (self.method, self.body) = (odd, Vec::new());
            }
            "put-method" => self.method = Method::PUT,
            "trailing-slash" => self.path.push('/'),
            "unknown-path" => "/api/v9/x".clone_into(&mut self.path),
            "query-string" => self.path.push_str("?x=1"),
            "text-content-type" => self.set_header("content-type", "text/plain"),
            "no-content-type" => self.set_header("content-type", ""),
            "bearer-and-body" => self.set_header("authorization", "Bearer xyz"),
            "bearer-only" => self.set_header("authorization", &format!("Bearer {token}")),
            "basic-auth" => self.set_header("authorization", &format!("Basic {token}")),
            _ => {}
        }
        let text = body.to_string();
        let shorter = &text[..text.len() - 1];
        self.body = match how {
            "bearer-only" | "basic-auth" | "no-credentials" => {
                without(body, "credentials").into_bytes()
            }
            "no-request" => without(body, "publicKeyRequest").into_bytes(),
            "malformed-json" => text[..text.len() - 5].into(),
            "empty-body" => Vec::new(),
            "json-array" => b"[]".to_vec(),
            "unknown-field" => format!(r#"{shorter},"surprise":1}}"#).into_bytes(),
            "snake-case" => snake_case(&body, token).into_bytes(),
            "null-fields" => {
                format!(r#"{shorter},"certificateSigningRequest":null}}"#).into_bytes()
            }
            "trailing-garbage" => format!("{text} xyz").into_bytes(),
            "duplicate-keys" => {
                format!(r#"{shorter},"credentials":{{"oidcIdentityToken":"x"}}}}"#).into_bytes()
            }
            "deep-nesting" => br#"{"credentials":"#.repeat(20_000),
            "gzip-body" => {
                self.set_header("content-encoding", "gzip");
                gzip(text.as_bytes())
            }
            "huge-body" => huge(body).into_bytes(),
            "utf8-bom" => [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            "invalid-utf8" => invalid_utf8(&text),
            _ => std::mem::take(&mut self.body),
        };
    }

    fn set_header(&mut self, name: &'static str, value: &str) {
        self.headers.retain(|(n, _)| *n != name);
        self.headers.push((name, value.to_owned()));
    }
}

fn without(mut body: Value, member: &str) -> String {
    body.as_object_mut().unwrap().remove(member);
    body.to_string()
}

fn snake_case(body: &Value, token: &str) -> String {
    let request = &body["publicKeyRequest"];
    json!({
        "credentials": { "oidc_identity_token": token },
        "public_key_request": {
            "public_key": request["publicKey"],
            "proof_of_possession": request["proofOfPossession"],
        },
    })
    .to_string()
}

fn huge(mut body: Value) -> String {
    body["credentials"]["oidcIdentityToken"] = "a".repeat(5 << 20).into();
    body.to_string()
}

fn invalid_utf8(text: &str) -> Vec<u8> {
    let (before, after) = text.split_once(r#""ECDSA""#).unwrap();
    [before.as_bytes(), b"\"EC\xff\"", after.as_bytes()].concat()
}

/// Wraps bytes as gzip without compressing them (RFC 1951, 3.2.4; RFC 1952).
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    [
        &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1],
        &length.to_le_bytes()[..],
        &(!length).to_le_bytes()[..],
        bytes,
        &(!crc).to_le_bytes()[..],
        &u32::from(length).to_le_bytes()[..],
    ]
    .concat()
}

/// Makes a request to another endpoint: the first version's, or one that issues nothing.
fn special_request(special: &str, token: &str, keys: &mut Keys) -> Request {
    let email = "alice@example.test";
    let proof = |keys: &mut Keys, message| STANDARD.encode(keys.proof("p256", message, None));
    let mut body = json!({
        "publicKey": { "content": STANDARD.encode(keys.spki_der("p256")), "algorithm": "ecdsa" },
        "signedEmailAddress": proof(keys, email),
    });
    match special {
        "v1-csr" => {
            let csr = STANDARD.encode(keys.csr("p256", None));
            body = json!({ "certificateSigningRequest": csr });
        }
        "v1-bad-pop" => body["signedEmailAddress"] = "AAAA".into(),
        "v1-email-wrong" => body["signedEmailAddress"] = proof(keys, "x@example.test").into(),
        _ => {}
    }
    let mut request = Request {
        method: Method::POST,
        path: "/api/v1/signingCert".to_owned(),
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.to_string().into_bytes(),
    };
    if special.starts_with('v') && special != "v1-no-token" {
        request.set_header("authorization", &format!("Bearer {token}"));
    }
    if special == "v1-malformed" {
        request.body = b"{".to_vec();
    }
    let read = match special {
        "v1-root-cert" => "/api/v1/rootCert",
        "v2-trust-bundle" => "/api/v2/trustBundle",
        "v2-configuration" => "/api/v2/configuration",
        "healthz" => "/healthz",
        _ => return request,
    };
    (request.method, request.body) = (Method::GET, Vec::new());
    read.clone_into(&mut request.path);
    request
}
