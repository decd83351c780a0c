//! An entry of Rekor v1: promised or proven, and of this signature.

use std::time::{Duration, SystemTime};

use chancery_keys::PublicKey;
use chancery_tlog::{Hash, ProofError, leaf_hash, verify_inclusion};
use chancery_trust::documents::Window;

use super::body::{self, BodyError, Signed};
use super::checkpoint::{self, CheckpointError};
use super::promise;

/// An entry as a bundle has it: nothing of it is verified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    /// Its place among all that the log and its predecessors have.
    pub(crate) log_index: u64,
    /// Which log: SHA-256 of its key.
    pub(crate) log_id: &'a [u8],
    /// What the bundle says that the body is: `hashedrekord`, `dsse` or `intoto`, and its version.
    pub(crate) kind: (&'a str, &'a str),
    /// When it was entered, in seconds of Unix time, if the promise holds.
    pub(crate) integrated_time: i64,
    /// The signature over all of this (`signedEntryTimestamp`).
    pub(crate) promise: Option<&'a [u8]>,
    /// That it is in the tree.
    pub(crate) proof: Option<Proof<'a>>,
    /// What was entered (`canonicalizedBody`).
    pub(crate) body: &'a [u8],
}

/// An inclusion proof with the checkpoint that it leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proof<'a> {
    /// The entry's place in the tree.
    pub(crate) index: u64,
    /// How many entries the tree has.
    pub(crate) tree_size: u64,
    /// The tree's root.
    pub(crate) root_hash: &'a [u8],
    /// The hashes from the leaf up.
    pub(crate) hashes: &'a [Vec<u8>],
    /// The signed note (`checkpoint.envelope`).
    pub(crate) checkpoint: &'a str,
}

/// A log whose entries count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrustedLog<'a> {
    /// Its key.
    pub(crate) key: &'a PublicKey,
    /// When entries may have been made.
    pub(crate) window: Window,
}

/// An entry that holds: it is of a trusted log, and of the signature that was asked about. Without a
/// promise, the log's window was held against a time that nobody signed: hold it against another
/// signed time as well.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ProvenEntry {
    /// When the log promises to have entered it; `None` if there is a proof only, which says no
    /// time.
    pub(crate) promised_at: Option<SystemTime>,
    /// Whether it is proven to be in the log's tree, and not only promised.
    pub(crate) is_included: bool,
}

/// Why an entry does not count.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EntryError {
    /// No trusted log has that id.
    #[error("the entry is of a log that is not trusted")]
    UnknownLog,
    /// The entry has neither promise nor proof.
    #[error("the entry has neither an inclusion promise nor an inclusion proof")]
    Unproven,
    /// The signature over the entry and its time is not the log's.
    #[error("the inclusion promise is not signed by the log")]
    Promise,
    /// The time is none, or before 1970.
    #[error("the entry's time is none")]
    Time,
    /// The log's key did not count at that time.
    #[error("the entry's time is outside the window in which the log is trusted")]
    Window,
    /// The checkpoint is none, or not the log's.
    #[error("the entry's checkpoint does not hold: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The proof is for another tree than the checkpoint's.
    #[error("the inclusion proof is for another tree than the checkpoint's")]
    OtherTree,
    /// The proof does not lead from the entry to the root.
    #[error("the inclusion proof does not hold: {0}")]
    Proof(#[from] ProofError),
    /// The entry is of something else.
    #[error("the entry is not of this signature: {0}")]
    Body(#[from] BodyError),
}

impl Entry<'_> {
    /// Verifies the entry: that a trusted log has it, and that it is of just this signature.
    ///
    /// # Errors
    /// [`EntryError`] names the check that failed.
    pub(crate) fn verify(
        &self,
        logs: &[TrustedLog<'_>],
        signed: &Signed<'_>,
    ) -> Result<ProvenEntry, EntryError> {
        body::require(self.body, self.kind, signed)?;
        let mut logs = logs.iter().filter(|log| log.key.sha256() == self.log_id);
        // One key may stand there twice, with two windows.
        let mut wrong = EntryError::UnknownLog;
        logs.find_map(|log| match self.verify_by(log) {
            Ok(proven) => Some(proven),
            Err(error) => {
                wrong = error;
                None
            }
        })
        .ok_or(wrong)
    }

    fn verify_by(&self, log: &TrustedLog<'_>) -> Result<ProvenEntry, EntryError> {
        if self.promise.is_none() && self.proof.is_none() {
            return Err(EntryError::Unproven);
        }
        let promised_at = self.promised_at(log)?;
        if let Some(proof) = &self.proof {
            proof.verify(self.body, log.key)?;
        }
        if !log.window.holds(self.time()?) {
            return Err(EntryError::Window);
        }
        Ok(ProvenEntry {
            promised_at,
            is_included: self.proof.is_some(),
        })
    }

    /// Returns the time of the log's promise; `None` if there is no promise.
    ///
    /// # Errors
    /// [`EntryError`] if the promise is not the log's, or was made when it did not count.
    pub(crate) fn promised_at(
        &self,
        log: &TrustedLog<'_>,
    ) -> Result<Option<SystemTime>, EntryError> {
        let Some(signature) = self.promise else {
            return Ok(None);
        };
        let time = self.time()?;
        let promised = promise::text(self).ok_or(EntryError::Promise)?;
        let verified = log.key.verify(promised.as_bytes(), signature);
        verified.map_err(|_| EntryError::Promise)?;
        match log.window.holds(time) {
            true => Ok(Some(time)),
            false => Err(EntryError::Window),
        }
    }

    fn time(&self) -> Result<SystemTime, EntryError> {
        let seconds = u64::try_from(self.integrated_time).ok();
        let seconds = seconds.filter(|seconds| *seconds > 0);
        let time = seconds.map(Duration::from_secs);
        let time = time.and_then(|after| SystemTime::UNIX_EPOCH.checked_add(after));
        time.ok_or(EntryError::Time)
    }
}

impl Proof<'_> {
    fn verify(&self, body: &[u8], key: &PublicKey) -> Result<(), EntryError> {
        let head = checkpoint::verify(self.checkpoint, key)?;
        let is_its =
            head.tree_size == self.tree_size && head.root_hash.as_bytes()[..] == *self.root_hash;
        if !is_its {
            return Err(EntryError::OtherTree);
        }
        let hashes = self.hashes.iter().map(|hash| {
            let bytes: [u8; 32] = hash.as_slice().try_into().ok()?;
            Some(Hash::from_bytes(bytes))
        });
        let hashes: Option<Vec<_>> = hashes.collect();
        let hashes = hashes.ok_or(EntryError::Proof(ProofError::WrongRoot))?;
        let leaf = leaf_hash(body);
        let (index, size) = (self.index, self.tree_size);
        Ok(verify_inclusion(
            index,
            size,
            &leaf,
            &hashes,
            &head.root_hash,
        )?)
    }
}
