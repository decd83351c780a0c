//! A new guard in the place of one that is lost.
//!
//! The order of steps: all that can be proven is proven, then the guard is made, then the database
//! names it. Broken off between the last two, there is a guard that no database names, and the next
//! run takes it up if it stands where it would have been made.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use chancery_keys::PublicKey;
use chancery_log::Guard;
use chancery_log::copy::{recompute, require_prefix};
use chancery_log::guard::Advance;
use chancery_tlog::ct::LogId;
use chancery_tlog::{
    Checkpoint, Rfc6962NoteSignature, SignedNote, TreeHead, rfc6962_key_id, rfc6962_signature_input,
};

use super::Broken;
use crate::copies::{refused, said};
use crate::failure::{Causes, Failure};
use crate::guarding;
use crate::report::say;

impl Broken {
    /// Makes a guard that stands at the database's head, or at a later one that somebody holds a
    /// checkpoint of.
    pub(super) async fn replace_guard(&self, checkpoint: Option<&Path>) -> Result<(), Failure> {
        let log = self.store.log_store(self.log.log);
        let head = log.head().await.map_err(Failure::from_error)?.tree;
        let left = self.left_guard(&head).await?;
        recompute(&*log, &head).await.map_err(refused)?;
        let known = match checkpoint {
            Some(path) => self.verified(path)?,
            None => TreeHead::EMPTY,
        };
        if known.tree_size <= head.tree_size {
            let proven = require_prefix(&*log, &known, &head).await;
            proven.map_err(refused)?;
        }
        let stand = if known.tree_size > head.tree_size {
            known
        } else {
            head
        };
        let guard = match left {
            Some(left) => {
                move_to(&*left, &stand).await?;
                left
            }
            None => {
                let place = &self.config.guard.place;
                guarding::create_at(place, &self.store, &stand).await?.guard
            }
        };
        self.name_guard(&*guard).await?;
        say(format_args!(
            "log {}\n  database at  {}\n  new guard at {}\nthe guard {} belongs to this database \
             now; what was released after that head, if anything was, nobody will notice\n",
            self.log.origin,
            said(&head),
            said(&stand),
            guard.id()
        ));
        if self.config.guard.id.is_some() {
            let id = guard.id();
            say(format_args!("in chancery.yaml, write guard.id: {id}\n"));
        }
        if stand == head {
            say(format_args!("next: `chancery serve`\n"));
            return Ok(());
        }
        Err(Failure::configuration(format!(
            "the checkpoint knows more than the database: the database is at {}, the new guard at \
             {}. `serve` refuses it until `chancery log recover --from COPY` has brought the \
             missing entries, or until the log is retired",
            said(&head),
            said(&stand)
        )))
    }

    /// Returns a guard that an earlier run left where the new one is to be, if there is one.
    /// Refuses to replace a guard that is not lost.
    async fn left_guard(&self, head: &TreeHead) -> Result<Option<Arc<dyn Guard>>, Failure> {
        let guard = match guarding::open(&self.config.guard, &self.store).await {
            Ok(opened) => opened.guard,
            Err(failure) if failure.is_configuration() => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let stands = guard.read().await.map_err(Failure::from_error)?;
        if guard.id() == self.instance.guard_id {
            return Err(Failure::configuration(format!(
                "the guard is not lost: it stands at {}, the database at {}. Where the database \
                 is behind, `chancery log recover --from COPY` brings back what is missing",
                said(&stands),
                said(head)
            )));
        }
        if stands == *head || stands == TreeHead::EMPTY {
            return Ok(Some(guard));
        }
        Err(Failure::configuration(format!(
            "there is another guard already, {}, at {}: if it is not this log's, name another \
             place in the configuration",
            guard.id(),
            said(&stands)
        )))
    }

    async fn name_guard(&self, guard: &dyn Guard) -> Result<(), Failure> {
        let replaced = self
            .store
            .replace_guard(&self.instance.guard_id, guard.id());
        if replaced.await.map_err(Failure::from_error)? {
            return Ok(());
        }
        Err(Failure::failed(
            "another process has put another guard in place meanwhile",
        ))
    }

    /// Reads a checkpoint that somebody outside has kept, signed by this log.
    fn verified(&self, path: &Path) -> Result<TreeHead, Failure> {
        let wrong = |what: String| Failure::verification(format!("{}: {what}", path.display()));
        let bytes = fs::read(path)
            .map_err(|e| Failure::usage(format!("{}: {}", path.display(), Causes(&e))))?;
        let note = SignedNote::parse(&bytes).map_err(|e| wrong(e.to_string()))?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|e| wrong(e.to_string()))?;
        if checkpoint.origin.as_str() != self.log.origin {
            return Err(wrong(format!(
                "it is a checkpoint of {}, not of {}",
                checkpoint.origin.as_str(),
                self.log.origin
            )));
        }
        let key_id = rfc6962_key_id(&checkpoint.origin, &LogId::of_spki(&self.log.public_key));
        let line = note
            .signature_by(checkpoint.origin.key_name(), key_id)
            .ok_or_else(|| wrong("the log's key has not signed it".to_owned()))?;
        let signature =
            Rfc6962NoteSignature::parse(&line.signature).map_err(|e| wrong(e.to_string()))?;
        let signed = rfc6962_signature_input(&checkpoint.head, signature.timestamp_ms);
        PublicKey::from_spki_der(&self.log.public_key)
            .map_err(Failure::from_error)?
            .verify(&signed, signature.signature.signature_der())
            .map_err(|_| wrong("its signature is not the log's".to_owned()))?;
        Ok(checkpoint.head)
    }
}

/// Moves a guard that nobody else uses.
async fn move_to(guard: &dyn Guard, to: &TreeHead) -> Result<(), Failure> {
    let from = guard.read().await.map_err(Failure::from_error)?;
    if from == *to {
        return Ok(());
    }
    let moved = guard.advance(&from, to).await;
    match moved.map_err(Failure::from_error)? {
        Advance::Moved => Ok(()),
        Advance::StandsAt(_) => Err(Failure::failed("somebody else moved the new guard")),
    }
}
