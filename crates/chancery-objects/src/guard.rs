//! A guard in an object, moved by conditional writes.
//!
//! The object `PREFIX/ID` holds the line of a [`Record`]. A move replaces it on the condition that it
//! is still the one that was read (`If-Match`), so of any number of writers one succeeds. No two
//! records of a guard are the same bytes, so a write that arrives late finds its condition gone.

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chancery_log::guard::record::random_id;
use chancery_log::guard::{Advance, Guard, GuardError, Record};
use chancery_tlog::TreeHead;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt, PutMode, PutPayload, PutResult, UpdateVersion};

use crate::bucket::{Bucket, BucketError};

/// For a whole operation, whatever is tried again in it.
const OPERATION: Duration = Duration::from_secs(5);

/// The longest object that is read.
const LONGEST: u64 = 4096;

/// A guard in an object.
#[derive(Debug)]
pub struct ObjectGuard {
    id: String,
    path: Path,
    bucket: Bucket,
    /// The newest that was read or written, to save a read for each move. Empty while it is unknown
    /// what became of a write.
    known: Mutex<Option<Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    record: Record,
    version: UpdateVersion,
}

/// Why a guard was not made or opened.
#[derive(Debug, thiserror::Error)]
pub enum ObjectGuardError {
    /// The settings cannot be used.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The object is not a guard's, or is another one's.
    #[error("{0}")]
    Damaged(String),
    /// The store does not let us in.
    #[error("the object store {name} refuses: {reason}")]
    Refused {
        /// The store.
        name: String,
        /// What it said.
        reason: String,
    },
    /// The store did not answer, or not in time.
    #[error("the object store {name} does not answer: {reason}")]
    Unavailable {
        /// The store.
        name: String,
        /// What happened.
        reason: String,
    },
    /// The store overwrote what was not to be overwritten: two processes could both move a guard.
    #[error(
        "the object store {0} does not honour conditional writes (If-None-Match, If-Match), and \
         cannot hold a guard"
    )]
    Unconditional(String),
    /// There is no such guard. A missing guard is never made anew: that is what it guards.
    #[error("the object store {name} has no guard {id}")]
    Unknown {
        /// The guard's id.
        id: String,
        /// The store.
        name: String,
    },
}

impl ObjectGuardError {
    /// Tells whether the next try may succeed without anybody having changed anything.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

impl ObjectGuard {
    /// Makes a guard for an empty log, with a random id.
    pub async fn create(bucket: &Bucket) -> Result<Self, ObjectGuardError> {
        Self::create_at(bucket, &TreeHead::EMPTY).await
    }

    /// Makes a guard that stands at `head` from the beginning: for a log whose guard was lost. It
    /// notices nothing of what happened before, so whoever calls this vouches for `head`.
    pub async fn create_at(bucket: &Bucket, head: &TreeHead) -> Result<Self, ObjectGuardError> {
        probe(bucket).await?;
        let record = Record::first(head);
        let guard = Self::at(bucket, &record.id);
        guard
            .put(&record, PutMode::Create)
            .await
            .map_err(|e| refusal(bucket, &e))?;
        Ok(guard)
    }

    /// Opens a guard that was made before. Makes nothing.
    pub async fn open(bucket: &Bucket, id: &str) -> Result<Self, ObjectGuardError> {
        probe(bucket).await?;
        let guard = Self::at(bucket, id);
        match guard.get().await {
            Ok(Some(_)) => Ok(guard),
            Ok(None) => Err(ObjectGuardError::Damaged(guard.damage())),
            Err(Error::NotFound { .. }) => Err(ObjectGuardError::Unknown {
                id: id.to_owned(),
                name: bucket.name.clone(),
            }),
            Err(e) => Err(refusal(bucket, &e)),
        }
    }

    fn at(bucket: &Bucket, id: &str) -> Self {
        Self {
            id: id.to_owned(),
            path: bucket.path(id),
            bucket: bucket.clone(),
            known: Mutex::default(),
        }
    }

    /// Reads the object; nothing if it is not this guard's.
    async fn get(&self) -> object_store::Result<Option<Known>> {
        bounded(async {
            let answer = self.bucket.store.get(&self.path).await?;
            if answer.meta.size > LONGEST {
                return Ok(None);
            }
            let version = UpdateVersion {
                e_tag: answer.meta.e_tag.clone(),
                version: answer.meta.version.clone(),
            };
            let record = Record::parse(&answer.bytes().await?);
            let record = record.filter(|record| record.id == self.id);
            Ok(record.map(|record| Known { record, version }))
        })
        .await
    }

    /// Writes the object on a condition, and remembers what was written.
    async fn put(&self, record: &Record, mode: PutMode) -> object_store::Result<()> {
        self.remember(None);
        let payload = PutPayload::from(format!("{record}\n"));
        let put = self.bucket.store.put_opts(&self.path, payload, mode.into());
        let PutResult { e_tag, version, .. } = bounded(put).await?;
        // A store that names no version gets asked.
        self.remember(e_tag.is_some().then(|| Known {
            record: record.clone(),
            version: UpdateVersion { e_tag, version },
        }));
        Ok(())
    }

    async fn look(&self) -> Result<Known, GuardError> {
        self.remember(None);
        let known = match self.get().await {
            Ok(Some(known)) => known,
            Ok(None) => return Err(GuardError::Damaged(self.damage())),
            Err(Error::NotFound { .. }) => {
                return Err(GuardError::Damaged(format!(
                    "{} has no guard {} any more",
                    self.bucket.name, self.id
                )));
            }
            Err(e) => return Err(unavailable(&e)),
        };
        self.remember(Some(known.clone()));
        Ok(known)
    }

    fn remember(&self, known: Option<Known>) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    fn remembered(&self) -> Option<Known> {
        let known = self.known.lock();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn damage(&self) -> String {
        format!(
            "{} in {} is not guard {}",
            self.path, self.bucket.name, self.id
        )
    }
}

#[async_trait]
impl Guard for ObjectGuard {
    fn id(&self) -> &str {
        &self.id
    }

    async fn read(&self) -> Result<TreeHead, GuardError> {
        Ok(self.look().await?.record.head)
    }

    async fn advance(&self, from: &TreeHead, to: &TreeHead) -> Result<Advance, GuardError> {
        let mut known = match self.remembered() {
            Some(known) => known,
            None => self.look().await?,
        };
        // What is remembered may be old: the second round works on what was read just now.
        for _ in 0..2 {
            if known.record.head == *from {
                let mode = PutMode::Update(known.version);
                match self.put(&known.record.moved_to(to), mode).await {
                    Ok(()) => return Ok(Advance::Moved),
                    Err(Error::Precondition { .. } | Error::AlreadyExists { .. }) => {}
                    Err(e) => return Err(unavailable(&e)),
                }
            }
            known = self.look().await?;
            if known.record.head != *from {
                return Ok(Advance::StandsAt(known.record.head));
            }
        }
        Err(GuardError::Unavailable(io::Error::other(
            "the object store refuses the write, and names no other writer",
        )))
    }
}

/// Sees whether the store refuses to overwrite, by an object that is there for this only.
async fn probe(bucket: &Bucket) -> Result<(), ObjectGuardError> {
    let path = bucket.path(&format!("probe-{}", random_id()));
    let put = |mode: PutMode| {
        let payload = PutPayload::from_static(b"whether conditional writes are honoured\n");
        let path = path.clone();
        async move { bounded(bucket.store.put_opts(&path, payload, mode.into())).await }
    };
    let stale = UpdateVersion {
        e_tag: Some("\"00000000000000000000000000000000\"".to_owned()),
        version: None,
    };
    let outcome = async {
        put(PutMode::Create).await?;
        let refused = [
            put(PutMode::Create).await,
            put(PutMode::Update(stale)).await,
        ];
        for answer in refused {
            match answer {
                Ok(_) => return Ok(false),
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }
    .await;
    // Whoever may not delete leaves a line of text behind.
    let _ = bounded(bucket.store.delete(&path)).await;
    match outcome {
        Ok(true) => Ok(()),
        // A store that knows no conditions says so in many ways.
        Ok(false) | Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
            Err(ObjectGuardError::Unconditional(bucket.name.clone()))
        }
        Err(e) => Err(refusal(bucket, &e)),
    }
}

/// The operation was given up. What became of it is unknown.
#[derive(Debug)]
struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer within {} s", OPERATION.as_secs())
    }
}

impl std::error::Error for TimedOut {}

async fn bounded<T>(
    call: impl Future<Output = object_store::Result<T>>,
) -> object_store::Result<T> {
    tokio::time::timeout(OPERATION, call)
        .await
        .unwrap_or_else(|_| {
            Err(Error::Generic {
                store: "guard",
                source: Box::new(TimedOut),
            })
        })
}

fn refusal(bucket: &Bucket, error: &Error) -> ObjectGuardError {
    let (name, reason) = (bucket.name.clone(), error.to_string());
    match error {
        Error::Generic { .. } | Error::JoinError { .. } => {
            ObjectGuardError::Unavailable { name, reason }
        }
        _ => ObjectGuardError::Refused { name, reason },
    }
}

fn unavailable(error: &Error) -> GuardError {
    // Its text names the cause already.
    GuardError::Unavailable(io::Error::other(error.to_string()))
}
