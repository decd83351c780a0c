//! The other side: a witness of other people's logs, as <https://c2sp.org/tlog-witness> has it.
//!
//! It cosigns a checkpoint if the log has signed it and a proof leads to it from the last one that it
//! cosigned. What it cosigns is durable before anybody is told.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use chancery_keys::{PublicKey, SignError, Signer};
use chancery_tlog::{
    AddCheckpoint, Checkpoint, Cosignature, KeyName, NoteSignature, Origin, ParseCheckpointError,
    Rfc6962NoteSignature, SignedNote, TreeHead, VerifierKey, rfc6962_signature_input,
    verify_consistency,
};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::JoinError;

use crate::state::{Cosigned, OpenStateError, StateError, WitnessState, origin_hash};
use crate::verify::ed25519;

/// A log that a witness knows.
#[derive(Clone, Debug)]
pub struct WitnessedLog {
    origin: Origin,
    keys: Vec<(VerifierKey, PublicKey)>,
}

/// A witness: its key, its name, the logs that it knows and what it has seen of them.
#[derive(Debug)]
pub struct Witness {
    name: KeyName,
    signer: Arc<dyn Signer>,
    key: VerifierKey,
    public_key: [u8; 32],
    state: Arc<WitnessState>,
    logs: HashMap<Origin, Witnessed>,
    by_hash: HashMap<String, Origin>,
}

#[derive(Debug)]
struct Witnessed {
    log: WitnessedLog,
    /// Held while a request is judged and what it brings is made durable: each is judged by what
    /// the one before has left.
    latest: Arc<Mutex<Option<Cosigned>>>,
}

type Latest = OwnedMutexGuard<Option<Cosigned>>;

/// Why a witness does not cosign, with the status that c2sp.org/tlog-witness has for it. What is not
/// 500 is the fault of who asks.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// 400: the request cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// 400: the proof begins beyond the checkpoint.
    #[error("the old size {old_size} is greater than the checkpoint's, {size}")]
    OldSize {
        /// The size from which the proof leads.
        old_size: u64,
        /// The checkpoint's.
        size: u64,
    },
    /// 403: no key that is known for the log has signed it, or a line that claims so does not verify,
    /// or is not the only one that does.
    #[error("the checkpoint is not signed by a known key of the log")]
    NotSigned,
    /// 404: the log is not one that this witness knows.
    #[error("this witness does not know the log")]
    UnknownLog,
    /// 409: the proof does not begin at what this witness saw last.
    #[error("the latest checkpoint here is of {latest} entries")]
    Conflict {
        /// The size of the tree that it saw last.
        latest: u64,
    },
    /// 422: the checkpoint does not extend what this witness saw last.
    #[error("the checkpoint does not extend the one that this witness saw: {0}")]
    Inconsistent(String),
    /// 500: what worked on it ended before its time.
    #[error("the witness could not work on it")]
    Interrupted(#[source] JoinError),
    /// 500: it could not be made durable.
    #[error(transparent)]
    State(#[from] StateError),
    /// 500: the witness's key made no signature.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl WitnessedLog {
    /// Takes a log by its keys, whose name is its origin; all must be of one log.
    ///
    /// # Errors
    ///
    /// Says which key is not a log's.
    pub fn new(keys: &[VerifierKey]) -> Result<Self, String> {
        let first = keys.first().ok_or("a log has a key")?;
        let origin = Origin::parse(first.name().as_str()).map_err(|e| format!("{first}: {e}"))?;
        let mut read = Vec::new();
        for key in keys {
            if key.name() != origin.key_name() {
                return Err(format!("{key} is a key of another log than {origin}"));
            }
            let public_key = match key {
                VerifierKey::Ed25519 { public_key, .. } => PublicKey::from_ed25519(public_key),
                VerifierKey::Rfc6962 { spki_der, .. } => PublicKey::from_spki_der(spki_der),
                VerifierKey::Cosignature { .. } => {
                    return Err(format!("{key} is a witness's key, not a log's"));
                }
            };
            read.push((key.clone(), public_key.map_err(|e| format!("{key}: {e}"))?));
        }
        Ok(Self { origin, keys: read })
    }

    /// Takes the keys of several logs.
    ///
    /// # Errors
    ///
    /// Says which key is not a log's.
    pub fn by_name(keys: Vec<VerifierKey>) -> Result<Vec<Self>, String> {
        let mut logs: BTreeMap<String, Vec<VerifierKey>> = BTreeMap::new();
        for key in keys {
            logs.entry(key.name().to_string()).or_default().push(key);
        }
        logs.into_values().map(|keys| Self::new(&keys)).collect()
    }

    /// Returns the log's origin.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns the lines by this log's keys, all of which must verify, if there are any. A key has
    /// one line at most, so nobody can make a witness verify or keep more than the log has keys.
    fn verified(&self, checkpoint: &Checkpoint, note: &SignedNote) -> Option<Vec<NoteSignature>> {
        let mut lines: Vec<NoteSignature> = Vec::new();
        for line in note.signatures() {
            let by = |(key, _): &&(VerifierKey, PublicKey)| {
                *key.name() == line.name && key.key_id() == line.key_id
            };
            let Some((key, public_key)) = self.keys.iter().find(by) else {
                continue;
            };
            let same =
                |other: &NoteSignature| other.name == line.name && other.key_id == line.key_id;
            if lines.iter().any(same) {
                return None;
            }
            let verified = match key {
                VerifierKey::Rfc6962 { .. } => {
                    let parsed = Rfc6962NoteSignature::parse(&line.signature).ok()?;
                    let signed = rfc6962_signature_input(&checkpoint.head, parsed.timestamp_ms);
                    public_key.verify(&signed, parsed.signature.signature_der())
                }
                _ => public_key.verify(note.text().as_bytes(), &line.signature),
            };
            verified.ok()?;
            lines.push(line.clone());
        }
        (!lines.is_empty()).then_some(lines)
    }
}

impl Witness {
    /// Takes an Ed25519 key, the witness's name, its files and the logs that it is to know.
    ///
    /// # Errors
    ///
    /// When the files are not this witness's, or damaged.
    pub fn open(
        name: KeyName,
        signer: Arc<dyn Signer>,
        state: WitnessState,
        logs: Vec<WitnessedLog>,
    ) -> Result<Self, OpenStateError> {
        let public_key = ed25519(signer.public_key())?;
        let key = VerifierKey::Cosignature {
            name: name.clone(),
            public_key,
        };
        let mut latest = state.load(logs.iter().map(WitnessedLog::origin), &key)?;
        let by_hash = logs
            .iter()
            .map(|log| (origin_hash(&log.origin), log.origin.clone()))
            .collect();
        let logs = logs.into_iter().map(|log| {
            let latest = Arc::new(Mutex::new(latest.remove(&log.origin)));
            (log.origin.clone(), Witnessed { log, latest })
        });
        Ok(Self {
            name,
            signer,
            key,
            public_key,
            state: Arc::new(state),
            logs: logs.collect(),
            by_hash,
        })
    }

    /// Returns the witness's key as others are given it.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Judges a request, and returns the witness's line, ended, for what it brings. That is durable
    /// then, also if nobody waits for the answer any more.
    ///
    /// # Errors
    ///
    /// Says why there is no cosignature.
    pub async fn add_checkpoint(self: &Arc<Self>, body: &[u8]) -> Result<String, Refusal> {
        let malformed = |e: &dyn std::fmt::Display| Refusal::Malformed(e.to_string());
        let request = AddCheckpoint::parse(body).map_err(|e| malformed(&e))?;
        let checkpoint = match Checkpoint::parse(request.checkpoint.text()) {
            Ok(checkpoint) => checkpoint,
            Err(e @ ParseCheckpointError::EmptyTree) => {
                return Err(Refusal::Inconsistent(e.to_string()));
            }
            Err(e) => return Err(malformed(&e)),
        };
        let witnessed = self.logs.get(&checkpoint.origin);
        let witnessed = witnessed.ok_or(Refusal::UnknownLog)?;
        let lines = witnessed.log.verified(&checkpoint, &request.checkpoint);
        let lines = lines.ok_or(Refusal::NotSigned)?;
        // Callers wait their turn here, and are gone when they hang up: nothing piles up.
        let latest = Arc::clone(&witnessed.latest).lock_owned().await;
        // Who hangs up now must not leave a file behind that memory knows nothing of.
        let witness = Arc::clone(self);
        let judged =
            tokio::spawn(async move { witness.extend(latest, &request, checkpoint, lines).await });
        judged.await.map_err(Refusal::Interrupted)?
    }

    /// Returns the latest checkpoint that was cosigned of the log with this SHA-256 in lower-case hex.
    pub async fn latest(&self, origin_hash: &str) -> Option<String> {
        let witnessed = self.logs.get(self.by_hash.get(origin_hash)?)?;
        let latest = witnessed.latest.lock().await;
        latest.as_ref().map(|latest| latest.note.clone())
    }

    /// Cosigns what extends the latest, with the log's lines under it verified.
    async fn extend(
        &self,
        mut latest: Latest,
        request: &AddCheckpoint,
        checkpoint: Checkpoint,
        mut lines: Vec<NoteSignature>,
    ) -> Result<String, Refusal> {
        let seen = latest
            .as_ref()
            .map_or(TreeHead::EMPTY, |latest| latest.head);
        judge(request, &seen, &checkpoint.head)?;

        let text = request.checkpoint.text();
        let own = self.cosign(text).await?;
        let answer = format!("{own}\n");
        if latest
            .as_ref()
            .is_none_or(|latest| latest.head != checkpoint.head)
        {
            lines.push(own);
            let note = SignedNote::new(text.to_owned(), lines);
            let note = note
                .map_err(|e| Refusal::Malformed(e.to_string()))?
                .encode();
            self.save(&checkpoint.origin, &note).await?;
            *latest = Some(Cosigned {
                head: checkpoint.head,
                note,
            });
        }
        Ok(answer)
    }

    async fn cosign(&self, text: &str) -> Result<NoteSignature, Refusal> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let timestamp_s = now.unwrap_or_default().as_secs();
        let message = Cosignature::message(text, timestamp_s);
        let signature = self.signer.sign(&message).await?;
        let signature = signature.try_into().map_err(|_| SignError::Failed {
            reason: "an Ed25519 signature has 64 bytes, and this one has not".to_owned(),
        })?;
        let cosignature = Cosignature {
            timestamp_s,
            signature,
        };
        Ok(cosignature.to_note_signature(&self.name, &self.public_key))
    }

    /// Writes off the async threads.
    async fn save(&self, origin: &Origin, note: &str) -> Result<(), Refusal> {
        let (state, origin, note) = (Arc::clone(&self.state), origin.clone(), note.to_owned());
        let written = tokio::task::spawn_blocking(move || state.save(&origin, &note)).await;
        Ok(written.map_err(Refusal::Interrupted)??)
    }
}

/// Judges sizes and proof against the latest tree that was seen.
fn judge(request: &AddCheckpoint, seen: &TreeHead, new: &TreeHead) -> Result<(), Refusal> {
    let (old_size, size) = (request.old_size, new.tree_size);
    if old_size > size {
        return Err(Refusal::OldSize { old_size, size });
    }
    if old_size != seen.tree_size {
        return Err(Refusal::Conflict {
            latest: seen.tree_size,
        });
    }
    verify_consistency(seen, new, &request.proof).map_err(|e| Refusal::Inconsistent(e.to_string()))
}
