//! The oracle: reads checkpoint and data tiles as they are published, and holds against them what
//! clients received and which checkpoints were seen. Hash tiles, issuers and the index are left to
//! `chancery log verify`.

use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use chancery_certs::{CertificateDetails, precert_tbs_of_final};
use chancery_tlog::ct::{Entry, SignedCertificateTimestamp, TileLeaf, parse_sct_list};
use chancery_tlog::{TILE_WIDTH, TilePath, tile_width_at};
use der::Decode;
use x509_cert::TbsCertificate;

use super::archive::Found;
use super::instance::LOG;
use super::report::Row;
use super::tree::Tree;
use super::trust::Trust;
use crate::checkpoint::Seen;

/// How many faults of one kind are told in full.
const TOLD: usize = 3;

/// The log as it was published.
struct PublishedLog {
    head: Seen,
    leaves: Vec<TileLeaf>,
}

/// Judges, and puts what it finds into `row`.
pub(crate) async fn judge(
    row: &mut Row,
    url: &str,
    trust: &Trust,
    received: &[Vec<u8>],
    archive: &Found,
) -> anyhow::Result<()> {
    let log = PublishedLog::fetch(url, trust).await?;
    log.check_entries(row, trust)?;
    log.check_checkpoints(row, archive);
    log.check_received(row, trust, received);
    Ok(())
}

impl PublishedLog {
    async fn fetch(url: &str, trust: &Trust) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let get = async |path: String| {
            let response = http.get(format!("{url}/ct/{LOG}/{path}")).send().await?;
            ensure!(response.status() == 200, "{path}: {}", response.status());
            anyhow::Ok(response.bytes().await?)
        };
        let head = trust.checkpoint(&get("checkpoint".to_owned()).await?)?;
        let size = head.head.tree_size;
        let mut leaves = Vec::new();
        for index in 0..size.div_ceil(TILE_WIDTH) {
            let width = tile_width_at(0, index, size);
            let path = TilePath::Data { index, width };
            let tile = TileLeaf::parse_all(&get(format!("tile/{path}")).await?)?;
            ensure!(
                tile.len() == usize::from(width),
                "{path} has {} entries",
                tile.len()
            );
            leaves.extend(tile);
        }
        Ok(Self { head, leaves })
    }

    /// Indices are gapless, times do not decrease, serial numbers are unique, and all is by one
    /// issuer.
    fn check_entries(&self, row: &mut Row, trust: &Trust) -> anyhow::Result<()> {
        let mut serials = HashSet::new();
        let mut last = 0;
        for (index, leaf) in self.leaves.iter().enumerate() {
            let Entry::Precert(entry) = leaf.entry() else {
                row.failures
                    .push(format!("entry {index} is no precertificate"));
                continue;
            };
            let serial = TbsCertificate::from_der(entry.tbs())?;
            let fresh = serials.insert(serial.serial_number().as_bytes().to_vec());
            let sound = leaf.leaf_index().get() == index as u64
                && leaf.timestamp_ms() >= last
                && *entry.issuer_key_hash() == trust.issuer_key_hash
                && fresh;
            row.hold(sound, || {
                format!(
                    "entry {index}: index {}, time {} after {last}, serial number unique: {fresh}",
                    leaf.leaf_index().get(),
                    leaf.timestamp_ms()
                )
            });
            last = leaf.timestamp_ms();
        }
        Ok(())
    }

    /// Every checkpoint that was seen is a prefix of this tree, none is older than an entry that it
    /// covers, and their times do not decrease with their size.
    fn check_checkpoints(&self, row: &mut Row, archive: &Found) {
        row.checkpoints = archive.checkpoints.len();
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
                tree.append(&leaf.merkle_tree_leaf());
            }
            let newest = (tree.size() as usize).checked_sub(1);
            let newest = newest.and_then(|index| self.leaves.get(index));
            let covered = newest.map_or(0, TileLeaf::timestamp_ms);
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
        row.inconsistent = faults.len();
        let told = faults.into_iter().take(TOLD);
        row.failures
            .extend(told.map(|fault| format!("checkpoint: {fault}")));
    }

    /// Everything that a client holds is in the log, just so.
    fn check_received(&self, row: &mut Row, trust: &Trust, received: &[Vec<u8>]) {
        let counted = row.issued;
        row.hold(counted == received.len() as u64, || {
            format!("{counted} were counted, {} recorded", received.len())
        });
        let mut places = HashSet::new();
        let mut faults = Vec::new();
        for certificate in received {
            match self.check_certificate(trust, certificate) {
                Ok(index) if places.insert(index) => {}
                Ok(index) => faults.push(format!("two certificates claim entry {index}")),
                Err(e) => faults.push(format!("{e:#}")),
            }
        }
        row.missing = faults.len() as u64;
        row.in_log_only = (self.leaves.len() as u64).saturating_sub(places.len() as u64);
        let told = faults.into_iter().take(TOLD);
        row.failures
            .extend(told.map(|fault| format!("certificate: {fault}")));
    }

    fn check_certificate(&self, trust: &Trust, der: &[u8]) -> anyhow::Result<u64> {
        let details = CertificateDetails::from_der(der)?;
        let list = parse_sct_list(&details.sct_list.context("it has no SCT")?)?;
        let [sct] = <[SignedCertificateTimestamp; 1]>::try_from(list)
            .map_err(|list| anyhow::anyhow!("it has {} SCTs", list.len()))?;
        ensure!(*sct.log_id() == trust.log_id, "its SCT is another log's");
        let index = sct.leaf_index()?.get();
        let leaf = self
            .leaves
            .get(usize::try_from(index)?)
            .with_context(|| format!("the log has no entry {index}"))?;
        let Entry::Precert(entry) = leaf.entry() else {
            anyhow::bail!("entry {index} is no precertificate");
        };
        ensure!(
            entry.tbs() == precert_tbs_of_final(der)?,
            "entry {index} is another"
        );
        ensure!(
            leaf.timestamp_ms() == sct.timestamp_ms(),
            "entry {index} has another time"
        );
        trust
            .log_key
            .verify(&leaf.merkle_tree_leaf(), sct.signature().signature_der())
            .with_context(|| format!("the SCT of entry {index}"))?;
        let time: SystemTime = UNIX_EPOCH + Duration::from_millis(sct.timestamp_ms());
        ensure!(
            details.not_before <= time && time <= details.not_after,
            "the SCT of entry {index} is outside its certificate's validity"
        );
        Ok(index)
    }
}

#[cfg(test)]
mod tests;
