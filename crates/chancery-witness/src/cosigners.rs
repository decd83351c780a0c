//! All witnesses of a policy, asked at once for each checkpoint.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chancery_log::{CosignError, LogReader, Witnesses};
use chancery_tlog::{NoteSignature, SignedNote, TreeHead, VerifierKey, WitnessPolicy};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::away::Standing;
use crate::client::{MakeClientError, WitnessClient, WitnessError};
use crate::exchange::{Brought, ExchangeError, bring};

/// How long the others are waited for once there is a quorum.
const GRACE: Duration = Duration::from_millis(100);

/// The witnesses of a policy, and the rule for when their cosignatures are enough.
#[derive(Debug)]
pub struct Cosigners {
    policy: WitnessPolicy,
    /// In the order of the policy; `None` for those whose URL it does not tell.
    asked: Vec<Option<Asked>>,
    insistence: Insistence,
    timeout: Duration,
}

/// What happens to a checkpoint without a quorum.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Insistence {
    /// It is not released.
    Required,
    /// It is released with the lines that it has, and a warning.
    WithoutIfNeeded,
}

#[derive(Debug)]
struct Asked {
    client: Arc<WitnessClient>,
    standing: Mutex<Standing>,
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
            .map(|client| Ok(client?.map(Asked::new)))
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

impl Asked {
    fn new(client: WitnessClient) -> Self {
        Self {
            client: Arc::new(client),
            standing: Mutex::default(),
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Witnesses for Cosigners {
    async fn cosign(
        &self,
        checkpoint: &SignedNote,
        head: &TreeHead,
        log: Arc<dyn LogReader>,
    ) -> Result<Vec<NoteSignature>, CosignError> {
        let mut gathering = Gathering {
            cosigners: self,
            head,
            said: self.asked.iter().map(|_| Said::Nothing).collect(),
        };
        gathering.gather(checkpoint, log).await;
        gathering.conclude()
    }
}

/// One checkpoint on its way round the witnesses.
struct Gathering<'a> {
    cosigners: &'a Cosigners,
    head: &'a TreeHead,
    said: Vec<Said>,
}

/// What a witness has said of the checkpoint.
#[derive(Debug)]
enum Said {
    Nothing,
    Line(NoteSignature),
    Ahead(u64),
    Failed(String),
}

impl Gathering<'_> {
    /// Asks all who are worth asking, until all have answered, there is a quorum and the grace is
    /// over, or time is up. What is still on its way then is given up.
    async fn gather(&mut self, checkpoint: &SignedNote, log: Arc<dyn LogReader>) {
        let mut until = Instant::now() + self.cosigners.timeout;
        let mut exchanges = self.set_out(checkpoint, &log);
        let mut in_grace = false;
        loop {
            if !in_grace && self.has_quorum() {
                in_grace = true;
                until = until.min(Instant::now() + GRACE);
            }
            match timeout_at(until, exchanges.join_next()).await {
                Ok(Some(Ok((place, outcome)))) => self.take(place, outcome),
                // It panicked, which its place then tells as no answer.
                Ok(Some(Err(_))) => (),
                Ok(None) | Err(_) => break,
            }
        }
        let late = match in_grace {
            true => "it answered later than a quorum",
            false => "it did not answer in time",
        };
        for place in 0..self.said.len() {
            if matches!(self.said.get(place), Some(Said::Nothing)) {
                self.fail(place, late.to_owned());
            }
        }
    }

    fn set_out(
        &mut self,
        checkpoint: &SignedNote,
        log: &Arc<dyn LogReader>,
    ) -> JoinSet<(usize, Result<Brought, ExchangeError>)> {
        let now = Instant::now();
        let mut exchanges = JoinSet::new();
        for ((place, said), asked) in self.said.iter_mut().enumerate().zip(&self.cosigners.asked) {
            let Some(asked) = asked else {
                *said = Said::Failed("the policy does not tell its URL".to_owned());
                continue;
            };
            let standing = asked.standing();
            if let Some(why) = standing.away(now) {
                *said = Said::Failed(why);
                continue;
            }
            let (client, log) = (Arc::clone(&asked.client), Arc::clone(log));
            let (checkpoint, head, known) = (checkpoint.clone(), *self.head, standing.known);
            exchanges.spawn(async move {
                let brought = bring(&client, &checkpoint, &head, known, &*log).await;
                (place, brought)
            });
        }
        exchanges
    }

    fn take(&mut self, place: usize, outcome: Result<Brought, ExchangeError>) {
        let name = self.name(place);
        match outcome {
            Ok(Brought::Cosigned(line)) => {
                if let Some(asked) = self.asked(place)
                    && asked.standing().cosigned(self.head.tree_size)
                {
                    tracing::info!(witness = name, "the witness cosigns again");
                }
                self.say(place, Said::Line(line));
            }
            Ok(Brought::Ahead(witnessed)) => self.say(place, Said::Ahead(witnessed)),
            Err(e) => {
                if matches!(
                    &e,
                    ExchangeError::Witness(WitnessError::Inconsistent { .. })
                ) {
                    tracing::error!(witness = name, error = %e, "a witness contradicts this log");
                }
                self.fail(place, chain(&e));
            }
        }
    }

    fn fail(&mut self, place: usize, why: String) {
        if let Some(asked) = self.asked(place)
            && asked.standing().failed(why.clone(), Instant::now())
        {
            tracing::warn!(witness = self.name(place), why, "a witness does not cosign");
        }
        self.say(place, Said::Failed(why));
    }

    fn say(&mut self, place: usize, what: Said) {
        if let Some(said) = self.said.get_mut(place) {
            *said = what;
        }
    }

    fn has_quorum(&self) -> bool {
        let policy = &self.cosigners.policy;
        policy.is_satisfied(|place| matches!(self.said.get(place), Some(Said::Line(_))))
    }

    /// Returns the lines in the order of the policy, if they are enough.
    fn conclude(self) -> Result<Vec<NoteSignature>, CosignError> {
        let quorum = self.has_quorum();
        let ahead = self
            .said
            .iter()
            .enumerate()
            .find_map(|(place, said)| match said {
                Said::Ahead(witnessed) => Some((self.name(place).to_owned(), *witnessed)),
                _ => None,
            });
        if let Some((name, witnessed)) = ahead {
            if !quorum {
                return Err(CosignError::Ahead { name, witnessed });
            }
            tracing::warn!(
                witness = name,
                witnessed,
                size = self.head.tree_size,
                "a witness says that it has seen a larger tree of this log"
            );
        }
        if !quorum {
            let why = self.why_no_quorum();
            match self.cosigners.insistence {
                Insistence::Required => return Err(CosignError::NoQuorum(why)),
                Insistence::WithoutIfNeeded => tracing::warn!(
                    size = self.head.tree_size,
                    "a checkpoint is released although {why}"
                ),
            }
        }
        let lines = self.said.into_iter().filter_map(|said| match said {
            Said::Line(line) => Some(line),
            _ => None,
        });
        Ok(lines.collect())
    }

    fn why_no_quorum(&self) -> String {
        let mut why = "too few witnesses have cosigned it".to_owned();
        for (place, said) in self.said.iter().enumerate() {
            if let Said::Failed(reason) = said {
                why.push_str(&format!("; {}: {reason}", self.name(place)));
            }
        }
        why
    }

    fn asked(&self, place: usize) -> Option<&Asked> {
        self.cosigners.asked.get(place)?.as_ref()
    }

    fn name(&self, place: usize) -> &str {
        let witness = self.cosigners.policy.witnesses().get(place);
        witness.map_or("", |witness| &witness.name)
    }
}

/// Writes an error with its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(e) = cause {
        text.push_str(": ");
        text.push_str(&e.to_string());
        cause = e.source();
    }
    text
}
