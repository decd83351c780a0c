//! Certificate signing requests: PKCS#10 (RFC 2986). Whose request it is says the token; of the
//! request only key and signature count.

use chancery_keys::HashAlgorithm::{Sha256, Sha384, Sha512};
use chancery_keys::{PublicKey, PublicKeyError, SignatureScheme};
use const_oid::db::{rfc5912, rfc8410};
use der::asn1::{AnyRef, BitStringRef};
use der::{Decode, Encode, Sequence};
use spki::AlgorithmIdentifierRef;
use x509_cert::request::CertReqInfo;

use super::{PossessionError, insecure, pem_block};
use crate::key_policy::KeyPolicy;

/// A `CertificationRequest` whose signed part is kept as it came.
#[derive(Sequence)]
struct CertificationRequest<'a> {
    info: AnyRef<'a>,
    signature_algorithm: AlgorithmIdentifierRef<'a>,
    signature: BitStringRef<'a>,
}

/// What the request's signature was made with.
enum Signed {
    With(SignatureScheme),
    /// RSASSA-PSS, which proves possession but is not accepted.
    WithPss,
}

/// Verifies that whoever made the request holds its key.
pub(super) fn verify(content: &[u8], policy: &KeyPolicy) -> Result<PublicKey, PossessionError> {
    let block = pem_block::first(content).map_err(|why| {
        PossessionError::Csr(format!("certificateSigningRequest is not PEM: {why}"))
    })?;
    if !matches!(
        block.tag(),
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST"
    ) {
        return Err(PossessionError::Csr(format!(
            "certificateSigningRequest holds a {:?}; send a CERTIFICATE REQUEST",
            block.tag()
        )));
    }
    let request = CertificationRequest::from_der(block.contents()).map_err(unreadable)?;
    let signed_part = request.info.to_der().map_err(unreadable)?;
    let info = CertReqInfo::from_der(&signed_part).map_err(unreadable)?;
    let spki = info.public_key.to_der().map_err(unreadable)?;
    let key = PublicKey::from_spki_der(&spki).map_err(refused)?;
    policy.admit(&key)?;

    let signature = request.signature.as_bytes().unwrap_or_default();
    match signed_with(&request.signature_algorithm)? {
        Signed::With(scheme) => {
            key.verify_scheme(scheme, &signed_part, signature)
                .map_err(|_| not_by_the_key())?;
            policy.permit(&key, scheme.hash())?;
            Ok(key)
        }
        Signed::WithPss => Err(refuse_pss(&key, &signed_part, signature)),
    }
}

fn unreadable(error: der::Error) -> PossessionError {
    PossessionError::Csr(format!("certificateSigningRequest: {error}"))
}

/// Go reads a request whose key is of a kind that it does not know, and Fulcio then finds the key
/// insecure; other keys that it cannot read make the request unreadable.
fn refused(error: PublicKeyError) -> PossessionError {
    match insecure(&error) {
        Some(refusal) => refusal,
        None if matches!(error, PublicKeyError::UnsupportedAlgorithm { .. }) => {
            PossessionError::InsecureKey(error.to_string())
        }
        None => PossessionError::Csr(format!("the key in the request: {error}")),
    }
}

/// Reads the signature algorithm (RFC 5758, RFC 8017, RFC 8410). What has SHA-1, or a hash that is
/// shorter than the shortest permitted one, proves nothing.
fn signed_with(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Signed, PossessionError> {
    let scheme = match (algorithm.oid, algorithm.parameters) {
        (rfc5912::ECDSA_WITH_SHA_256, _) => SignatureScheme::Ecdsa(Sha256),
        (rfc5912::ECDSA_WITH_SHA_384, _) => SignatureScheme::Ecdsa(Sha384),
        (rfc5912::ECDSA_WITH_SHA_512, _) => SignatureScheme::Ecdsa(Sha512),
        (rfc5912::SHA_256_WITH_RSA_ENCRYPTION, _) => SignatureScheme::RsaPkcs1(Sha256),
        (rfc5912::SHA_384_WITH_RSA_ENCRYPTION, _) => SignatureScheme::RsaPkcs1(Sha384),
        (rfc5912::SHA_512_WITH_RSA_ENCRYPTION, _) => SignatureScheme::RsaPkcs1(Sha512),
        (rfc8410::ID_ED_25519, None) => SignatureScheme::Ed25519,
        (rfc5912::ID_RSASSA_PSS, _) => return Ok(Signed::WithPss),
        (other, _) => {
            return Err(PossessionError::Proof(format!(
                "the request is signed with {other}; use ECDSA or RSA PKCS#1 v1.5 with SHA-256, \
                 SHA-384 or SHA-512, or Ed25519"
            )));
        }
    };
    Ok(Signed::With(scheme))
}

/// Fulcio verifies such a signature before it says that it does not know the algorithm.
fn refuse_pss(key: &PublicKey, signed_part: &[u8], signature: &[u8]) -> PossessionError {
    let names = [
        (Sha256, "SHA256-RSAPSS"),
        (Sha384, "SHA384-RSAPSS"),
        (Sha512, "SHA512-RSAPSS"),
    ];
    let verifies = |hash| {
        let scheme = SignatureScheme::RsaPss(hash);
        key.verify_scheme(scheme, signed_part, signature).is_ok()
    };
    match names.into_iter().find(|(hash, _)| verifies(*hash)) {
        Some((_, name)) => PossessionError::UnrecognizedAlgorithm(name),
        None => not_by_the_key(),
    }
}

fn not_by_the_key() -> PossessionError {
    PossessionError::Proof("the request's signature is not by the key in it".to_owned())
}
