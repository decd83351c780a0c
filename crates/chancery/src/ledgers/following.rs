//! Laying down ledgers that have ended, while an instance serves, by the same steps as a log of
//! certificates takes; and taking in those that could not be opened when it began.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chancery_keys::Passphrase;
use chancery_log::clock::{Clock, SystemClock};
use chancery_log::{Log, PublishedLog};
use chancery_server::{AppState, Ledgers, Logs};
use chancery_store::{Instance, RecordedLog, Store};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{
    FrozenLedger, OpenLedger, OpenLedgers, begin, open_frozen, open_one, serve_frozen, serve_one,
};
use crate::config::Config;
use crate::connecting::own;
use crate::failure::Failure;
use crate::shards::Freezing;

/// How often the database is asked whether a ledger has ended.
const LOOK: Duration = Duration::from_secs(1);

/// How often a ledger that was left out is tried again: its key has to be decrypted each time.
const TRY: Duration = Duration::from_secs(10);

/// What is told of a ledger that is read from another place than before.
pub(crate) type Changed = Box<dyn FnMut(&RecordedLog, Arc<dyn PublishedLog>) + Send>;

/// What follows the ledgers of an instance.
pub(crate) struct Following {
    config: Config,
    passphrase: Passphrase,
    store: Store,
    clock: Arc<dyn Clock>,
    open: Vec<OpenLedger>,
    /// The names of those that could not be opened.
    left_out: BTreeSet<String>,
    tried: Instant,
    served: Ledgers,
    logs: Logs,
    freezing: Freezing,
    changed: Changed,
    /// What was said last of a ledger that is not as it should be.
    complaints: BTreeMap<String, String>,
}

impl Following {
    pub(crate) fn new(
        config: &Config,
        passphrase: Passphrase,
        store: &Store,
        ledgers: OpenLedgers,
        app: &AppState,
        changed: Changed,
    ) -> Self {
        Self {
            config: config.clone(),
            passphrase,
            store: store.clone(),
            clock: Arc::new(SystemClock),
            open: ledgers.open,
            left_out: ledgers.left_out.keys().cloned().collect(),
            tried: Instant::now(),
            served: app.ledgers.clone(),
            logs: app.logs.clone(),
            freezing: Freezing::default(),
            changed,
            complaints: ledgers.left_out,
        }
    }

    /// Looks again and again until `stop`, and returns the ledgers that are still open. A step that has
    /// begun comes to its end.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Vec<Arc<Log>> {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !(self.open.is_empty() && self.left_out.is_empty()) {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = looks.tick() => {}
            }
            if let Err(failure) = self.step().await {
                // The database is away; the log says so wherever it matters.
                tracing::debug!("the ledgers could not be looked at: {failure}");
            }
        }
        self.open.into_iter().map(|open| open.log).collect()
    }

    async fn step(&mut self) -> Result<(), Failure> {
        let instance = own(&self.store).await?;
        let is_time = self.tried.elapsed() >= TRY;
        if is_time {
            self.tried = Instant::now();
        }
        for recorded in &instance.ledgers {
            let stepped = match self.left_out.contains(&recorded.name) {
                true if !is_time => continue,
                true => self.take_in(recorded, &instance).await,
                false => self.step_with(recorded).await,
            };
            match stepped {
                Ok(()) => {
                    self.complaints.remove(&recorded.name);
                }
                Err(failure) => self.complain(&recorded.name, &failure),
            }
        }
        Ok(())
    }

    /// Serves a ledger that was left out.
    async fn take_in(
        &mut self,
        recorded: &RecordedLog,
        instance: &Instance,
    ) -> Result<(), Failure> {
        let (config, store) = (&self.config, &self.store);
        let served = if recorded.final_checkpoint.is_some() {
            let log = open_frozen(config, store, recorded).await?;
            let recorded = recorded.clone();
            serve_frozen(&FrozenLedger { log, recorded })
        } else {
            let section = config.ledger.as_ref();
            let Some(ledger) = section.and_then(|section| section.find(&recorded.origin)) else {
                return Ok(());
            };
            let (passphrase, clock) = (&self.passphrase, Arc::clone(&self.clock));
            let opened = open_one(config, &ledger, passphrase, store, instance, clock).await?;
            let opened = begin(opened).await?;
            let served = serve_one(&ledger, &opened, &self.logs);
            self.open.push(opened);
            served
        };
        let origins: Vec<&str> = instance.ledgers.iter().map(|log| &*log.origin).collect();
        self.served.add(&served, &origins);
        (self.changed)(recorded, served.log);
        self.left_out.remove(&recorded.name);
        tracing::info!("the ledger {} is served now", recorded.origin);
        Ok(())
    }

    async fn step_with(&mut self, recorded: &RecordedLog) -> Result<(), Failure> {
        let is_it = |open: &OpenLedger| open.recorded.log == recorded.log;
        let Some(open) = self.open.iter().find(|open| is_it(open)) else {
            return Ok(());
        };
        let log = Arc::clone(&open.log);
        if recorded.final_checkpoint.is_some() {
            let frozen: Arc<dyn PublishedLog> =
                open_frozen(&self.config, &self.store, recorded).await?;
            self.served.freeze(&frozen);
            (self.changed)(recorded, frozen);
            log.close().await;
            self.open.retain(|open| !is_it(open));
            tracing::info!(
                log.name = recorded.name,
                "the ledger is frozen: it is served as of its last head"
            );
            return Ok(());
        }
        if let Some(ends_ms) = recorded.ends_ms {
            log.note_end(ends_ms);
        }
        let (store, clock) = (&self.store, &*self.clock);
        if self.freezing.is_over(store, clock, recorded).await? {
            // Closing it is not what is wrong with this process.
            self.served.end(log.origin());
            self.freezing.freeze(store, clock, recorded, &log).await?;
        }
        Ok(())
    }

    /// Says what is wrong with a ledger, once.
    fn complain(&mut self, name: &str, failure: &Failure) {
        let said = failure.to_string();
        if self.complaints.get(name) != Some(&said) {
            tracing::error!("the ledger {name} is not as it should be: {said}");
            self.complaints.insert(name.to_owned(), said);
        }
    }
}
