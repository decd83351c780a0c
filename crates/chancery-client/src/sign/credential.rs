//! A key of a few minutes and the certificate for it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{Digest, SHA256};
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_certs::{CertificateDetails, SubjectAlternativeName};
use chancery_log::clock::Clock;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::ArtifactDigest;
use super::error::{Service, SignError};
use super::http::{Http, Question, content};
use crate::loopback::is_here;
use crate::token::IdentityToken;
use crate::trust::TrustMaterial;
use crate::verify;

/// A certificate with less than this left is not begun with: the timestamp has to fall into it.
const MARGIN: Duration = Duration::from_secs(30);
/// How far the clocks of two machines may be apart.
pub(super) const CLOCKS_APART: Duration = Duration::from_mins(1);
/// The most certificates of a chain.
const LONGEST_CHAIN: usize = 16;

/// An ephemeral key on P-256 and its certificate. The key never leaves this process, and is gone
/// with it.
pub(super) struct Credential {
    key: EcdsaKeyPair,
    certificate: Certificate,
    renew_at: SystemTime,
}

/// The certificate that signatures are made under.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub(super) der: Vec<u8>,
    details: Arc<CertificateDetails>,
}

impl Certificate {
    /// Verifies it as those will who get a signature: under a key whose certificate they refuse,
    /// nothing is to be signed or published.
    fn verified(self, trust: &TrustMaterial, now: SystemTime) -> Result<Self, String> {
        let begins = self.not_before();
        if begins > now + CLOCKS_APART {
            return Err(
                "its certificate has not begun by this machine's clock, which may be wrong"
                    .to_owned(),
            );
        }
        verify::credential::verify(trust, &self.der, now.max(begins))
            .map_err(|error| format!("its certificate does not verify: {error}"))?;
        Ok(self)
    }

    /// Returns the certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Returns whom it names.
    #[must_use]
    pub fn identity(&self) -> &SubjectAlternativeName {
        &self.details.identity
    }

    /// Returns the issuer of the token that it was given for, as the certificate says it.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.details.extensions.issuer
    }

    /// Returns its serial number in hexadecimal digits.
    #[must_use]
    pub fn serial(&self) -> String {
        self.details.serial.to_string()
    }

    /// Returns from when it is valid.
    #[must_use]
    pub fn not_before(&self) -> SystemTime {
        self.details.not_before
    }

    /// Returns until when it is valid.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.details.not_after
    }
}

impl Credential {
    /// Makes a key, and asks the authority for a certificate, which verifies with what is trusted.
    pub(super) async fn obtain(
        http: &Http,
        authority: &str,
        token: &IdentityToken,
        trust: &TrustMaterial,
        clock: &dyn Clock,
    ) -> Result<Arc<Self>, SignError> {
        if !authority.starts_with("https://") && !is_here(authority) {
            return Err(SignError::Insecure {
                service: Service::Authority,
                url: authority.to_owned(),
            });
        }
        let expired = token.expires();
        if expired <= clock.now() {
            return Err(SignError::TokenExpired { expired });
        }
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .map_err(|_| SignError::Machine("make a key on P-256"))?;
        let spki: PublicKeyX509Der<'_> = key
            .public_key()
            .as_der()
            .map_err(|_| SignError::Machine("encode a key on P-256"))?;
        let question = question(authority, token, &key, spki.as_ref())?;
        let answer = http.ask(&question).await?;
        let now = clock.now();
        let certificate = read(&answer.body, spki.as_ref(), token, now)
            .and_then(|certificate| certificate.verified(trust, now))
            .map_err(|why| question.untrusted(why))?;
        let left = certificate
            .not_after()
            .duration_since(now)
            .unwrap_or_default();
        let renew_at = certificate.not_after() - MARGIN.min(left / 4);
        Ok(Arc::new(Self {
            key,
            certificate,
            renew_at,
        }))
    }

    /// Tells whether a signature that is begun now can be stamped while the certificate is valid.
    pub(super) fn is_fresh(&self, now: SystemTime) -> bool {
        now < self.renew_at
    }

    pub(super) fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Signs what has this digest: some 16 µs.
    pub(super) fn sign(&self, digest: &ArtifactDigest) -> Result<Vec<u8>, SignError> {
        let failed = |_| SignError::Machine("sign with a key on P-256");
        let digest = Digest::import_less_safe(digest.as_bytes(), &SHA256).map_err(failed)?;
        let signature = self.key.sign_digest(&digest).map_err(failed)?;
        Ok(signature.as_ref().to_vec())
    }
}

/// `POST /api/v2/signingCert`, with a proof that one has the key.
fn question<'a>(
    authority: &'a str,
    token: &IdentityToken,
    key: &EcdsaKeyPair,
    spki: &[u8],
) -> Result<Question<'a>, SignError> {
    let proof = key
        .sign(&SystemRandom::new(), token.proof_subject().as_bytes())
        .map_err(|_| SignError::Machine("sign with a key on P-256"))?;
    let pem = pem::encode(&pem::Pem::new("PUBLIC KEY", spki));
    let body = json!({"publicKeyRequest": {
        "publicKey": {"algorithm": "ECDSA", "content": pem},
        "proofOfPossession": STANDARD.encode(proof.as_ref()),
    }});
    let mut headers = content("application/json");
    let bearer = Zeroizing::new(format!("Bearer {}", token.secret()));
    let bearer = http::HeaderValue::from_str(&bearer);
    let mut bearer = bearer.map_err(|_| SignError::Machine("send the identity token"))?;
    bearer.set_sensitive(true);
    headers.insert(http::header::AUTHORIZATION, bearer);
    Ok(Question {
        service: Service::Authority,
        url: authority,
        endpoint: format!("{authority}/api/v2/signingCert"),
        headers,
        body: body.to_string().into(),
        taken: &[200, 201],
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answered {
    #[serde(default)]
    signed_certificate_embedded_sct: Option<Embedded>,
}

#[derive(Deserialize)]
struct Embedded {
    chain: Chain,
}

#[derive(Deserialize)]
struct Chain {
    certificates: Vec<String>,
}

/// Reads the certificate, which must be for our key, and name whom the token names.
fn read(
    body: &[u8],
    spki: &[u8],
    token: &IdentityToken,
    now: SystemTime,
) -> Result<Certificate, String> {
    let answered: Answered = serde_json::from_slice(body)
        .map_err(|error| format!("it is no certificate chain: {error}"))?;
    let chain = answered
        .signed_certificate_embedded_sct
        .ok_or("there is no certificate with its log's receipt in it")?
        .chain
        .certificates;
    let leaf = chain.first().filter(|_| chain.len() <= LONGEST_CHAIN);
    let leaf = leaf.ok_or("its chain has no certificate, or more than 16")?;
    let leaf = pem::parse(leaf).map_err(|_| "its certificate is no PEM")?;
    let der = leaf.into_contents();
    let details = CertificateDetails::from_der(&der)
        .map_err(|error| format!("its certificate cannot be read: {error}"))?;
    if details.spki_der != spki {
        return Err("its certificate is for another key".to_owned());
    }
    if details.sct_list.is_none() {
        return Err("its certificate has no receipt of a log in it".to_owned());
    }
    if details.not_after <= now {
        return Err(
            "its certificate has ended by this machine's clock, which may be wrong".to_owned(),
        );
    }
    // What else a certificate may name is made from claims as the authority is configured.
    if let (SubjectAlternativeName::Email(_), Some(email)) = (&details.identity, token.email())
        && details.identity.as_str() != email
    {
        return Err("its certificate names another address than the token".to_owned());
    }
    Ok(Certificate {
        der,
        details: Arc::new(details),
    })
}
