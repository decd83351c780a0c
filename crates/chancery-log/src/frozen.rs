//! A log that took its last entry: read as of its final checkpoint, without its key.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chancery_keys::{Algorithm, PublicKey};
use chancery_tlog::ct::LogId;
use chancery_tlog::{Origin, Rfc6962NoteSignature, SignedNote, TreeHead, rfc6962_key_id};

use crate::published_files::{CheckpointError, LogKey, verify_checkpoint};
use crate::read::{PublishedLog, ReadError, stored_edge};
use crate::snapshot::{SignedHead, Snapshot};
use crate::store::{LogStore, StoreError};

/// What a frozen log is made of.
#[derive(Debug)]
pub struct FrozenLogParts {
    /// The path segment that names the log in URLs.
    pub name: String,
    /// The checkpoint's first line.
    pub origin: Origin,
    /// The key that signed the final checkpoint.
    pub public_key: PublicKey,
    /// Where the log's bytes are.
    pub store: Arc<dyn LogStore>,
    /// The final checkpoint, as it was signed.
    pub final_checkpoint: Bytes,
}

/// A log that takes no entries any more.
#[derive(Clone, Debug)]
pub struct FrozenLog {
    name: String,
    origin: Origin,
    public_key: PublicKey,
    store: Arc<dyn LogStore>,
    last: Snapshot,
}

/// Why a frozen log is not served.
#[derive(Debug, thiserror::Error)]
pub enum OpenFrozenLogError {
    /// The kept checkpoint is not one of the log's.
    #[error("the final checkpoint that the database keeps")]
    Checkpoint(#[from] CheckpointError),
    /// The database holds another tree than the final checkpoint's.
    #[error(
        "the final checkpoint says size {} root {}, and the database holds {stored}: restore the \
         database from a backup", signed.tree_size, signed.root_hash
    )]
    Differs {
        /// What was signed.
        signed: TreeHead,
        /// What is stored.
        stored: String,
    },
    /// The database could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FrozenLog {
    /// Opens a log that was frozen: the final checkpoint must be signed by its key, and be of the
    /// tree whose right edge is stored.
    ///
    /// # Errors
    ///
    /// When it is not, or the database does not answer.
    pub async fn open(parts: FrozenLogParts) -> Result<Self, OpenFrozenLogError> {
        let FrozenLogParts {
            name,
            origin,
            public_key,
            store,
            final_checkpoint,
        } = parts;
        let is_plain = public_key.algorithm() == Algorithm::Ed25519;
        let mut published = match is_plain {
            true => plain_head(final_checkpoint, &public_key, &origin)?,
            false => signed_head(final_checkpoint, &public_key, &origin)?,
        };
        let signed = published.head.tree;
        let differs = |stored| OpenFrozenLogError::Differs { signed, stored };
        let head = store.head().await?;
        if is_plain {
            // Its checkpoint says none.
            published.head.timestamp_ms = head.timestamp_ms;
        }
        let stored = head.tree;
        if stored != signed {
            let (size, root) = (stored.tree_size, stored.root_hash);
            return Err(differs(format!("size {size} root {root}")));
        }
        match stored_edge(&*store, &signed).await? {
            Ok(edge) if edge.tree_head() == signed => {}
            Ok(edge) => {
                return Err(differs(format!(
                    "tiles of root {}",
                    edge.tree_head().root_hash
                )));
            }
            Err(damage) => return Err(differs(damage)),
        }
        Ok(Self {
            name,
            origin,
            public_key,
            last: Snapshot::new(Arc::clone(&store) as _, Arc::new(published)),
            store,
        })
    }
}

fn signed_head(
    checkpoint: Bytes,
    key: &PublicKey,
    origin: &Origin,
) -> Result<SignedHead, CheckpointError> {
    let (_, head) = verify_checkpoint(&checkpoint, key, Some(origin))?;
    let note = SignedNote::parse(&checkpoint)?;
    let key_id = rfc6962_key_id(origin, &LogId::of_spki(key.spki_der()));
    let line = note
        .signature_by(origin.key_name(), key_id)
        .ok_or(CheckpointError::Signature)?;
    let signature = Rfc6962NoteSignature::parse(&line.signature)?.signature;
    Ok(SignedHead {
        head,
        signature: Some(signature),
        checkpoint,
    })
}

/// Reads the final checkpoint of a plain log (c2sp.org/tlog-checkpoint), which says no time.
fn plain_head(
    checkpoint: Bytes,
    key: &PublicKey,
    origin: &Origin,
) -> Result<SignedHead, CheckpointError> {
    let key = LogKey::Ed25519 {
        key: key.clone(),
        origin: origin.clone(),
    };
    let (_, head) = key.verify(&checkpoint)?;
    Ok(SignedHead {
        head,
        signature: None,
        checkpoint,
    })
}

#[async_trait]
impl PublishedLog for FrozenLog {
    fn name(&self) -> &str {
        &self.name
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }

    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    async fn newest(&self) -> Result<Snapshot, ReadError> {
        Ok(self.last.clone())
    }

    async fn pruned_below(&self) -> Result<u64, ReadError> {
        Ok(self.store.pruned_below().await?)
    }

    fn known(&self) -> Option<Snapshot> {
        Some(self.last.clone())
    }
}
