//! The oracle: reads checkpoint and entries as they are published, and holds against them what
//! clients received and which checkpoints were seen. It is the same for the log of certificates and for
//! the ledger; what their entries are is in modules of their own. Hash tiles, issuers and the index are
//! left to `chancery log verify`.

mod issuance;
mod ledger;

use std::collections::HashSet;

use anyhow::{Context as _, ensure};
use chancery_tlog::ct::TileLeaf;
use chancery_tlog::{TILE_WIDTH, tile_width_at};

use self::ledger::Body;
use super::archive::Found;
use super::kind::Kind;
use super::report::Row;
use super::tree::Tree;
use super::trust::Trust;
use crate::checkpoint::Seen;

/// How many faults of one kind are told in full.
const TOLD: usize = 3;

/// An entry as it was published.
trait Leaf: Sized {
    /// Of which log.
    const KIND: Kind;

    /// Returns where a tile of them is read.
    fn tile(index: u64, width: u16) -> String;

    /// Parses a tile.
    fn parse_all(tile: &[u8]) -> anyhow::Result<Vec<Self>>;

    /// Returns what the tree hashed.
    fn hashed(&self) -> Vec<u8>;

    /// Returns the entry's time in milliseconds since the Unix epoch; 0 if it says none.
    fn timestamp_ms(&self) -> u64;

    /// Holds all entries against each other.
    fn check_all(leaves: &[Self], row: &mut Row, trust: &Trust) -> anyhow::Result<()>;

    /// Holds what a client was given against the entries, and returns which one it is for.
    fn check_received(
        log: &PublishedLog<Self>,
        trust: &Trust,
        record: &[u8],
    ) -> anyhow::Result<u64>;
}

/// A log as it was published.
struct PublishedLog<L> {
    head: Seen,
    leaves: Vec<L>,
}

/// Judges one of the logs, and puts what it finds into `row`.
pub(crate) async fn judge(
    kind: Kind,
    row: &mut Row,
    url: &str,
    trust: &Trust,
    received: &[Vec<u8>],
    archive: &Found,
) -> anyhow::Result<()> {
    match kind {
        Kind::Issuance => judge_log::<TileLeaf>(row, url, trust, received, archive).await,
        Kind::Ledger => judge_log::<Body>(row, url, trust, received, archive).await,
    }
}

async fn judge_log<L: Leaf>(
    row: &mut Row,
    url: &str,
    trust: &Trust,
    received: &[Vec<u8>],
    archive: &Found,
) -> anyhow::Result<()> {
    let log = PublishedLog::<L>::fetch(url, trust).await?;
    L::check_all(&log.leaves, row, trust)?;
    log.check_checkpoints(row, archive);
    log.check_received(row, trust, received);
    Ok(())
}

impl<L: Leaf> PublishedLog<L> {
    async fn fetch(url: &str, trust: &Trust) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let get = async |what: String| {
            let path = L::KIND.path(&what);
            let response = http.get(format!("{url}{path}")).send().await?;
            ensure!(response.status() == 200, "{path}: {}", response.status());
            anyhow::Ok(response.bytes().await?)
        };
        let head = trust.checkpoint(L::KIND, &get("checkpoint".to_owned()).await?)?;
        let size = head.head.tree_size;
        let mut leaves = Vec::new();
        for index in 0..size.div_ceil(TILE_WIDTH) {
            let width = tile_width_at(0, index, size);
            let path = L::tile(index, width);
            let tile = L::parse_all(&get(path.clone()).await?)?;
            ensure!(
                tile.len() == usize::from(width),
                "{path} has {} entries",
                tile.len()
            );
            leaves.extend(tile);
        }
        Ok(Self { head, leaves })
    }

    /// Every checkpoint that was seen is a prefix of this tree, none is older than an entry that it
    /// covers, and their times do not decrease with their size.
    fn check_checkpoints(&self, row: &mut Row, archive: &Found) {
        let kind = L::KIND;
        row.of(kind).checkpoints = archive.checkpoints.len();
        let mut seen: Vec<Seen> = archive.checkpoints.values().copied().collect();
        seen.push(self.head);
        seen.sort_by_key(|seen| (seen.head.tree_size, seen.timestamp_ms));
        let mut faults = archive.faults.clone();
        let mut tree = Tree::default();
        let mut leaves = self.leaves.iter();
        let mut last = 0;
        for checkpoint in seen {
            let size = checkpoint.head.tree_size;
            for leaf in leaves.by_ref().take((size - tree.size()) as usize) {
                tree.append(&leaf.hashed());
            }
            let newest = (tree.size() as usize).checked_sub(1);
            let newest = newest.and_then(|index| self.leaves.get(index));
            let covered = newest.map_or(0, Leaf::timestamp_ms);
            let same = tree.size() == size && tree.root() == *checkpoint.head.root_hash.as_bytes();
            if !same {
                let root = checkpoint.head.root_hash;
                faults.push(format!(
                    "size {size} root {root} is no part of the final tree"
                ));
            } else if checkpoint.timestamp_ms < last.max(covered) {
                let time = checkpoint.timestamp_ms;
                faults.push(format!(
                    "size {size} is of {time}, before {}",
                    last.max(covered)
                ));
            }
            last = checkpoint.timestamp_ms;
        }
        row.of(kind).inconsistent = faults.len();
        let told = faults.into_iter().take(TOLD);
        row.failures
            .extend(told.map(|fault| format!("{kind} checkpoint: {fault}")));
    }

    /// Everything that a client holds is in the log, just so.
    fn check_received(&self, row: &mut Row, trust: &Trust, received: &[Vec<u8>]) {
        let kind = L::KIND;
        let counted = row.of(kind).issued;
        row.hold(counted == received.len() as u64, || {
            format!(
                "{kind}: {counted} were counted, {} recorded",
                received.len()
            )
        });
        let what = kind.receipt();
        let mut places = HashSet::new();
        let mut faults = Vec::new();
        for record in received {
            match L::check_received(self, trust, record) {
                Ok(index) if places.insert(index) => {}
                Ok(index) => faults.push(format!("two claim to be entry {index}")),
                Err(e) => faults.push(format!("{e:#}")),
            }
        }
        row.of(kind).missing = faults.len() as u64;
        row.of(kind).in_log_only = (self.leaves.len() as u64).saturating_sub(places.len() as u64);
        let told = faults.into_iter().take(TOLD);
        row.failures
            .extend(told.map(|fault| format!("{what}: {fault}")));
    }

    /// Returns the entry at a place.
    fn leaf(&self, index: u64) -> anyhow::Result<&L> {
        let leaf = usize::try_from(index).ok();
        leaf.and_then(|index| self.leaves.get(index))
            .with_context(|| format!("the {} has no entry {index}", L::KIND))
    }
}

#[cfg(test)]
mod tests;
