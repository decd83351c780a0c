//! Why a bundle does not verify: which check failed, and how.

use std::fmt;

/// The checks of a verifier. Their names are stable: programs may go by them.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Check {
    /// The certificate that signed is one of Fulcio's kind: it may sign code, and no certificates.
    Certificate,
    /// The artifact is the one whose digest the bundle gives.
    Artifact,
    /// Enough authorities say when it was signed, each in its window, and of this signature.
    Time,
    /// The certificate leads to a trusted root, and all of the chain was valid when it was signed.
    Chain,
    /// Enough trusted logs have signed that they have the certificate, each in its window.
    Sct,
    /// Enough entries are there, each of a trusted ledger that counted when it was signed.
    Ledger,
    /// The entry is of this artifact, this signature and this certificate.
    EntryBody,
    /// The checkpoint is the ledger's, and signed by it.
    Checkpoint,
    /// The proof leads from the entry to the checkpoint's root.
    InclusionProof,
    /// The ledger of Rekor v1 has promised to include the entry at its time.
    InclusionPromise,
    /// The certificate's key has signed the artifact, or the envelope's content.
    Signature,
    /// The envelope holds an in-toto statement of the type that is wanted.
    Statement,
    /// The statement is about the artifact.
    Subject,
    /// The signer is the one that is wanted.
    Identity,
    /// The signer logged in with the issuer that is wanted.
    Issuer,
}

impl Check {
    /// Returns the stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Artifact => "artifact",
            Self::Time => "time",
            Self::Chain => "chain",
            Self::Sct => "sct",
            Self::Ledger => "ledger",
            Self::EntryBody => "entry-body",
            Self::Checkpoint => "checkpoint",
            Self::InclusionProof => "inclusion-proof",
            Self::InclusionPromise => "inclusion-promise",
            Self::Signature => "signature",
            Self::Statement => "statement",
            Self::Subject => "subject",
            Self::Identity => "identity",
            Self::Issuer => "issuer",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a bundle does not verify. The message is its cause; [`VerifyError::check`] says where.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{cause}")]
pub struct VerifyError {
    check: Check,
    cause: String,
}

impl VerifyError {
    /// Returns the check that failed.
    #[must_use]
    pub fn check(&self) -> Check {
        self.check
    }
}

impl Check {
    /// Says that this check failed.
    pub(super) fn failed(self, cause: impl fmt::Display) -> VerifyError {
        VerifyError {
            check: self,
            cause: cause.to_string(),
        }
    }
}
