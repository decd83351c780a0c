//! All witnesses of a policy, asked at once for each checkpoint.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chancery_log::{CosignError, Cosigned, LogReader, Waiting, WitnessStanding, Witnesses};
use chancery_tlog::{SignedNote, TreeHead, VerifierKey, WitnessPolicy};

use crate::asked::Asked;
use crate::client::{MakeClientError, WitnessClient};
use crate::gathering::Gathering;

/// The witnesses of a policy, and the rule for when their cosignatures are enough.
#[derive(Debug)]
pub struct Cosigners {
    pub(crate) policy: WitnessPolicy,
    /// In the order of the policy; `None` for those whose URL it does not tell.
    pub(crate) asked: Vec<Option<Arc<Asked>>>,
    pub(crate) insistence: Insistence,
    pub(crate) timeout: Duration,
}

/// What happens to a checkpoint without a quorum.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Insistence {
    /// It is not released.
    Required,
    /// It is released with the lines that it has, and a warning.
    WithoutIfNeeded,
}

/// Why a policy cannot be used by a log.
#[derive(Debug, thiserror::Error)]
pub enum CosignersError {
    /// One of the witnesses cannot be asked.
    #[error(transparent)]
    Client(#[from] MakeClientError),
    /// The policy is for other logs.
    #[error("the policy names logs, and this one is not among them: its keys are {}", .0.join(" and "))]
    OtherLog(Vec<String>),
    /// The witnesses with a URL are no quorum, even all together.
    #[error("the policy's quorum cannot be reached by the witnesses that have a URL")]
    OutOfReach,
}

impl Cosigners {
    /// Takes a policy for the log with these keys. Nobody is asked yet.
    ///
    /// # Errors
    ///
    /// When the policy cannot be met, or is not for this log.
    pub fn new(
        policy: WitnessPolicy,
        log_keys: &[VerifierKey],
        insistence: Insistence,
        timeout: Duration,
    ) -> Result<Self, CosignersError> {
        let logs = policy.logs();
        if !logs.is_empty() && !logs.iter().any(|log| log_keys.contains(&log.key)) {
            let keys = log_keys.iter().map(ToString::to_string);
            return Err(CosignersError::OtherLog(keys.collect()));
        }
        let clients = policy.witnesses().iter().map(|witness| {
            let url = witness.url.as_deref();
            let client = url.map(|url| WitnessClient::new(&witness.name, url, &witness.key));
            client.transpose()
        });
        let asked: Vec<_> = clients
            .map(|client| Ok(client?.map(|client| Arc::new(Asked::new(client)))))
            .collect::<Result<_, MakeClientError>>()?;
        if !policy.is_satisfied(|place| asked.get(place).is_some_and(Option::is_some)) {
            return Err(CosignersError::OutOfReach);
        }
        Ok(Self {
            policy,
            asked,
            insistence,
            timeout,
        })
    }
}

#[async_trait]
impl Witnesses for Cosigners {
    async fn cosign(
        &self,
        checkpoint: &SignedNote,
        head: &TreeHead,
        log: Arc<dyn LogReader>,
        waiting: Waiting,
    ) -> Result<Cosigned, CosignError> {
        let mut gathering = Gathering::new(self, *head, waiting);
        gathering.gather(checkpoint, &log).await;
        gathering.conclude()
    }

    fn standings(&self) -> Vec<WitnessStanding> {
        let asked = self.asked.iter().flatten();
        asked.map(|asked| asked.status()).collect()
    }
}
