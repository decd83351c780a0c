//! Taking submissions: verified, never logged twice by one process, released when they are
//! published.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chancery_ca::EntryIndex;
use chancery_log::{
    AppendError, Budget, IndexTerm, Log, ReadError, Sct, SctError, Sequenced, with_reading_place,
};
use tokio::sync::{Semaphore, TryAcquireError};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::chain::{SubmittedChain, SubmittedKind};
use crate::roots::{ChainRefused, Roots};
use crate::submission::Submission;

/// How many leaves can be logged at once without waiting for another: each leaf has one lane, which
/// it shares.
const LANES: usize = 1024;

/// The most issuers that are remembered as written.
const MOST_KNOWN: usize = 10_000;

/// How many submissions may wait to be verified for each that is.
const QUEUE: usize = 32;

/// How many submissions may be underway, from their first step to their SCT. Each holds its chain
/// and outlives its submitter, so the number is what strangers can make us remember while the log
/// hangs.
const UNDERWAY: usize = 256;

/// When to come again if too many wait: they are gone by then.
const SOON: Duration = Duration::from_secs(1);

/// How many may ask the log at once whether it has them: with the reads of logs, fewer than a store
/// has connections for reading.
const ASKING: usize = 2;

/// How much is taken from outside.
///
/// What a stranger can make up for nothing is not charged to those who have certificates: the rates
/// count what was verified.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SubmissionsLimits {
    /// New entries a second, of all submitters together, in the long run. Of what is logged already,
    /// as many again are answered.
    pub per_second: u32,
    /// As many as in this time are taken at once.
    pub burst: Duration,
    /// Chains that are verified at once, each on a thread of its own; 32 times as many may wait.
    pub verifying: usize,
}

impl Default for SubmissionsLimits {
    /// Returns 100 a second, and 500 at once; 4 are verified at once.
    fn default() -> Self {
        Self {
            per_second: 100,
            burst: Duration::from_secs(5),
            verifying: 4,
        }
    }
}

/// Takes submissions for configured roots.
#[derive(Debug)]
pub struct Submissions {
    roots: Roots,
    index: EntryIndex,
    entries: Budget,
    repeats: Budget,
    underway: Arc<Semaphore>,
    waiting: Semaphore,
    verifying: Semaphore,
    asking: Arc<Semaphore>,
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
            entries: Budget::new(limits.per_second, limits.burst),
            repeats: Budget::new(limits.per_second, limits.burst),
            underway: Arc::new(Semaphore::new(UNDERWAY)),
            waiting: Semaphore::new(limits.verifying.saturating_mul(1 + QUEUE)),
            verifying: Semaphore::new(limits.verifying),
            asking: Arc::new(Semaphore::new(ASKING)),
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
    /// next one's the second entry. At most 256 such tasks are underway; more are refused at once.
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
        log.check_open()?;
        let underway = Arc::clone(&self.underway).try_acquire_owned();
        let underway = underway.map_err(limited)?;
        let (submissions, log) = (Arc::clone(self), Arc::clone(log));
        let work = async move {
            let _underway = underway;
            let submission = Arc::clone(&submissions).verify(kind, chain).await?;
            submissions.log(&log, submission).await
        };
        tokio::spawn(work.in_current_span())
            .await
            .unwrap_or(Err(SubmitError::Aborted))
    }

    async fn verify(
        self: Arc<Self>,
        kind: SubmittedKind,
        chain: SubmittedChain,
    ) -> Result<Submission, SubmitError> {
        let submissions = Arc::clone(&self);
        let _waiting = self.waiting.try_acquire().map_err(limited)?;
        let turn = self.verifying.acquire().await;
        let _turn = turn.map_err(|_| SubmitError::Aborted)?;
        // Ten signatures of the slowest kind take milliseconds.
        let verified = tokio::task::spawn_blocking(move || {
            Submission::new(submissions.roots.verify(kind, chain)?)
        });
        Ok(verified.await.map_err(|_| SubmitError::Aborted)??)
    }

    async fn log(&self, log: &Log, submission: Submission) -> Result<Sct, SubmitError> {
        let term = submission.term(&self.index)?;
        let _lane = self.lane(&submission).await;
        let asking = Arc::clone(&self.asking).acquire_owned().await;
        let asking = asking.map_err(|_| SubmitError::Aborted)?;
        let found = with_reading_place(asking, log.find(&term, &submission)).await?;
        let sequenced = if let Some(found) = found {
            spend(&self.repeats)?;
            found
        } else {
            self.append(log, &term, submission).await?
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
        spend(&self.entries)?;
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

fn limited(_: TryAcquireError) -> SubmitError {
    SubmitError::Limited { retry_after: SOON }
}

fn spend(budget: &Budget) -> Result<(), SubmitError> {
    let spent = budget.spend(Instant::now());
    spent.map_err(|retry_after| SubmitError::Limited { retry_after })
}
