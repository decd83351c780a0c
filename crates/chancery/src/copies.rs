//! Copying what an instance's database holds into another: for backup, restore and recovery.

use std::error::Error;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use chancery_ca::EntryIndex;
use chancery_log::copy::{CopyError, Copying, recompute};
use chancery_log::{Head, IndexTerm, LogReader, LogStore};
use chancery_store::{Instance, Issuers, Store};
use chancery_tlog::TreeHead;
use chancery_tlog::ct::Entry;

use crate::config::Config;
use crate::exporting;
use crate::failure::{Causes, Failure};
use crate::submitting;

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
    let mut issuers = Vec::with_capacity(instance.logs.len());
    for log in &instance.logs {
        let certificates = source.log_store(log.log).issuers().await;
        issuers.push(Issuers {
            log: log.log,
            certificates: certificates.map_err(Failure::from_error)?,
        });
    }
    Ok(issuers)
}

/// Copies every log up to the head that it has now, then the uses of tokens, so that as few as can
/// be are missing; then reads all entries of the copy again, which must hash to those heads.
pub(crate) async fn copy_all(
    source: &Store,
    instance: &Instance,
    target: &Store,
    export: Option<&Config>,
) -> Result<Vec<CopiedLog>, Failure> {
    let index = submitting::index(&instance.chain)?;
    let mut copied = Vec::with_capacity(instance.logs.len());
    for log in &instance.logs {
        let head = source.log_store(log.log).head().await;
        copied.push(CopiedLog {
            origin: log.origin.clone(),
            head: head.map_err(Failure::from_error)?,
        });
    }
    for (log, CopiedLog { head, .. }) in instance.logs.iter().zip(&copied) {
        let from = source.log_store(log.log);
        // Pruned entries come from where they are published: a copy is whole.
        let from = match export {
            Some(config) => exporting::tiered(config, log, from)?,
            None => from,
        };
        let to = target.log_store(log.log);
        copy_log(&*from, Some(&*from), &*to, *head, &index).await?;
    }
    copy_used_tokens(source, target).await?;
    for (log, CopiedLog { head, .. }) in instance.logs.iter().zip(&copied) {
        let log = target.log_store(log.log);
        recompute(&*log, &head.tree).await.map_err(refused)?;
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

/// Copies the entries that `target` lacks, and returns the head that it had.
pub(crate) async fn copy_log(
    source: &dyn LogReader,
    deliveries: Option<&dyn LogStore>,
    target: &dyn LogStore,
    to: Head,
    index: &EntryIndex,
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
    let copying = Copying {
        source,
        deliveries,
        target,
        to,
        terms: &|entry| terms(index, entry),
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

fn terms(
    index: &EntryIndex,
    entry: &Entry,
) -> Result<Vec<IndexTerm>, Box<dyn Error + Send + Sync>> {
    let terms = index.terms(entry);
    terms.map_err(|e| Causes(&e).to_string().into())
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
