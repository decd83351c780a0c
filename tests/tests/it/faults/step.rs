//! The steps of the act at which a process can fail, and the ways in which it can.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// A step of the act, of the engine behind it, or of a start.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Step {
    ClaimToken,
    SignPrecertificate,
    ReadHead,
    LockHead,
    /// Under the lock, with the transaction open.
    Plan,
    Commit,
    ReadGuard,
    MoveGuard,
    SignCheckpoint,
    SignSct,
    SignFinal,
    RecordDelivery,
}

/// How a step goes wrong.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Mishap {
    /// It fails, and nothing has happened.
    Fails,
    /// It happens, and its answer is lost.
    FailsButPersists,
    /// The process ends before it.
    DiesBefore,
    /// The process ends right after it.
    DiesAfter,
}

use Mishap::{DiesAfter, DiesBefore, Fails, FailsButPersists};
use Step::{
    ClaimToken, Commit, LockHead, MoveGuard, Plan, ReadGuard, ReadHead, RecordDelivery,
    SignCheckpoint, SignFinal, SignPrecertificate, SignSct,
};

/// A step, and what goes wrong there once.
pub(crate) type Fault = (Step, Mishap);

/// Every fault there is: what persists nothing cannot fail and persist, and a plan ends in the
/// commit.
pub(crate) fn all() -> Vec<Fault> {
    let steps = [
        ClaimToken,
        SignPrecertificate,
        ReadHead,
        LockHead,
        Plan,
        Commit,
        ReadGuard,
        MoveGuard,
        SignCheckpoint,
        SignSct,
        SignFinal,
        RecordDelivery,
    ];
    let persists = |step| matches!(step, ClaimToken | Commit | MoveGuard | RecordDelivery);
    let possible = |step, mishap| match mishap {
        FailsButPersists => persists(step),
        DiesAfter => !matches!(step, Plan | LockHead),
        // Before the commit is after the plan.
        DiesBefore => step != Commit,
        Fails => true,
    };
    let mishaps = [Fails, FailsButPersists, DiesBefore, DiesAfter];
    steps
        .into_iter()
        .flat_map(|step| mishaps.map(|mishap| (step, mishap)))
        .filter(|(step, mishap)| possible(*step, *mishap))
        .collect()
}

/// Those that decide what is in the log and what stands outside it.
pub(crate) fn decisive() -> Vec<Fault> {
    let decides = |step| matches!(step, Plan | Commit | ReadGuard | MoveGuard | SignCheckpoint);
    all()
        .into_iter()
        .filter(|(step, _)| decides(*step))
        .collect()
}

/// What a process does when it is to die.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Death {
    /// It stops where it is; whoever waits for [`Faults::died`] drops all that it was.
    Frozen,
    /// It aborts.
    Abort,
}

/// The faults that are still to come, in their order.
#[derive(Debug)]
pub(crate) struct Faults {
    coming: Mutex<VecDeque<Fault>>,
    death: Death,
    died: Notify,
}

impl Faults {
    pub(crate) fn new(coming: &[Fault], death: Death) -> Self {
        Self {
            coming: Mutex::new(coming.iter().copied().collect()),
            death,
            died: Notify::new(),
        }
    }

    /// Returns those that did not happen.
    pub(crate) fn left(&self) -> Vec<Fault> {
        let coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        coming.iter().copied().collect()
    }

    /// Returns once the process is to be dropped.
    pub(crate) async fn died(&self) {
        self.died.notified().await;
    }

    /// Takes the next fault, if it is this step's.
    fn take(&self, step: Step) -> Option<Mishap> {
        let mut coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, mishap) = coming.pop_front_if(|(at, _)| *at == step)?;
        Some(mishap)
    }

    /// Takes the next fault if it is this one.
    pub(crate) fn take_if(&self, step: Step, mishap: Mishap) -> bool {
        let mut coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        coming
            .pop_front_if(|next| *next == (step, mishap))
            .is_some()
    }

    /// Takes the step's mishap where no future can wait: the process aborts at once, or the step
    /// fails and the caller asks [`Faults::die_late`].
    pub(crate) fn take_at_once(&self, step: Step) -> Option<Mishap> {
        let mishap = self.take(step);
        if mishap == Some(DiesBefore) && self.death == Death::Abort {
            std::process::abort();
        }
        mishap
    }

    pub(crate) async fn die<T>(&self) -> T {
        if self.death == Death::Abort {
            std::process::abort();
        }
        self.died.notify_one();
        std::future::pending().await
    }

    /// Does `work` as `step`, or what goes wrong there instead. `lost` makes the error.
    pub(crate) async fn at<T, E>(
        &self,
        step: Step,
        lost: impl FnOnce() -> E,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        match self.take(step) {
            None => work.await,
            Some(Fails) => Err(lost()),
            Some(FailsButPersists) => {
                work.await?;
                Err(lost())
            }
            Some(DiesBefore) => self.die().await,
            Some(DiesAfter) => {
                let _ = work.await;
                self.die().await
            }
        }
    }
}
