//! A timestamp of a signature: what lets it be verified after its certificate has ended.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chancery_tsa::{TsaChain, verify};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::failure::{Causes, Failure};

/// Has a signature stamped where the trust root says, and verifies the answer with the certificates
/// that are in it. Returns the time.
pub(super) async fn stamp(
    http: &reqwest::Client,
    trusted_root: &[u8],
    signature: &[u8],
) -> Result<SystemTime, Failure> {
    let root: Value = serde_json::from_slice(trusted_root).map_err(Failure::from_error)?;
    let authority = &root["timestampAuthorities"][0];
    let chain = chain(authority)?;
    let missing = || Failure::failed("the trust root names no timestamp authority");
    let url = authority["uri"].as_str().ok_or_else(missing)?;
    let asked = json!({
        "artifactHash": STANDARD.encode(Sha256::digest(signature)),
        "hashAlgorithm": "sha256",
    });
    let request = http
        .post(url)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(asked.to_string());
    let response = request.send().await.map_err(Failure::from_error)?;
    let status = response.status();
    let body = response.bytes().await.map_err(Failure::from_error)?;
    if status != 200 {
        let said = String::from_utf8_lossy(&body);
        return Err(Failure::failed(format!(
            "the timestamp authority answered {status}: {said}"
        )));
    }
    let verified = verify(&body, signature, &chain);
    let verified =
        verified.map_err(|e| Failure::verification(format!("the timestamp: {}", Causes(&e))))?;
    Ok(verified.time())
}

fn chain(authority: &Value) -> Result<TsaChain, Failure> {
    let certificates = authority["certChain"]["certificates"].as_array();
    let decoded = certificates.into_iter().flatten().map(|certificate| {
        let base64 = certificate["rawBytes"].as_str().unwrap_or_default();
        STANDARD.decode(base64).map_err(Failure::from_error)
    });
    TsaChain::from_ders(decoded.collect::<Result<_, _>>()?).map_err(Failure::from_error)
}
