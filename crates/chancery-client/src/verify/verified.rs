//! What is known of a signature after every check.

use chancery_certs::{CertificateDetails, FulcioExtensions, SubjectAlternativeName};

use super::artifact::Artifact;
use super::chain::VerifiedChain;
use super::entry::VerifiedEntry;
use super::sct::VerifiedSct;
use super::signature::VerifiedSignature;
use super::statement::VerifiedStatement;
use super::time::SignedTime;

/// A signature that holds: only [`Verifier::verify`](super::Verifier::verify) makes one, of the
/// proofs of all checks.
#[derive(Clone, Debug)]
pub struct Verified {
    pub(super) artifact: Artifact,
    pub(super) details: CertificateDetails,
    pub(super) certificate: Vec<u8>,
    pub(super) times: Vec<SignedTime>,
    pub(super) chain: VerifiedChain,
    pub(super) scts: Vec<VerifiedSct>,
    pub(super) entries: Vec<VerifiedEntry>,
    pub(super) signature: VerifiedSignature,
    pub(super) statement: Option<VerifiedStatement>,
}

impl Verified {
    /// Returns the artifact that is signed, or that the statement is about: the digests of it that
    /// were known.
    #[must_use]
    pub fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// Returns who signed.
    #[must_use]
    pub fn identity(&self) -> &SubjectAlternativeName {
        &self.details.identity
    }

    /// Returns the issuer that the signer logged in with.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.details.extensions.issuer
    }

    /// Returns all that the issuer's token said of the signer and the build.
    #[must_use]
    pub fn extensions(&self) -> &FulcioExtensions {
        &self.details.extensions
    }

    /// Returns the certificate in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Returns when it was signed, as each authority says; one at least.
    #[must_use]
    pub fn times(&self) -> &[SignedTime] {
        &self.times
    }

    /// Returns the chain to a trusted root.
    #[must_use]
    pub fn chain(&self) -> &VerifiedChain {
        &self.chain
    }

    /// Returns the logs that have the certificate.
    #[must_use]
    pub fn scts(&self) -> &[VerifiedSct] {
        &self.scts
    }

    /// Returns the places of the signature in ledgers.
    #[must_use]
    pub fn entries(&self) -> &[VerifiedEntry] {
        &self.entries
    }

    /// Returns the signature.
    #[must_use]
    pub fn signature(&self) -> &VerifiedSignature {
        &self.signature
    }

    /// Returns the statement about the artifact; `None` if the artifact itself is signed.
    #[must_use]
    pub fn statement(&self) -> Option<&VerifiedStatement> {
        self.statement.as_ref()
    }
}
