//! Taking submissions: verified, never logged twice by one process, released when they are
//! published.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chancery_ca::EntryIndex;
use chancery_log::{AppendError, IndexTerm, Log, ReadError, Sct, SctError, Sequenced};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::chain::{SubmittedChain, SubmittedKind};
use crate::rate::Budget;
use crate::roots::{ChainRefused, Roots};
use crate::submission::Submission;

/// How many leaves can be logged at once without waiting for another: each leaf has one lane, which
/// it shares.
const LANES: usize = 1024;

/// The most issuers that are remembered as written.
const MOST_KNOWN: usize = 10_000;

/// How much is taken from outside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SubmissionsLimits {
    /// Submissions a second, of all submitters together, in the long run.
    pub per_second: u32,
    /// As many as in this time are taken at once.
    pub burst: Duration,
}

impl Default for SubmissionsLimits {
    /// Returns 100 a second, and 500 at once.
    fn default() -> Self {
        Self {
            per_second: 100,
            burst: Duration::from_secs(5),
        }
    }
}

/// Takes submissions for configured roots.
#[derive(Debug)]
pub struct Submissions {
    roots: Roots,
    index: EntryIndex,
    budget: Budget,
    lanes: Vec<Arc<tokio::sync::Mutex<()>>>,
    /// Which issuers which log has: its id, and the fingerprint.
    known: Mutex<HashSet<([u8; 32], [u8; 32])>>,
}

/// Why a submission got no SCT.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The chain is not one that this log takes.
    #[error(transparent)]
    Chain(#[from] ChainRefused),
    /// Too many come.
    #[error("too many submissions come; try again")]
    Limited {
        /// When to try again.
        retry_after: Duration,
    },
    /// The log did not take the entry. It may be in the log all the same.
    #[error("the log did not take the entry")]
    Append(#[from] AppendError),
    /// The log could not be asked whether it has the entry already.
    #[error("the log could not be read")]
    Read(#[from] ReadError),
    /// The log's key did not sign.
    #[error("the log did not sign the SCT")]
    Sct(#[from] SctError),
    /// The task was aborted; the entry may be in the log.
    #[error("the submission was aborted")]
    Aborted,
}

impl Submissions {
    /// Takes the roots, to which the authority's own belongs, and the index that tells the
    /// authority's own entries.
    pub fn new(roots: Roots, index: EntryIndex, limits: SubmissionsLimits) -> Arc<Self> {
        Arc::new(Self {
            roots,
            index,
            budget: Budget::new(limits.per_second, limits.burst),
            lanes: (0..LANES).map(|_| Arc::default()).collect(),
            known: Mutex::default(),
        })
    }

    /// Returns the roots whose certificates are taken.
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    /// Verifies a chain, logs it unless `log` has it, and returns its SCT once it is committed,
    /// guarded, and covered by the published checkpoint.
    ///
    /// The same leaf again gets the same place and time, also when both come at once in this
    /// process. The work is done in a task of its own: a submitter who hangs up does not make the
    /// next one's the second entry.
    ///
    /// # Errors
    ///
    /// [`SubmitError`] says whose fault it is. Nothing was released.
    pub async fn add(
        self: &Arc<Self>,
        log: &Arc<Log>,
        kind: SubmittedKind,
        chain: SubmittedChain,
    ) -> Result<Sct, SubmitError> {
        let spent = self.budget.spend(Instant::now());
        spent.map_err(|retry_after| SubmitError::Limited { retry_after })?;
        log.check_open()?;
        let (submissions, log) = (Arc::clone(self), Arc::clone(log));
        let work = async move {
            let verify = Arc::clone(&submissions);
            // Ten signatures of the slowest kind take milliseconds.
            let verified = tokio::task::spawn_blocking(move || {
                Submission::new(verify.roots.verify(kind, chain)?)
            });
            let submission = verified.await.map_err(|_| SubmitError::Aborted)??;
            submissions.log(&log, submission).await
        };
        tokio::spawn(work.in_current_span())
            .await
            .unwrap_or(Err(SubmitError::Aborted))
    }

    async fn log(&self, log: &Log, submission: Submission) -> Result<Sct, SubmitError> {
        let term = submission.term(&self.index)?;
        let _lane = self.lane(&submission).await;
        let sequenced = match log.find(&term, &submission).await {
            Ok(Some(found)) => found,
            Ok(None) => self.append(log, &term, submission).await?,
            Err(e) => return Err(e.into()),
        };
        Ok(log.sign_sct(&sequenced).await?)
    }

    async fn append(
        &self,
        log: &Log,
        term: &IndexTerm,
        submission: Submission,
    ) -> Result<Sequenced, SubmitError> {
        if term.name == "serial" {
            // Its key is our own CA's, and what that issues is in the log before anybody has it.
            let what = "it was not issued by this authority's running log";
            return Err(ChainRefused::NotLoggable(what.to_owned()).into());
        }
        let terms = submission.terms(&self.index)?;
        let log_id = *log.log_id().as_bytes();
        let fingerprints = submission.entry().chain_fingerprints().to_vec();
        let leaf = submission.without(&self.known_to(log_id, &fingerprints));
        let sequenced = log.append(Box::new(leaf), terms).await?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST_KNOWN {
            known.extend(fingerprints.into_iter().map(|issuer| (log_id, issuer)));
        }
        Ok(sequenced)
    }

    fn known_to(&self, log_id: [u8; 32], fingerprints: &[[u8; 32]]) -> HashSet<[u8; 32]> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = |issuer: &&[u8; 32]| known.contains(&(log_id, **issuer));
        fingerprints.iter().filter(is_known).copied().collect()
    }

    async fn lane(&self, submission: &Submission) -> Option<tokio::sync::OwnedMutexGuard<()>> {
        let [a, b, ..] = *submission.digest();
        let number = usize::from(u16::from_be_bytes([a, b])) % LANES;
        Some(Arc::clone(self.lanes.get(number)?).lock_owned().await)
    }
}
