//! What one signature is over, and the bundle that it goes into.

use chancery_keys::HashAlgorithm;

use super::error::SignError;
use super::statement::Statement;
use super::timestamp::SignedTime;
use super::{ArtifactDigest, Certificate, LedgerEntry};
use crate::bundle::{Signed, UnverifiedBundle};
use crate::verify::{Artifact, Pattern, Policy, Verifier};

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content<'a> {
    Artifact(ArtifactDigest),
    Statement(&'a Statement),
}

impl Content<'_> {
    /// Returns what the signature is over, and what the ledger has.
    pub(super) fn digest(&self) -> ArtifactDigest {
        match self {
            Self::Artifact(digest) => *digest,
            Self::Statement(statement) => statement.digest(),
        }
    }

    /// Verifies a bundle as whoever gets it will: with the trusted root alone.
    pub(super) fn verify(
        &self,
        verifier: &Verifier,
        bundle: &UnverifiedBundle,
        certificate: &Certificate,
    ) -> Result<(), SignError> {
        let digest = match self {
            Self::Artifact(digest) => *digest,
            Self::Statement(statement) => statement.subject(),
        };
        let artifact = digest.to_string().parse::<Artifact>();
        let artifact = artifact.map_err(|_| SignError::Machine("read a digest that it wrote"))?;
        let policy = Policy::new(
            Pattern::exact(certificate.identity().as_str()),
            Pattern::exact(certificate.issuer()),
        );
        verifier.verify(bundle, &artifact, &policy)?;
        Ok(())
    }

    /// Puts everything together that a verifier needs.
    pub(super) fn bundle(
        &self,
        certificate: &Certificate,
        signature: Vec<u8>,
        entries: &[LedgerEntry],
        timestamps: &[SignedTime],
    ) -> UnverifiedBundle {
        let signed = match self {
            Self::Artifact(digest) => Signed::Message {
                algorithm: HashAlgorithm::Sha256,
                digest: digest.as_bytes().to_vec(),
                signature,
            },
            Self::Statement(statement) => Signed::Envelope {
                payload_type: Statement::payload_type().to_owned(),
                payload: statement.as_str().as_bytes().to_vec(),
                signature,
            },
        };
        let entries = entries.iter().map(|entry| entry.answer.clone());
        let timestamps = timestamps.iter().map(|stamped| stamped.response.clone());
        UnverifiedBundle::assemble(
            certificate.der().to_vec(),
            signed,
            entries.collect(),
            timestamps.collect(),
        )
    }
}
