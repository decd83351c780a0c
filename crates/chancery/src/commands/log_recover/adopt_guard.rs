//! A database that takes up the guard of its log: it was backed up before that guard was made, so
//! it records the one before.

use chancery_log::copy::require_prefix;
use chancery_tlog::TreeHead;

use super::Broken;
use crate::copies::{refused, said};
use crate::failure::Failure;
use crate::guarding;
use crate::report::say;

impl Broken {
    /// Records the configured guard in the database. The guard stays where it stands: nothing that
    /// it remembers is lost.
    pub(super) async fn adopt_guard(&self) -> Result<(), Failure> {
        let guard = guarding::open(&self.config, &self.store).await?.guard;
        let guarded = guard.read().await.map_err(Failure::by_fault)?;
        let log = self.store.log_store(self.log.log);
        let head = log.head().await.map_err(Failure::by_fault)?.tree;
        self.say_heads(&head, &guarded);
        let is_ahead = guarded.tree_size > head.tree_size;
        if !is_ahead {
            if guarded == TreeHead::EMPTY && head != TreeHead::EMPTY {
                return Err(Failure::configuration(format!(
                    "the guard {} has seen nothing yet, so nothing says that it is this log's: \
                     name the right one; if that is lost, see `chancery log recover --new-guard`",
                    guard.id()
                )));
            }
            let proven = require_prefix(&*log, &guarded, &head).await;
            proven.map_err(refused)?;
        }
        if guard.id() == self.instance.guard_id {
            say(format_args!("the database records this guard already\n"));
        } else {
            self.name_guard(&*guard).await?;
            say(format_args!(
                "the guard {} belongs to this database now, in the place of {}\n",
                guard.id(),
                self.instance.guard_id
            ));
        }
        if is_ahead {
            return Err(Failure::configuration(format!(
                "the guard has seen more than the database: the database is at {}, the guard at \
                 {}. `serve` refuses it until `chancery log recover --from COPY` has brought the \
                 missing entries, or until the log is retired",
                said(&head),
                said(&guarded)
            )));
        }
        say(format_args!("next: `chancery serve`\n"));
        Ok(())
    }
}
