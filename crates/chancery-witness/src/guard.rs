//! A witness as the guard: it has seen every head that was ever released, and goes back on none.
//!
//! It is not told what the database holds: it gets each head's checkpoint after the commit and before
//! anything is released, with a consistency proof from where it stands. So it is moved by the one
//! thing that it understands, and a database that went back cannot make it cosign.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chancery_keys::{Algorithm, Signer};
use chancery_log::guard::{Advance, Guard, GuardError};
use chancery_log::{LogReader, ReadError, StoreError, ed25519_line};
use chancery_tlog::{Checkpoint, Origin, SignedNote, TreeHead, VerifierKey};
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use crate::client::{MakeClientError, WitnessClient, WitnessError};
use crate::exchange::{Brought, ExchangeError, bring};

/// For one question to the witness, with all that it takes to bring it along.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How often other processes may be quicker while one looks.
const MAX_OVERTAKEN: usize = 4;

/// One witness as the guard of one log.
#[derive(Debug)]
pub struct WitnessGuard {
    id: String,
    witness: WitnessClient,
    origin: Origin,
    signer: Arc<dyn Signer>,
    log: Arc<dyn LogReader>,
    /// The size at which the witness was last seen.
    known: AtomicU64,
}

/// Why a witness cannot be a guard.
#[derive(Debug, thiserror::Error)]
pub enum WitnessGuardError {
    /// It cannot be asked.
    #[error(transparent)]
    Client(#[from] MakeClientError),
    /// The log's key is not one that witnesses verify.
    #[error("the log's key for witnesses must be an Ed25519 key")]
    Key,
}

impl WitnessGuard {
    /// Takes the witness at `url` for the log whose Ed25519 key is `signer` and whose tree `log` has.
    /// Nothing is asked of it yet.
    ///
    /// # Errors
    ///
    /// When it cannot be asked, whatever it would say.
    pub fn new(
        url: &str,
        key: &VerifierKey,
        origin: Origin,
        signer: Arc<dyn Signer>,
        log: Arc<dyn LogReader>,
    ) -> Result<Self, WitnessGuardError> {
        if signer.public_key().algorithm() != Algorithm::Ed25519 {
            return Err(WitnessGuardError::Key);
        }
        Ok(Self {
            id: Self::id_of(key),
            witness: WitnessClient::new(key.name().as_str(), url, key)?,
            origin,
            signer,
            log,
            known: AtomicU64::new(0),
        })
    }

    /// Returns the id of the guard that the witness with this key is: 32 hex digits.
    pub fn id_of(key: &VerifierKey) -> String {
        let digest = Sha256::new()
            .chain_update("chancery guard: witness\n")
            .chain_update(key.to_string())
            .finalize();
        hex::encode(digest).chars().take(32).collect()
    }

    /// Asks the witness to come to `head`, whose consistency with what it saw it verifies itself.
    async fn submit(&self, head: &TreeHead) -> Result<Brought, GuardError> {
        let checkpoint = self.sign(head).await?;
        let known = self.known.load(Ordering::Relaxed);
        let exchange = bring(&self.witness, &checkpoint, head, known, &*self.log);
        let brought = match timeout(TIMEOUT, exchange).await {
            Ok(brought) => brought.map_err(of_exchange)?,
            Err(_) => return Err(GuardError::Unavailable(io::ErrorKind::TimedOut.into())),
        };
        if matches!(brought, Brought::Cosigned(_)) {
            self.known.store(head.tree_size, Ordering::Relaxed);
        }
        Ok(brought)
    }

    /// Brings the witness to what is stored, and returns where both stand then.
    async fn bring_to_stored(&self) -> Result<TreeHead, GuardError> {
        let mut ahead = None;
        for _ in 0..MAX_OVERTAKEN {
            let stored = self.log.head().await.map_err(of_store)?.tree;
            if let Some(witnessed) = ahead
                && stored.tree_size < witnessed
            {
                return Err(GuardError::AtOdds(format!(
                    "the witness {} has cosigned a tree of {witnessed} entries of this log, and \
                     the database holds {}: the database was rolled back. Nothing is signed. Stop \
                     every process of the instance and bring back what is missing with `chancery \
                     log recover --from COPY`; see \"When the log refuses to start\" in \
                     docs/operating.md",
                    self.witness.name(),
                    stored.tree_size
                )));
            }
            match self.submit(&stored).await? {
                Brought::Cosigned(_) => return Ok(stored),
                Brought::Ahead(witnessed) => ahead = Some(witnessed),
            }
        }
        Err(unavailable("other processes move it again and again"))
    }

    async fn sign(&self, head: &TreeHead) -> Result<SignedNote, GuardError> {
        let body = Checkpoint {
            origin: self.origin.clone(),
            head: *head,
        }
        .body();
        let line = ed25519_line(&*self.signer, &self.origin, &body).await;
        let line = line.map_err(unavailable)?;
        SignedNote::new(body, vec![line]).map_err(unavailable)
    }
}

#[async_trait]
impl Guard for WitnessGuard {
    fn id(&self) -> &str {
        &self.id
    }

    /// Reads where the witness stands, by bringing it to what is stored: it tells no root otherwise.
    async fn read(&self) -> Result<TreeHead, GuardError> {
        self.bring_to_stored().await
    }

    /// Moves the witness to `to`, wherever it stood: it verifies itself that it only goes on.
    async fn advance(&self, _: &TreeHead, to: &TreeHead) -> Result<Advance, GuardError> {
        match self.submit(to).await? {
            Brought::Cosigned(_) => Ok(Advance::Moved),
            Brought::Ahead(_) => self.bring_to_stored().await.map(Advance::StandsAt),
        }
    }
}

fn of_exchange(error: ExchangeError) -> GuardError {
    match error {
        ExchangeError::Proof(ReadError::Store(e)) => of_store(e),
        ExchangeError::Proof(e) => GuardError::AtOdds(e.to_string()),
        ExchangeError::Witness(e @ WitnessError::Inconsistent { .. }) => {
            GuardError::AtOdds(e.to_string())
        }
        e => unavailable(e),
    }
}

fn of_store(error: StoreError) -> GuardError {
    match error {
        StoreError::Unavailable(e) => GuardError::Unavailable(io::Error::other(e)),
        e @ StoreError::Inconsistent(_) => GuardError::AtOdds(e.to_string()),
    }
}

fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> GuardError {
    GuardError::Unavailable(io::Error::other(error))
}
