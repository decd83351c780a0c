//! `chancery log recover`: brings back what a database lacks, takes a log out of use, or gives
//! it another guard.

mod adopt_guard;
mod new_guard;
mod source;

use std::sync::Arc;
use std::time::SystemTime;

use chancery_log::clock::unix_ms;
use chancery_log::copy::require_prefix;
use chancery_log::{Guard, GuardError, Head, LogStore};
use chancery_store::{Instance, LogKind, RecordedLog, Store};
use chancery_tlog::TreeHead;

use self::source::Source;
use crate::cli::LogRecoverArgs;
use crate::commands::serve::put_database;
use crate::config::{Config, GuardPlace};
use crate::copies::{copy_log, copy_used_tokens, refused, said};
use crate::failure::Failure;
use crate::report::say;
use crate::shards::{Alone, alone, choose};
use crate::{connecting, copies, guarding, meaning};

pub(crate) async fn run(args: LogRecoverArgs) -> Result<(), Failure> {
    if args.new_guard && args.checkpoint.is_none() && !args.no_checkpoint_known {
        return Err(Failure::usage(
            "--new-guard wants --checkpoint FILE, the newest checkpoint that anybody outside has \
             kept; if nobody has, say --no-checkpoint-known",
        ));
    }
    let mut config = Config::load(&args.instance.config)?;
    put_database(&mut config, args.instance.database.clone())?;
    let store = connecting::to_write(&connecting::database_url(&config)?).await?;
    let instance = connecting::own(&store).await?;
    let named = args.log.as_deref();
    let chosen = match args.retire.as_deref().filter(|_| named.is_none()) {
        Some(origin) => instance.every_log().find(|log| log.origin == origin),
        None => None,
    };
    let chosen = match chosen {
        Some(log) => log,
        None => choose(&instance, named)?,
    };
    let whole = instance.clone();
    let Alone {
        config,
        instance,
        log,
    } = alone(&config, &instance, chosen)?;
    connecting::log_of(&config, &instance)?;
    let broken = Broken {
        config,
        instance,
        whole,
        log,
        store,
    };
    let done = if let Some(from) = &args.from {
        broken.bring_back(from).await
    } else if let Some(origin) = &args.retire {
        broken.retire(origin).await
    } else if args.adopt_guard {
        broken.adopt_guard().await
    } else {
        broken.replace_guard(args.checkpoint.as_deref()).await
    };
    broken.store.close().await;
    done
}

/// An instance that is to be mended, which nobody else writes to.
struct Broken {
    config: Config,
    /// The record of the log alone.
    instance: Instance,
    /// The record of all logs.
    whole: Instance,
    log: RecordedLog,
    store: Store,
}

impl Broken {
    /// Brings back the entries between the database's head and the guard's.
    async fn bring_back(&self, from: &str) -> Result<(), Failure> {
        let guarded = self.guarded_beyond(from).await?;
        let log = self.store.log_store(self.log.log);
        let head = log.head().await.map_err(Failure::from_error)?.tree;
        self.say_heads(&head, &guarded);
        if head.tree_size > guarded.tree_size {
            let proven = require_prefix(&*log, &guarded, &head).await;
            proven.map_err(refused)?;
            say(format_args!(
                "nothing is missing: the database is past the guard\nnext: `chancery serve`\n"
            ));
            return Ok(());
        }
        let source = Source::open(from, &self.log).await?;
        self.copy(&source, &*log, guarded).await?;
        source.close().await;
        let brought = guarded.tree_size - head.tree_size;
        say(format_args!(
            "brought back {brought} entries: the database is at the guard's head, {}\n\
             next: `chancery serve`\n",
            said(&guarded)
        ));
        Ok(())
    }

    async fn copy(
        &self,
        source: &Source,
        log: &dyn LogStore,
        guarded: TreeHead,
    ) -> Result<(), Failure> {
        let to = Head {
            tree: guarded,
            timestamp_ms: 0,
        };
        let meaning = copies::meaning(&self.log, &self.whole, &self.store)?;
        let read = (meaning::form(&self.log), &meaning);
        copy_log(source.reader(), source.deliveries(), log, to, read).await?;
        let after = log.head().await.map_err(Failure::from_error)?.tree;
        if after != guarded {
            return Err(Failure::failed(format!(
                "the database is at {}, not at {}: another process writes to it",
                said(&after),
                said(&guarded)
            )));
        }
        match source.store() {
            Some(source) => copy_used_tokens(source, &self.store).await,
            None => Ok(()),
        }
    }

    /// Takes the log out of use for ever.
    async fn retire(&self, origin: &str) -> Result<(), Failure> {
        if origin != self.log.origin {
            return Err(Failure::usage(format!(
                "this database's log is {}; to retire it, say so: --retire {}",
                self.log.origin, self.log.origin
            )));
        }
        let head = self.store.log_store(self.log.log).head().await;
        let head = head.map_err(Failure::from_error)?.tree;
        match self.guarded().await {
            Ok(guarded) => self.say_heads(&head, &guarded),
            Err(why) => say(format_args!(
                "the database is at {}; the guard cannot be asked: {why}\n",
                said(&head)
            )),
        }
        let now_ms = unix_ms(SystemTime::now());
        let retired = self.store.retire_log(self.log.log, now_ms).await;
        let words = match retired.map_err(Failure::from_error)? {
            true => "is retired: it takes no entries any more",
            false => "was retired before",
        };
        let next = match self.log.kind {
            LogKind::Ledger => {
                "begin another ledger under another host name: put it in chancery.yaml's section \
                 ledger, this one into ledger.former, and run `chancery ledger new`"
            }
            LogKind::Issuance => {
                "begin another log with `chancery log new`, or found a new instance with `chancery \
                 init`, in another folder and with another --log-name"
            }
        };
        say(format_args!(
            "log {origin} {words}\n\
             next: {next}.\nKeep this database, the guard and the newest checkpoint: they are what \
             auditors have of the old log\n"
        ));
        Ok(())
    }

    /// Reads where the guard that belongs to this database stands.
    async fn guarded(&self) -> Result<TreeHead, Failure> {
        let guard = self.guard().await?;
        guard.read().await.map_err(Failure::by_fault)
    }

    async fn guard(&self) -> Result<Arc<dyn Guard>, Failure> {
        let recorded = &self.instance.guard_id;
        let guard = guarding::open_own(&self.config, recorded, &self.store).await?;
        Ok(guard)
    }

    /// Reads where the guard stands, which may have seen more than this database. A witness tells that
    /// only to whoever has as much: it is asked with the tree of the copy then.
    async fn guarded_beyond(&self, from: &str) -> Result<TreeHead, Failure> {
        let guard = self.guard().await?;
        let place = &self.config.guard.place;
        match (guard.read().await, place) {
            (Err(GuardError::AtOdds(_)), GuardPlace::Witness(place)) => {
                let source = Source::open(from, &self.log).await?;
                let guard = guarding::of_witness(&self.config, place, source.log())?;
                let guarded = guard.read().await.map_err(Failure::by_fault);
                source.close().await;
                guarded
            }
            (guarded, _) => guarded.map_err(Failure::by_fault),
        }
    }

    fn say_heads(&self, head: &TreeHead, guarded: &TreeHead) {
        say(format_args!(
            "log {}\n  database at {}\n  guard at    {}\n",
            self.log.origin,
            said(head),
            said(guarded)
        ));
    }
}
