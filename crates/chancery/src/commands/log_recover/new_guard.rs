//! A new guard in the place of one that is lost.
//!
//! The order of steps: all that can be proven is proven, then the guard is made, then the database
//! names it. Broken off between the last two, there is a guard that no database names, and the next
//! run takes it up if it stands where it would have been made.

use std::path::Path;
use std::sync::Arc;

use chancery_log::Guard;
use chancery_log::copy::{recompute, require_prefix};
use chancery_log::guard::Advance;
use chancery_log::published_files::MAX_CHECKPOINT;
use chancery_store::LogKind;
use chancery_tlog::TreeHead;

use super::Broken;
use crate::copies::{refused, said};
use crate::failure::{Causes, Failure};
use crate::guarding::{self, NotOpened};
use crate::meaning;
use crate::reading;
use crate::report::say;

impl Broken {
    /// Makes a guard that stands at the database's head, or at a later one that somebody holds a
    /// checkpoint of.
    pub(super) async fn replace_guard(&self, checkpoint: Option<&Path>) -> Result<(), Failure> {
        let log = self.store.log_store(self.log.log);
        let head = log.head().await.map_err(Failure::from_error)?.tree;
        let left = self.left_guard(&head).await?;
        recompute(&*log, meaning::form(&self.log), &head)
            .await
            .map_err(refused)?;
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
            let name = &self.log.name;
            say(format_args!(
                "where the guard of {name} is configured, {}, write guard.id: {id}\n",
                match self.log.kind {
                    LogKind::Issuance => format!("chancery.yaml or logs/{name}.yaml"),
                    LogKind::Ledger => "the section ledger of chancery.yaml".to_owned(),
                }
            ));
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
        let guard = match guarding::open(&self.config, &self.store).await {
            Ok(opened) => opened.guard,
            Err(NotOpened::Lost(_)) => return self.none_left(),
            Err(NotOpened::Refused(failure)) => {
                return Err(failure.after("nobody can say whether the guard is lost: "));
            }
        };
        let stands = guard.read().await.map_err(Failure::by_fault)?;
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
            "there is another guard already, {}, at {}, with the database at {}: if it is this \
             log's, made after the database was backed up, `chancery log recover --adopt-guard`; \
             otherwise the configuration names the guard of another log",
            guard.id(),
            said(&stands),
            said(head)
        )))
    }

    /// Makes sure that it is the database's guard that is lost, not one that somebody named by
    /// mistake.
    fn none_left(&self) -> Result<Option<Arc<dyn Guard>>, Failure> {
        let recorded = &self.instance.guard_id;
        match &self.config.guard.id {
            Some(id) if id != recorded => Err(Failure::configuration(format!(
                "there is no guard {id}, but the database records {recorded}: write that as \
                 guard.id, and see whether it is lost"
            ))),
            _ => Ok(None),
        }
    }

    pub(super) async fn name_guard(&self, guard: &dyn Guard) -> Result<(), Failure> {
        let replaced = self
            .store
            .replace_guard(self.log.log, &self.instance.guard_id, guard.id());
        if replaced.await.map_err(Failure::from_error)? {
            return Ok(());
        }
        Err(Failure::failed(
            "another process has put another guard in place meanwhile",
        ))
    }

    /// Reads a checkpoint that somebody outside has kept, signed by this log.
    fn verified(&self, path: &Path) -> Result<TreeHead, Failure> {
        let wrong = |what: &dyn std::error::Error| {
            Failure::verification(format!("{}: {}", path.display(), Causes(what)))
        };
        let bytes = reading::read_bounded(path, MAX_CHECKPOINT)
            .map_err(|e| Failure::usage(format!("{}: {}", path.display(), Causes(&e))))?;
        let verified = meaning::log_key(&self.log)?.verify(&bytes);
        let (_, head) = verified.map_err(|e| wrong(&e))?;
        Ok(head.tree)
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
