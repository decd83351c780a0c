//! The provider's key: tokens signed RS256 (RFC 7515, 7518), and the key set to verify them with
//! (RFC 7517).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_keys::{SignError, Signer};
use serde_json::{Map, Value, json};

/// An RSA key with its name.
#[derive(Debug)]
pub(super) struct TokenKey {
    signer: Arc<dyn Signer>,
    jwk: Value,
    header: String,
}

impl TokenKey {
    /// Takes an RSA key, and nothing else.
    pub(super) fn new(signer: Arc<dyn Signer>) -> Option<Self> {
        let key = signer.public_key();
        let (modulus, exponent) = (key.rsa_modulus()?, key.rsa_exponent()?.to_be_bytes());
        let zeros = exponent.iter().take_while(|byte| **byte == 0).count();
        let exponent = exponent.get(zeros..)?;
        let key_id = URL_SAFE_NO_PAD.encode(key.sha256());
        let jwk = json!({
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": key_id,
            "n": URL_SAFE_NO_PAD.encode(modulus),
            "e": URL_SAFE_NO_PAD.encode(exponent),
        });
        let header = json!({ "alg": "RS256", "kid": key_id, "typ": "JWT" });
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        Some(Self {
            signer,
            jwk,
            header,
        })
    }

    /// Returns the key set.
    pub(super) fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk] })
    }

    /// Signs `claims` as a JWT in compact form.
    pub(super) async fn sign(&self, claims: &Map<String, Value>) -> Result<String, SignError> {
        let claims = serde_json::to_vec(claims).map_err(|error| SignError::Failed {
            reason: error.to_string(),
        })?;
        let input = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = self.signer.sign(input.as_bytes()).await?;
        Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
