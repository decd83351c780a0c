//! From a request to a verified entry: the only way there is one over the signature.

use std::fmt;

use chancery_certs::{Outline, OutlineError, Poison};
use chancery_keys::{BadSignature, HashAlgorithm, PublicKey, PublicKeyError};
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::KeyDetails;
use crate::algorithm::digest_length;
use crate::body::{Body, Spec};
use crate::certificate::PresentedCertificate;
use crate::request::{DsseRequest, EntryRequest, HashedRekordRequest, Verifier, VerifierMaterial};

/// What an entry says was signed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum EntryKind {
    /// `hashedrekord`: something of which the digest is known.
    HashedRekord,
    /// `dsse`: the payload of an envelope.
    Dsse,
}

impl EntryKind {
    /// Returns the name that bodies and answers have.
    pub fn name(self) -> &'static str {
        match self {
            Self::HashedRekord => "hashedrekord",
            Self::Dsse => "dsse",
        }
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An entry whose signature verifies over its digest. Only verification makes one.
#[derive(Clone, Debug)]
pub struct VerifiedEntry {
    kind: EntryKind,
    body: Vec<u8>,
    artifact: (HashAlgorithm, Vec<u8>),
    key: PublicKey,
    certificate: Option<PresentedCertificate>,
}

/// Why a request is no entry. The client's fault.
#[derive(Debug, thiserror::Error)]
pub enum EntryRefused {
    /// It is not the JSON of a request.
    #[error("the request is not the JSON of a CreateEntryRequest: {0}")]
    Json(String),
    /// It has more bytes than any request needs.
    #[error("the request is larger than 4 MiB")]
    TooLarge,
    /// It asks for no entry, or for two.
    #[error("invalid type, must be hashedrekord: send one hashedRekordRequestV002")]
    NotOneEntry,
    /// It is an envelope, and those are not taken here.
    #[error(
        "invalid type, must be hashedrekord: send a dsse envelope's signature as \
         hashedRekordRequestV002 over the digest of its pre-authentication encoding"
    )]
    DsseOff,
    /// A field is missing or empty.
    #[error("missing {0}")]
    Missing(&'static str),
    /// There is a key besides a certificate.
    #[error("the verifier has both x509Certificate and publicKey; send one")]
    TwoVerifiers,
    /// An envelope has not exactly one signature and one verifier.
    #[error("an envelope has exactly one signature and one verifier")]
    NotOneSignature,
    /// The key does not parse, or must not be used.
    #[error("the verifier's key: {0}")]
    Key(#[from] PublicKeyError),
    /// The certificate does not parse.
    #[error("the verifier's certificate: {0}")]
    Certificate(#[from] OutlineError),
    /// The certificate is a precertificate, which is for nobody's use.
    #[error("the verifier's certificate is a precertificate")]
    Precertificate,
    /// The key is none that the registry has.
    #[error(
        "the verifier's key is not supported: use P-256, P-384, P-521, Ed25519ph or RSA of 2048, \
         3072 or 4096 bits"
    )]
    UnsupportedKey,
    /// The key is another than the request says.
    #[error("the verifier's key is {key}, and keyDetails says {said}")]
    KeyDetails {
        /// What it is.
        key: KeyDetails,
        /// What it is said to be.
        said: KeyDetails,
    },
    /// The digest is not one of the key's hash.
    #[error("the digest has {found} bytes, and {hash} of this key has {wanted}")]
    DigestLength {
        /// How many it has.
        found: usize,
        /// How many it should have.
        wanted: usize,
        /// The hash.
        hash: HashAlgorithm,
    },
    /// The signature does not verify.
    #[error("verifying signature: {0}")]
    Signature(#[from] BadSignature),
    /// What would be logged has no place in a tile.
    #[error("the entry would have {bytes} bytes; an entry has at most 65535")]
    BodyTooLarge {
        /// How many it would have.
        bytes: usize,
    },
}

impl EntryRequest {
    /// Verifies the signature and makes the entry of the request (Rekor v2).
    ///
    /// Whether its certificate may be used here, and when it is valid, is not asked.
    ///
    /// # Errors
    ///
    /// [`EntryRefused`] says what is wrong with the request.
    pub fn verify(self) -> Result<VerifiedEntry, EntryRefused> {
        match self {
            Self::HashedRekord(request) => request.verify(),
            Self::Dsse(request) => request.verify(),
        }
    }
}

impl HashedRekordRequest {
    fn verify(self) -> Result<VerifiedEntry, EntryRefused> {
        let (key, certificate) = self.verifier.read()?;
        let hash = key.digest_algorithm();
        let (found, wanted) = (self.digest.len(), digest_length(hash));
        if found != wanted {
            return Err(EntryRefused::DigestLength {
                found,
                wanted,
                hash,
            });
        }
        key.verify_digest(&self.digest, &self.signature)?;
        let artifact = (hash, self.digest.clone());
        let body = Body::hashed_rekord(hash, self.digest, self.signature, self.verifier);
        Ok(VerifiedEntry {
            kind: EntryKind::HashedRekord,
            body: body.encode()?,
            artifact,
            key,
            certificate,
        })
    }
}

impl DsseRequest {
    fn verify(self) -> Result<VerifiedEntry, EntryRefused> {
        let (key, certificate) = self.verifier.read()?;
        let digest = self.pae_digest(key.digest_algorithm());
        key.verify_digest(&digest, &self.signature)?;
        let payload_sha256 = Sha256::digest(&self.payload).to_vec();
        let artifact = (HashAlgorithm::Sha256, payload_sha256.clone());
        let body = Body::dsse(payload_sha256, self.signature, self.verifier);
        Ok(VerifiedEntry {
            kind: EntryKind::Dsse,
            body: body.encode()?,
            artifact,
            key,
            certificate,
        })
    }

    /// Hashes what the signature is over: the pre-authentication encoding of DSSE, protocol.md.
    fn pae_digest(&self, hash: HashAlgorithm) -> Vec<u8> {
        let (kind, payload) = (&self.payload_type, &self.payload);
        let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
        match hash {
            HashAlgorithm::Sha256 => digest_of::<Sha256>(&head, payload),
            HashAlgorithm::Sha384 => digest_of::<Sha384>(&head, payload),
            HashAlgorithm::Sha512 => digest_of::<Sha512>(&head, payload),
        }
    }
}

/// Returns the certificate in a body, without verifying anything.
pub(crate) fn certificate_in(body: &[u8]) -> Option<PresentedCertificate> {
    let signature = match Body::parse(body)?.spec {
        Spec::HashedRekord { signature, .. } => signature,
        Spec::Dsse {
            signatures: [signature],
            ..
        } => signature,
    };
    let (_, verifier) = signature.into_parts()?;
    match verifier.material {
        VerifierMaterial::Certificate(der) => Some(PresentedCertificate::new(der)),
        VerifierMaterial::PublicKey(_) => None,
    }
}

fn digest_of<D: Digest>(head: &str, payload: &[u8]) -> Vec<u8> {
    let digest = D::new().chain_update(head).chain_update(payload);
    digest.finalize().to_vec()
}

impl Verifier {
    /// Reads key and certificate, and holds the key against what is said of it.
    fn read(&self) -> Result<(PublicKey, Option<PresentedCertificate>), EntryRefused> {
        let (key, certificate) = match &self.material {
            VerifierMaterial::PublicKey(spki) => (PublicKey::from_spki_der(spki)?, None),
            VerifierMaterial::Certificate(der) => {
                let outline = Outline::of(der)?;
                if outline.poison != Poison::Absent {
                    return Err(EntryRefused::Precertificate);
                }
                let key = PublicKey::from_spki_der(outline.spki_der)?;
                (key, Some(PresentedCertificate::new(der.clone())))
            }
        };
        let (is, said) = (KeyDetails::of_key(&key), self.key_details);
        match is {
            Some(details) if details == said => Ok((key, certificate)),
            Some(key) => Err(EntryRefused::KeyDetails { key, said }),
            None => Err(EntryRefused::UnsupportedKey),
        }
    }
}

impl VerifiedEntry {
    /// Reads the body of an entry that is in a log, and verifies it again as far as the body goes: of
    /// an envelope's signature, the payload that it is over is not there.
    ///
    /// # Errors
    ///
    /// In the words of what is wrong with it.
    pub fn from_body(body: &[u8]) -> Result<Self, String> {
        let parsed = Body::parse(body).ok_or("it is not the canonical body of an entry")?;
        let unreadable = "its signature or verifier is not one that is taken";
        match parsed.spec {
            Spec::HashedRekord { data, signature } => {
                let (signature, verifier) = signature.into_parts().ok_or(unreadable)?;
                let request = HashedRekordRequest {
                    digest: data.digest.0,
                    signature,
                    verifier,
                };
                let entry = request.verify().map_err(|e| e.to_string())?;
                if entry.body == body {
                    Ok(entry)
                } else {
                    Err("its hash is not the one of its key".to_owned())
                }
            }
            Spec::Dsse {
                payload_hash,
                signatures: [signature],
            } => {
                let (_, verifier) = signature.into_parts().ok_or(unreadable)?;
                let (key, certificate) = verifier.read().map_err(|e| e.to_string())?;
                let digest = payload_hash.digest.0;
                let sized = digest.len() == digest_length(HashAlgorithm::Sha256);
                if payload_hash.algorithm != "SHA2_256" || !sized {
                    return Err("its payload's hash is no SHA-256".to_owned());
                }
                Ok(Self {
                    kind: EntryKind::Dsse,
                    body: body.to_vec(),
                    artifact: (HashAlgorithm::Sha256, digest),
                    key,
                    certificate,
                })
            }
        }
    }

    /// Returns what kind of entry it is.
    pub fn kind(&self) -> EntryKind {
        self.kind
    }

    /// Returns the canonical body: what the log keeps.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns the digest of what was signed, of an envelope that of its payload.
    pub fn artifact(&self) -> (HashAlgorithm, &[u8]) {
        (self.artifact.0, &self.artifact.1)
    }

    /// Returns the key that the signature verifies with.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Returns the certificate for that key, if the request has one.
    pub fn certificate(&self) -> Option<&PresentedCertificate> {
        self.certificate.as_ref()
    }
}
