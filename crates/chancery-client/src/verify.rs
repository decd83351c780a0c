//! Verifying bundles: each check in a file of its own, with a type that nothing else can make.
//!
//! What is verified, and in this order: the artifact is the one that the signature is said to be of;
//! when it was signed; the certificate's chain at that time; that the certificate was logged; that
//! the signature is in a ledger, with this certificate; the signature; what a statement says it is
//! about; and whose signature is wanted. Each failure has the name of its [`Check`].
//!
//! ```
//! use chancery_client::bundle::UnverifiedBundle;
//! use chancery_client::trust::{TrustMaterial, TrustedRoot};
//! use chancery_client::verify::{Check, Pattern, Policy, Verifier};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # std::env::set_current_dir("tests/vectors")?;
//! let trusted = TrustedRoot::parse(&std::fs::read("trusted_root.json")?)?;
//! let verifier = Verifier::new(TrustMaterial::of(&trusted));
//!
//! // An attestation of a file that is not at hand, only its digest.
//! let bundle = UnverifiedBundle::parse(&std::fs::read("dsse/dsse-dsse002.sigstore.json")?)?;
//! let artifact =
//!     "sha256:b79d980495b61acacc774bc7b10c6a1d6070839cf3c1a502664cb9f58202d5d6".parse()?;
//! let policy = Policy::new(
//!     Pattern::matching(r"(alice|bob)@chancery\.test")?,
//!     Pattern::exact("https://issuer.chancery.test"),
//! )
//! .with_predicate_type("https://example.test/p/v1");
//! let verified = verifier.verify(&bundle, &artifact, &policy)?;
//! let statement = verified.statement().ok_or("it is no attestation")?;
//! println!("{}", String::from_utf8_lossy(statement.payload()));
//!
//! // What does not hold is told apart by the check that failed.
//! let policy = Policy::new(
//!     Pattern::exact("mallory@chancery.test"),
//!     Pattern::exact("https://issuer.chancery.test"),
//! );
//! let refused = verifier.verify(&bundle, &artifact, &policy).unwrap_err();
//! assert_eq!(refused.check(), Check::Identity);
//! # Ok(())
//! # }
//! ```

mod artifact;
mod chain;
mod checkpoint;
pub(crate) mod credential;
mod entry;
mod error;
mod hashed;
pub(crate) mod inclusion;
mod policy;
mod rekor_v1;
mod sct;
pub(crate) mod signature;
mod statement;
pub(crate) mod time;
mod verified;

use crate::bundle::UnverifiedBundle;
use crate::trust::TrustMaterial;

#[doc(inline)]
pub use chancery_certs::{FulcioExtensions, SubjectAlternativeName};
#[doc(inline)]
pub use chancery_keys::HashAlgorithm;
#[doc(inline)]
pub use chancery_tlog::ct::LogId;

pub use artifact::{Artifact, DigestError, ParseDigestError};
pub use chain::VerifiedChain;
pub use entry::VerifiedEntry;
pub use error::{Check, VerifyError};
pub use policy::{Pattern, PatternError, Policy};
pub use sct::VerifiedSct;
pub use signature::VerifiedSignature;
pub use statement::VerifiedStatement;
pub use time::{SignedTime, TimeSource};
pub use verified::Verified;

/// How many independent authorities must say each thing. What counts is who they are: many words of
/// one are one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Thresholds {
    /// Logs that have the certificate.
    pub scts: usize,
    /// Ledgers that have the signature.
    pub entries: usize,
    /// Authorities that say when it was signed; at least one, since nothing holds at no time.
    pub times: usize,
}

impl Default for Thresholds {
    /// One of each, as cosign and sigstore-python want it.
    fn default() -> Self {
        Self {
            scts: 1,
            entries: 1,
            times: 1,
        }
    }
}

/// Verifies bundles with what it trusts, asking nobody.
#[derive(Clone, Debug)]
pub struct Verifier {
    trust: TrustMaterial,
    thresholds: Thresholds,
}

impl Verifier {
    /// Takes what is trusted.
    #[must_use]
    pub fn new(trust: TrustMaterial) -> Self {
        Self {
            trust,
            thresholds: Thresholds::default(),
        }
    }

    pub(crate) fn trust(&self) -> &TrustMaterial {
        &self.trust
    }

    /// Wants other numbers of authorities than one of each.
    #[must_use]
    pub fn with_thresholds(mut self, thresholds: Thresholds) -> Self {
        self.thresholds = thresholds;
        self
    }

    /// Verifies that `bundle` holds a signature of `artifact` by whom `policy` wants.
    ///
    /// # Errors
    /// [`VerifyError`] names the check that failed, and why.
    pub fn verify(
        &self,
        bundle: &UnverifiedBundle,
        artifact: &Artifact,
        policy: &Policy,
    ) -> Result<Verified, VerifyError> {
        let leaf = chain::Leaf::read(bundle.wire.certificate())?;
        let content = signature::Content::of(bundle, artifact, &leaf)?;
        let times = time::verify(&self.trust, &content, self.thresholds.times.max(1))?;
        let at: Vec<_> = times.iter().map(SignedTime::time).collect();
        let chain = chain::verify(&self.trust, &leaf, &at)?;
        let scts = sct::verify(&self.trust, &leaf, &chain, self.thresholds.scts)?;
        let entries = entry::verify(&self.trust, &content, &times, self.thresholds.entries)?;
        let signature = signature::verify(&content)?;
        let statement = statement::verify(&content, &signature)?;
        policy.check(&leaf, statement.as_ref())?;
        Ok(Verified {
            artifact: artifact.clone(),
            details: leaf.details,
            certificate: leaf.der.to_vec(),
            times,
            chain,
            scts,
            entries,
            signature,
            statement,
        })
    }
}

#[cfg(test)]
mod tests;
