//! One witness of a policy as all checkpoints of a log share it: one exchange at a time, and what was
//! learnt from it, whoever still waits for the answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chancery_log::{LogReader, WitnessStanding, causes};
use chancery_tlog::{NoteSignature, SignedNote, TreeHead};
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, timeout};

use crate::away::Standing;
use crate::client::{WitnessClient, WitnessError};
use crate::exchange::{Brought, ExchangeError, bring};

/// A witness, and how it stands.
#[derive(Debug)]
pub(crate) struct Asked {
    client: WitnessClient,
    standing: Mutex<Standing>,
    /// Held by the one exchange with it: two at once would contradict each other's sizes.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// What a witness has said of a checkpoint.
#[derive(Debug)]
pub(crate) enum Said {
    /// Nothing yet.
    Nothing,
    /// Nothing: it is still busy with an earlier checkpoint.
    Busy,
    /// Its line, verified.
    Line(NoteSignature),
    /// It has seen so many entries, and the database has them.
    Ahead(u64),
    /// Why there is no line of its.
    Failed(String),
}

impl Asked {
    pub(crate) fn new(client: WitnessClient) -> Self {
        Self {
            client,
            standing: Mutex::default(),
            turn: Arc::default(),
        }
    }

    /// Returns how it stands, for metrics.
    pub(crate) fn status(&self) -> WitnessStanding {
        let standing = self.standing();
        WitnessStanding {
            name: self.client.name().to_owned(),
            size: standing.known,
            failures: standing.failures,
            cosigned_at: standing.cosigned_at,
        }
    }

    /// Says why it is not worth asking now, if so.
    pub(crate) fn away(&self) -> Option<String> {
        self.standing().away(Instant::now())
    }

    /// Takes the turn to ask it, if nobody has it.
    pub(crate) fn try_turn(&self) -> Option<OwnedMutexGuard<()>> {
        Arc::clone(&self.turn).try_lock_owned().ok()
    }

    /// Waits for the turn to ask it.
    pub(crate) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turn).lock_owned().await
    }

    /// Asks it, and remembers how it stands then. Whoever calls has the turn.
    pub(crate) async fn ask(
        &self,
        checkpoint: &SignedNote,
        head: &TreeHead,
        log: &dyn LogReader,
        patience: Duration,
    ) -> Said {
        if let Some(why) = self.away() {
            return Said::Failed(why);
        }
        let known = self.standing().known;
        let exchange = async {
            let brought = bring(&self.client, checkpoint, head, known, log).await;
            match brought {
                // Nobody vouches for the number but the database.
                Ok(Brought::Ahead(witnessed)) => match log.head().await {
                    Ok(stored) if stored.tree.tree_size >= witnessed => Said::Ahead(witnessed),
                    Ok(stored) => self.unproven(witnessed, stored.tree.tree_size),
                    Err(e) => self.failed(causes(&e)),
                },
                Ok(Brought::Cosigned(line)) => self.cosigned(head.tree_size, line),
                Err(e) => self.faulty(&e),
            }
        };
        match timeout(patience, exchange).await {
            Ok(said) => said,
            Err(_) => self.failed("it did not answer in time".to_owned()),
        }
    }

    fn cosigned(&self, size: u64, line: NoteSignature) -> Said {
        if self.standing().cosigned(size) {
            tracing::info!(witness = self.client.name(), "the witness cosigns again");
        }
        Said::Line(line)
    }

    fn unproven(&self, witnessed: u64, stored: u64) -> Said {
        let why = format!(
            "it says that it has seen {witnessed} entries of this log, and the database holds \
             {stored}: either the database was rolled back, or the witness is wrong"
        );
        tracing::error!(
            witness = self.client.name(),
            why,
            "a witness contradicts this log"
        );
        self.failed(why)
    }

    fn faulty(&self, error: &ExchangeError) -> Said {
        let why = causes(error);
        if let ExchangeError::Witness(WitnessError::Inconsistent { .. }) = error {
            tracing::error!(
                witness = self.client.name(),
                why,
                "a witness contradicts this log"
            );
        }
        self.failed(why)
    }

    fn failed(&self, why: String) -> Said {
        if self.standing().failed(why.clone(), Instant::now()) {
            tracing::warn!(
                witness = self.client.name(),
                why,
                "a witness does not cosign"
            );
        }
        Said::Failed(why)
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
