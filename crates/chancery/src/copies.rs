//! Copying what an instance's database holds into another: for backup, restore and recovery.

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chancery_log::copy::{CopyError, Copying, recompute};
use chancery_log::{Form, Head, LogReader, LogStore};
use chancery_store::{Instance, Issuers, RecordedLog, Store};
use chancery_tlog::TreeHead;

use crate::config::Config;
use crate::exporting;
use crate::failure::{Causes, Failure};
use crate::meaning::{self, Meaning};

/// How many uses of tokens are copied in one transaction.
const TOKENS: u32 = 500;

/// How often somebody who waits is told how far it is.
const TELL: Duration = Duration::from_secs(2);

/// A log that was copied.
pub(crate) struct CopiedLog {
    pub(crate) origin: String,
    pub(crate) head: Head,
}

/// Reads the certificates that entries of each log may name.
pub(crate) async fn issuers(source: &Store, instance: &Instance) -> Result<Vec<Issuers>, Failure> {
    let mut issuers = Vec::new();
    for log in instance.every_log() {
        let certificates = source.log_store(log.log).issuers().await;
        issuers.push(Issuers {
            log: log.log,
            certificates: certificates.map_err(Failure::from_error)?,
        });
    }
    Ok(issuers)
}

/// Returns what the entries of a log mean that is copied within an instance. Nothing is read.
pub(crate) fn meaning(
    log: &RecordedLog,
    instance: &Instance,
    source: &Store,
) -> Result<Meaning, Failure> {
    let read = |log: &RecordedLog| Ok(source.log_store(log.log) as Arc<dyn LogReader>);
    let issuance = meaning::issuance_logs(instance, read)?;
    Meaning::of(log, instance, None, &[], issuance)
}

/// Copies every log up to the head that it has now, then the uses of tokens, so that as few as can
/// be are missing; then reads all entries of the copy again, which must hash to those heads.
pub(crate) async fn copy_all(
    source: &Store,
    instance: &Instance,
    target: &Store,
    export: Option<&Config>,
) -> Result<Vec<CopiedLog>, Failure> {
    let copied = heads(source, instance).await?;
    for (log, CopiedLog { head, .. }) in instance.every_log().zip(&copied) {
        let from = source.log_store(log.log);
        // Pruned entries come from where they are published: a copy is whole.
        let from = match export {
            Some(config) => exporting::tiered(config, log, from)?,
            None => from,
        };
        let to = target.log_store(log.log);
        let meaning = meaning(log, instance, source)?;
        let form = meaning::form(log);
        copy_log(&*from, Some(&*from), &*to, *head, (form, &meaning)).await?;
    }
    copy_used_tokens(source, target).await?;
    let trust = source.copy_trust_to(target).await;
    trust.map_err(Failure::from_error)?;
    for (log, CopiedLog { head, .. }) in instance.every_log().zip(&copied) {
        let form = meaning::form(log);
        let log = target.log_store(log.log);
        recompute(&*log, form, &head.tree).await.map_err(refused)?;
        let stored = log.head().await.map_err(Failure::from_error)?;
        if stored.tree != head.tree {
            return Err(Failure::failed(format!(
                "the copy has {}, not {}: another process writes to it",
                said(&stored.tree),
                said(&head.tree)
            )));
        }
    }
    Ok(copied)
}

/// Reads where each log stands, in the order of [`Instance::every_log`]. The ledgers are asked first: a
/// certificate is logged before the entry that is tied to it, so that a copy with the entry has it.
async fn heads(source: &Store, instance: &Instance) -> Result<Vec<CopiedLog>, Failure> {
    let (mut ledgers, mut copied) = (Vec::new(), Vec::new());
    let ledgers_first = [
        (&instance.ledgers, &mut ledgers),
        (&instance.logs, &mut copied),
    ];
    for (logs, heads) in ledgers_first {
        for log in logs {
            let head = source.log_store(log.log).head().await;
            heads.push(CopiedLog {
                origin: log.origin.clone(),
                head: head.map_err(Failure::from_error)?,
            });
        }
    }
    copied.append(&mut ledgers);
    Ok(copied)
}

/// Copies the entries that `target` lacks, and returns the head that it had.
pub(crate) async fn copy_log(
    source: &dyn LogReader,
    deliveries: Option<&dyn LogStore>,
    target: &dyn LogStore,
    to: Head,
    (form, meaning): (Form, &Meaning),
) -> Result<Head, Failure> {
    let told = Mutex::new(Instant::now());
    let size = to.tree.tree_size;
    let progress = |copied| {
        let Ok(mut told) = told.lock() else { return };
        if told.elapsed() >= TELL {
            *told = Instant::now();
            // Whoever does not listen misses nothing.
            let _ = writeln!(std::io::stderr(), "copied {copied} of {size} entries");
        }
    };
    let contents = meaning.contents();
    let copying = Copying {
        source,
        deliveries,
        target,
        to,
        form,
        terms: &|leaf| Ok(contents.terms(leaf)?),
        progress: &progress,
    };
    copying.run().await.map_err(refused)
}

/// Copies the uses of tokens, so that none is accepted again.
pub(crate) async fn copy_used_tokens(source: &Store, target: &Store) -> Result<(), Failure> {
    let mut last = None;
    loop {
        let tokens = source.used_tokens(last.as_ref(), TOKENS).await;
        let tokens = tokens.map_err(Failure::from_error)?;
        last = tokens.last().copied();
        if last.is_none() {
            return Ok(());
        }
        let put = target.put_used_tokens(&tokens).await;
        put.map_err(Failure::from_error)?;
    }
}

/// Says who is at fault: a database that does not answer may do so at the next try.
pub(crate) fn refused(error: CopyError) -> Failure {
    match error {
        CopyError::Sequence(_) | CopyError::Store { .. } => Failure::from_error(error),
        _ => Failure::verification(Causes(&error)),
    }
}

/// Returns a tree head as it is said to operators.
pub(crate) fn said(tree: &TreeHead) -> String {
    format!("size {} root {}", tree.tree_size, tree.root_hash)
}
