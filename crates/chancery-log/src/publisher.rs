//! From a committed head to a published checkpoint: the guard first, then the signatures, then the
//! witnesses.
//!
//! Any process that shares the database may publish a committed head. `guarded` and the order of
//! publication are owned by whoever holds `turn`.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use chancery_keys::SignError;
use chancery_tlog::{NoteSignature, SignedNote, TreeHead, verify_consistency};
use tokio::sync::Mutex;

use crate::ending::LastHead;
use crate::flight::Flights;
use crate::guard::{Advance, Guard, GuardError};
use crate::proofs::consistency_proof;
use crate::read::ReadError;
use crate::signing::HeadSigner;
use crate::snapshot::SignedHead;
use crate::store::{Head, LogReader, LogStore};
use crate::witnesses::{CosignError, Cosigned, Waiting, WitnessStanding, Witnesses};

/// How often a newer head is published because a witness has seen it before this process.
const MAX_OVERTAKEN: usize = 4;

#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) store: Arc<dyn LogStore>,
    pub(crate) guard: Arc<dyn Guard>,
    pub(crate) signer: HeadSigner,
    pub(crate) witnesses: Option<Arc<dyn Witnesses>>,
    published: ArcSwapOption<SignedHead>,
    turn: Mutex<Turn>,
    pub(crate) flights: Flights,
    /// Set once, when database and guard are at odds: nothing is signed any more.
    halted: OnceLock<String>,
}

/// What whoever publishes goes by.
#[derive(Debug)]
struct Turn {
    /// Where the guard stood when this process last looked.
    guarded: TreeHead,
    /// The head that was released last with the cosignatures of a quorum.
    cosigned: Option<Head>,
}

/// Why a committed head was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// What the key signed does not fit the structures of a checkpoint.
    #[error("the checkpoint could not be encoded: {0}")]
    Encode(String),
    /// The guard could not be asked.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// Database and guard are at odds: one of them was rolled back, or the log forked.
    #[error("{0}")]
    Halted(String),
    /// The tiles that a consistency proof needs could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The log's key could not sign.
    #[error("the log's key could not sign the checkpoint")]
    Sign(#[from] SignError),
    /// A reader has waited for it long enough. It goes on.
    #[error("the newest checkpoint is not released yet: {0}")]
    Unfinished(&'static str),
    /// Too few witnesses have cosigned it, and the policy wants more.
    #[error("the checkpoint is not released: {0}")]
    Unwitnessed(String),
}

impl PublishError {
    /// Tells whether somebody who was asked did not do his part, so that the head may be released
    /// later, and what was released before is as true as it was.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Guard(error) => matches!(error, GuardError::Unavailable(_)),
            Self::Sign(_) | Self::Unfinished(_) | Self::Unwitnessed(_) => true,
            Self::Encode(_) | Self::Halted(_) | Self::Read(_) => false,
        }
    }
}

impl Publisher {
    pub(crate) fn new(
        store: Arc<dyn LogStore>,
        guard: Arc<dyn Guard>,
        signer: HeadSigner,
        witnesses: Option<Arc<dyn Witnesses>>,
    ) -> Self {
        Self {
            store,
            guard,
            signer,
            witnesses,
            published: ArcSwapOption::empty(),
            turn: Mutex::new(Turn {
                guarded: TreeHead::EMPTY,
                cosigned: None,
            }),
            flights: Flights::default(),
            halted: OnceLock::new(),
        }
    }

    /// Returns the newest head that this process has published.
    pub(crate) fn newest(&self) -> Option<Arc<SignedHead>> {
        self.published.load_full()
    }

    /// Says why nothing is signed any more, if so.
    pub(crate) fn halted(&self) -> Option<&str> {
        self.halted.get().map(String::as_str)
    }

    /// Returns how the witnesses stand, if there are any.
    pub(crate) fn witness_standings(&self) -> Vec<WitnessStanding> {
        let witnesses = self.witnesses.as_deref();
        witnesses.map_or_else(Vec::new, Witnesses::standings)
    }

    /// Publishes `head`, which is committed, and returns the newest published head, which covers it.
    ///
    /// A head that is not newer than one already published must be a part of it: a database that
    /// went back gives out the same times again.
    ///
    /// `extends` is the head that `head` was computed from by appending: where the guard stands
    /// just there, that computation is the consistency proof.
    pub(crate) async fn publish(
        &self,
        head: Head,
        extends: Option<&TreeHead>,
    ) -> Result<Arc<SignedHead>, PublishError> {
        let mut turn = self.turn.lock().await;
        if let Some(newest) = self.covering(&head).await? {
            return Ok(newest);
        }
        let released = self.release(&mut turn, head, extends, Waiting::ForQuorum);
        let published = Arc::new(released.await?);
        self.published.store(Some(Arc::clone(&published)));
        Ok(published)
    }

    /// Publishes `head`, which nothing follows, as [`Publisher::publish`] does. Where there are
    /// witnesses, it is released once more, with the lines of those who cosign it by now.
    pub(crate) async fn publish_last(&self, head: Head) -> Result<LastHead, PublishError> {
        let mut turn = self.turn.lock().await;
        let newest = self.covering(&head).await?;
        let signed = match newest {
            Some(newest) if newest.head != head || self.witnesses.is_none() => newest,
            newest => {
                let released = self.release(&mut turn, head, None, Waiting::ForAll).await;
                let published = match (released, newest) {
                    (Ok(released), newest) => Arc::new(with_lines_of(released, newest.as_deref())?),
                    // It was released once, under the same rule.
                    (Err(PublishError::Unwitnessed(_)), Some(newest)) => newest,
                    (Err(e), _) => return Err(e),
                };
                self.published.store(Some(Arc::clone(&published)));
                published
            }
        };
        let quorum = self.witnesses.is_none() || turn.cosigned == Some(signed.head);
        Ok(LastHead { signed, quorum })
    }

    /// Returns the newest published head if `head` is not newer, and must therefore be a part of it.
    async fn covering(&self, head: &Head) -> Result<Option<Arc<SignedHead>>, PublishError> {
        if let Some(reason) = self.halted() {
            return Err(PublishError::Halted(reason.to_owned()));
        }
        let newest = self.newest();
        let Some(newest) = newest.filter(|n| n.head.timestamp_ms >= head.timestamp_ms) else {
            return Ok(None);
        };
        self.prove(&head.tree, &newest.head.tree).await?;
        Ok(Some(newest))
    }

    /// Takes `head`, or the newer one that a witness has seen by then, past guard, keys and
    /// witnesses.
    async fn release(
        &self,
        turn: &mut Turn,
        mut head: Head,
        extends: Option<&TreeHead>,
        waiting: Waiting,
    ) -> Result<SignedHead, PublishError> {
        self.guard_past(turn, &head.tree, extends).await?;
        for tries_left in (0..MAX_OVERTAKEN).rev() {
            let (signed, note) = self.signer.sign(head).await?;
            let Some(witnesses) = &self.witnesses else {
                return Ok(signed);
            };
            let log = Arc::clone(&self.store) as Arc<dyn LogReader>;
            let asked = witnesses.cosign(&note, &head.tree, log, waiting).await;
            let (name, witnessed, without) = match asked {
                Ok(Cosigned { lines, quorum }) => {
                    turn.cosigned = if quorum { Some(head) } else { turn.cosigned };
                    return Ok(under(signed, note, lines));
                }
                Err(CosignError::NoQuorum(why)) => return Err(PublishError::Unwitnessed(why)),
                Err(CosignError::Ahead {
                    name,
                    witnessed,
                    without,
                }) => (name, witnessed, without),
            };
            let why = match self.overtaken(&head, &name, witnessed).await {
                Ok(newer) if tries_left > 0 => {
                    head = newer;
                    self.guard_past(turn, &head.tree, None).await?;
                    continue;
                }
                Ok(_) => PublishError::Unwitnessed(
                    "other processes overtake this one at the witnesses again and again".to_owned(),
                ),
                Err(why) => why,
            };
            let Some(lines) = without else {
                return Err(why);
            };
            tracing::warn!(
                size = head.tree.tree_size,
                error = &why as &dyn std::error::Error,
                "a checkpoint is released although too few witnesses have cosigned it"
            );
            return Ok(under(signed, note, lines));
        }
        Err(PublishError::Unwitnessed("nobody was asked".to_owned()))
    }

    /// Returns the stored head where a witness has seen a larger tree than `head`: another process
    /// was quicker. Nothing that is stored accounts for a larger one still.
    async fn overtaken(
        &self,
        head: &Head,
        name: &str,
        witnessed: u64,
    ) -> Result<Head, PublishError> {
        let stored = self.store.head().await.map_err(ReadError::from)?;
        if stored.tree.tree_size >= witnessed && stored.timestamp_ms > head.timestamp_ms {
            return Ok(stored);
        }
        Err(PublishError::Unwitnessed(format!(
            "the witness {name} says that it has seen {witnessed} entries of this log, and the \
             database holds {}: either the database was rolled back, or the witness is wrong",
            stored.tree.tree_size
        )))
    }

    /// Sees the guard at `head`, or past it on a head consistent with it.
    async fn guard_past(
        &self,
        turn: &mut Turn,
        head: &TreeHead,
        extends: Option<&TreeHead>,
    ) -> Result<(), PublishError> {
        let mut proven = extends == Some(&turn.guarded);
        // Bounded: each round means that another process moved the guard in between.
        for _ in 0..16 {
            let from = turn.guarded;
            if from.tree_size >= head.tree_size {
                // At or past: what is stored must lead from `head` to where the guard stands.
                return self.prove(head, &from).await;
            }
            if !proven {
                self.prove(&from, head).await?;
            }
            match self
                .guard
                .advance(&from, head)
                .await
                .map_err(|e| self.of_guard(e))?
            {
                Advance::Moved => {
                    turn.guarded = *head;
                    return Ok(());
                }
                Advance::StandsAt(elsewhere) => {
                    turn.guarded = elsewhere;
                    proven = false;
                }
            }
        }
        Err(GuardError::Unavailable(std::io::Error::other("the guard keeps moving")).into())
    }

    /// Proves from the stored tiles that `larger` extends `smaller`; halts the log if it does not.
    pub(crate) async fn prove(
        &self,
        smaller: &TreeHead,
        larger: &TreeHead,
    ) -> Result<(), PublishError> {
        if smaller == larger {
            return Ok(());
        }
        let stored = self.store.head().await.map_err(ReadError::from)?;
        if stored.tree.tree_size < larger.tree_size {
            return Err(self.halt(&stored.tree, larger, "the database was rolled back"));
        }
        match consistency_proof(&*self.store, smaller.tree_size, larger.tree_size).await {
            Ok(proof) if verify_consistency(smaller, larger, &proof).is_ok() => Ok(()),
            Ok(_) => Err(self.halt(smaller, larger, "the two are not one log")),
            Err(ReadError::Inconsistent(what)) => Err(self.halt(
                smaller,
                larger,
                &format!("no proof from stored tiles ({what})"),
            )),
            Err(e) => Err(e.into()),
        }
    }

    /// Reads the guard anew, and proves that it and what is stored now are one log.
    pub(crate) async fn look_again(&self) -> Result<(), PublishError> {
        let mut turn = self.turn.lock().await;
        turn.guarded = self.guard.read().await.map_err(|e| self.of_guard(e))?;
        // After the guard, which moves only once a commit has succeeded.
        let stored = self.store.head().await.map_err(ReadError::from)?.tree;
        if stored.tree_size < turn.guarded.tree_size {
            self.prove(&stored, &turn.guarded).await
        } else {
            self.prove(&turn.guarded, &stored).await
        }
    }

    /// Halts the log where the guard itself says that it and the database are at odds.
    fn of_guard(&self, error: GuardError) -> PublishError {
        match error {
            GuardError::AtOdds(_) => PublishError::Halted(self.halt_for(&error.to_string())),
            other => PublishError::Guard(other),
        }
    }

    fn halt(&self, one: &TreeHead, other: &TreeHead, why: &str) -> PublishError {
        let reason = format!(
            "database and guard are at odds: {why}. One says size {} root {}, the other size {} \
             root {}. Nothing is signed. Stop every process of the instance, then bring back what is \
             missing with `chancery log recover --from COPY`, or retire this log with `chancery log \
             recover --retire ORIGIN`; see \"When the log refuses to start\" in docs/operating.md",
            one.tree_size, one.root_hash, other.tree_size, other.root_hash
        );
        PublishError::Halted(self.halt_for(&reason))
    }

    /// Signs nothing any more, and returns why: the first reason that there was.
    pub(crate) fn halt_for(&self, reason: &str) -> String {
        tracing::error!(log.origin = %self.signer.origin, reason, "the log is halted");
        self.halted.get_or_init(|| reason.to_owned()).clone()
    }

    /// Learns where the guard stands, at start.
    pub(crate) async fn look(&self) -> Result<TreeHead, GuardError> {
        let stands = self.guard.read().await?;
        self.turn.lock().await.guarded = stands;
        Ok(stands)
    }
}

/// Adds the lines that `earlier`, of the same head, has of others than it itself has. Without, they
/// would be lost: a witness that cosigned then may be away now.
fn with_lines_of(
    signed: SignedHead,
    earlier: Option<&SignedHead>,
) -> Result<SignedHead, PublishError> {
    let Some(earlier) = earlier.filter(|earlier| earlier.head == signed.head) else {
        return Ok(signed);
    };
    let parse = |signed: &SignedHead| {
        SignedNote::parse(&signed.checkpoint).map_err(|e| PublishError::Encode(e.to_string()))
    };
    let (note, earlier) = (parse(&signed)?, parse(earlier)?);
    let known = |line: &NoteSignature| {
        let mut lines = note.signatures().iter();
        lines.any(|known| known.name == line.name && known.key_id == line.key_id)
    };
    let more = earlier.signatures().iter().filter(|line| !known(line));
    let more: Vec<_> = more.cloned().collect();
    Ok(under(signed, note, more))
}

/// Puts the lines of witnesses under a checkpoint.
fn under(signed: SignedHead, mut note: SignedNote, lines: Vec<NoteSignature>) -> SignedHead {
    lines.into_iter().for_each(|line| note.push(line));
    SignedHead {
        checkpoint: note.encode().into(),
        ..signed
    }
}
