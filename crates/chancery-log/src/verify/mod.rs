//! Verifying a whole log: every entry, every tile, every issuer and, in a database, index and
//! deliveries too, in a few megabytes of memory whatever the log's size.
//!
//! Nothing that is stored is believed: the tree is computed anew from the entries, and all else is
//! held against it. A verification goes on after a finding where it can, and names each object as
//! an operator finds it.
//!
//! It may run beside a server: what is appended meanwhile is left for the next time.

mod contents;
mod entries;
mod finding;
mod pace;
mod pages;
mod reading;
mod scan;
mod scrub;
mod terms;
mod tree;

use std::num::NonZeroU32;
use std::sync::Arc;

use chancery_tlog::TreeHead;

use crate::{Form, Head, LogReader, LogStore, StoreError};

pub use contents::{Contents, TiedEntry, Untied};
pub use finding::{Finding, Findings, MAX_FINDINGS, Object};
pub use scrub::{Round, Scrubber};

use reading::Source;
use scan::Scan;

/// What to verify, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// How the log lays out its entries.
    pub form: Form,
    /// What entries mean. Without it, index and precertificates are not checked.
    pub contents: Option<Arc<dyn Contents>>,
    /// Where to begin.
    pub since: Since,
    /// Heads that others have seen and that the log must contain.
    pub known: Vec<KnownHead>,
    /// Now, in milliseconds since the Unix epoch: no head is later. 0 if unknown.
    pub now_ms: u64,
    /// The most entries to look at in a second, or three times as many terms of the index; as fast
    /// as it goes if there is none.
    pub entries_per_second: Option<NonZeroU32>,
    /// Whether to compare the index of a database. It is read as a whole, wherever the verification
    /// begins: the index is not in the order of the entries.
    pub index: bool,
}

impl Default for Options {
    /// All of the log, its index too, without a limit; of contents, heads and time nothing is known.
    fn default() -> Self {
        Self {
            form: Form::default(),
            contents: None,
            since: Since::default(),
            known: Vec::new(),
            now_ms: 0,
            entries_per_second: None,
            index: true,
        }
    }
}

/// From where on a log is verified.
#[derive(Clone, Copy, Debug, Default)]
pub enum Since {
    /// All of it.
    #[default]
    Beginning,
    /// From the tree of this size on, which the stored tiles are trusted to describe.
    Size(u64),
    /// From this tree on, which was verified before.
    Head(TreeHead),
}

/// A head that somebody else has seen.
#[derive(Clone, Debug)]
pub struct KnownHead {
    /// Who: `guard`, or the name of a file.
    pub name: String,
    /// The head.
    pub head: TreeHead,
}

/// How far a verification is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What is being read.
    pub stage: Stage,
    /// How many were read.
    pub done: u64,
    /// Of how many, if that is known.
    pub total: Option<u64>,
}

/// What a verification reads, in this order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// Entries with their tiles and deliveries.
    Entries,
    /// Terms of the search index.
    Index,
}

/// What was verified and what was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The head as it is stored.
    pub head: Head,
    /// The tree that was trusted.
    pub since: TreeHead,
    /// How many entries were looked at.
    pub entries: u64,
    /// How many hash tiles were compared.
    pub tiles: u64,
    /// How many different issuer certificates were read.
    pub issuers: u64,
    /// How many deliveries were checked.
    pub deliveries: u64,
    /// How many terms the index has.
    pub terms: u64,
    /// What is wrong.
    pub findings: Findings,
}

/// Verifies published bytes.
///
/// # Errors
///
/// Only when the log cannot be read; what is wrong with it is in the [`Report`].
pub async fn verify_published(
    log: &dyn LogReader,
    options: Options,
    observer: &mut (dyn FnMut(Progress) + Send),
) -> Result<Report, StoreError> {
    match Scan::begin(Source::published(log), options).await? {
        Ok(scan) => scan.run(observer).await,
        Err(unreadable) => Ok(unreadable),
    }
}

/// Verifies a database: the same, and index, deliveries, stored issuers, and that nothing is stored
/// beyond the head.
///
/// # Errors
///
/// Only when the database cannot be read; what is wrong with it is in the [`Report`].
pub async fn verify_stored(
    log: &dyn LogStore,
    options: Options,
    observer: &mut (dyn FnMut(Progress) + Send),
) -> Result<Report, StoreError> {
    match Scan::begin(Source::database(log), options).await? {
        Ok(scan) => scan.run(observer).await,
        Err(unreadable) => Ok(unreadable),
    }
}
