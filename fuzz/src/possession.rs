//! Proofs of possession before a caller whom everybody knows.

use std::sync::LazyLock;

use chancery_ca::{IssueError, KeyPolicy, PossessionRequest, ProvenKey};
use chancery_identity::{IdentityConfig, Issuers, IssuersOptions, Principal};
use pem::{EncodeConfig, LineEnding, Pem};
use serde_json::json;

use crate::genuine::{NOW, block_on, jwk, now, token};

/// What a proof is over.
pub(crate) const NAME: &str = "alice@example.test";

static PRINCIPAL: LazyLock<Principal> = LazyLock::new(|| {
    const ISSUER: &str = "https://issuer.test";
    let entry = json!({"client-id": "sigstore", "type": "email", "jwks": {"keys": [jwk()]}});
    let config = json!({"oidc-issuers": {ISSUER: entry}}).to_string();
    let config = IdentityConfig::parse(config.as_bytes(), "fuzz").expect("it is well-formed");
    let issuers = Issuers::new(config, IssuersOptions::default()).expect("it is right");
    let claims = json!({
        "iss": ISSUER, "aud": "sigstore", "exp": NOW + 600, "email": NAME, "email_verified": true,
    });
    let token = token(br#"{"alg":"EdDSA"}"#, claims.to_string().as_bytes());
    block_on(issuers.authenticate(&token, now())).expect("the token is genuine")
});

/// Returns the key that is proven to be the caller's, or the stable code of the refusal.
pub(crate) fn prove(request: &PossessionRequest) -> Result<ProvenKey, &'static str> {
    let policy = KeyPolicy::default();
    block_on(request.verify(&PRINCIPAL, &policy)).map_err(|error| {
        let said = error.to_string();
        assert!(said.len() < 4096, "a refusal of {} octets", said.len());
        IssueError::from(error).code()
    })
}

pub(crate) fn armor(label: &str, der: &[u8]) -> Vec<u8> {
    let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
    pem::encode_config(&Pem::new(label, der), config).into_bytes()
}
