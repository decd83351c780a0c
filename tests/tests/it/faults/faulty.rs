//! A store, a guard, keys and a register that do what the real ones do, but where a fault is to
//! come.

use std::fmt::Debug;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use chancery_ca::{UsedTokens, UsedTokensError};
use chancery_keys::{LocalKey, PublicKey, SignError, Signer};
use chancery_log::guard::Advance;
use chancery_log::{
    Beyond, Delivery, Guard, GuardError, Head, LogReader, LogStore, Plan, PlanRefused,
    SequenceError, StoreError, StoredTerm,
};
use chancery_store::Store;
use chancery_tlog::{TileId, TreeHead};

use super::step::{Faults, Mishap, Step};

/// A part of a process, and the faults that are to come.
#[derive(Debug)]
pub(crate) struct Faulty<T> {
    pub(crate) inner: T,
    pub(crate) faults: Arc<Faults>,
}

fn away() -> StoreError {
    StoreError::Unavailable("injected by a test".into())
}

#[async_trait]
impl LogReader for Faulty<Arc<dyn LogStore>> {
    async fn head(&self) -> Result<Head, StoreError> {
        let work = self.inner.head();
        self.faults.at(Step::ReadHead, away, work).await
    }

    async fn hash_tiles(&self, tiles: &[TileId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.inner.hash_tiles(tiles).await
    }

    async fn entries(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
        self.inner.entries(range).await
    }

    async fn issuer(&self, fingerprint: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.issuer(fingerprint).await
    }

    async fn find(&self, name: &str, value: &str, limit: u32) -> Result<Vec<u64>, StoreError> {
        self.inner.find(name, value, limit).await
    }
}

#[async_trait]
impl LogStore for Faulty<Arc<dyn LogStore>> {
    async fn sequence(&self, known: Option<TreeHead>, plan: Plan<'_>) -> Result<(), SequenceError> {
        let (mut dies, mut lost) = (false, false);
        let planned: Plan<'_> = Box::new(|tip| match self.faults.take_at_once(Step::Plan) {
            None => {
                let batch = plan(tip)?;
                // What is planned and rolled back looks to the engine like a lost commit.
                lost = self.faults.take_if(Step::Commit, Mishap::Fails);
                if lost {
                    Err(PlanRefused::Full)
                } else {
                    Ok(batch)
                }
            }
            Some(mishap) => {
                dies = mishap == Mishap::DiesBefore;
                Err(PlanRefused::Full)
            }
        });
        let not_locked = || SequenceError::NotCommitted(away());
        let ready = async { Ok(()) };
        self.faults.at(Step::LockHead, not_locked, ready).await?;
        let mut outcome = self.inner.sequence(known, planned).await;
        if dies {
            return self.faults.die().await;
        }
        if lost {
            outcome = Err(SequenceError::Unknown(away()));
        }
        let unknown = || SequenceError::Unknown(away());
        self.faults
            .at(Step::Commit, unknown, async { outcome })
            .await
    }

    async fn record(&self, deliveries: &[Delivery]) -> Result<(), StoreError> {
        let work = self.inner.record(deliveries);
        self.faults.at(Step::RecordDelivery, away, work).await
    }

    async fn deliveries(&self, range: Range<u64>) -> Result<Vec<Delivery>, StoreError> {
        self.inner.deliveries(range).await
    }

    async fn terms(
        &self,
        after: Option<&StoredTerm>,
        limit: u32,
    ) -> Result<Vec<StoredTerm>, StoreError> {
        self.inner.terms(after, limit).await
    }

    async fn beyond(&self, tree_size: u64) -> Result<Beyond, StoreError> {
        self.inner.beyond(tree_size).await
    }

    async fn issuers(&self) -> Result<Vec<([u8; 32], Vec<u8>)>, StoreError> {
        self.inner.issuers().await
    }
}

fn unreachable() -> GuardError {
    GuardError::Unavailable(io::Error::other("injected by a test"))
}

#[async_trait]
impl<G: Guard> Guard for Faulty<G> {
    fn id(&self) -> &str {
        self.inner.id()
    }

    async fn read(&self) -> Result<TreeHead, GuardError> {
        let work = self.inner.read();
        self.faults.at(Step::ReadGuard, unreachable, work).await
    }

    async fn advance(&self, from: &TreeHead, to: &TreeHead) -> Result<Advance, GuardError> {
        let work = self.inner.advance(from, to);
        self.faults.at(Step::MoveGuard, unreachable, work).await
    }
}

/// Which of the two keys it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    Authority,
    Log,
}

/// A key that fails by what it is asked to sign.
#[derive(Debug)]
pub(crate) struct FaultyKey {
    pub(crate) key: Arc<LocalKey>,
    pub(crate) role: Role,
    pub(crate) faults: Arc<Faults>,
}

impl FaultyKey {
    /// An SCT and a tree head differ in their type, the second byte (RFC 6962, 3.2 and 3.5); a
    /// precertificate from its certificate by the poison.
    fn step(&self, message: &[u8]) -> Step {
        const POISON: [u8; 10] = [0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 3];
        match self.role {
            Role::Log if message.starts_with(&[0, 1]) => Step::SignCheckpoint,
            Role::Log => Step::SignSct,
            Role::Authority if message.windows(POISON.len()).any(|part| part == POISON) => {
                Step::SignPrecertificate
            }
            Role::Authority => Step::SignFinal,
        }
    }
}

#[async_trait]
impl Signer for FaultyKey {
    fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let lost = || SignError::Unavailable {
            reason: "injected by a test".to_owned(),
        };
        let work = self.key.sign(message);
        self.faults.at(self.step(message), lost, work).await
    }
}

#[async_trait]
impl UsedTokens for Faulty<Store> {
    async fn claim(&self, digest: [u8; 32], expires: SystemTime) -> Result<bool, UsedTokensError> {
        let expires = expires.duration_since(SystemTime::UNIX_EPOCH);
        let expires_ms = expires.as_ref().map_or(0, Duration::as_millis);
        let work = async {
            let claimed = self
                .inner
                .claim_token(digest, expires_ms.try_into().unwrap());
            claimed.await.map_err(UsedTokensError::new)
        };
        let lost = || UsedTokensError::new("injected by a test");
        self.faults.at(Step::ClaimToken, lost, work).await
    }
}
