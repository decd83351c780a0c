//! The entries of the ledger, and what its answers say of them.

use std::collections::HashSet;

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_tlog::{Hash, TilePath, leaf_hash, verify_inclusion};
use serde_json::Value;

use super::super::kind::Kind;
use super::super::report::Row;
use super::super::trust::Trust;
use super::{Leaf, PublishedLog};

/// An entry: its canonical body, which the tree hashes as it is.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Body(Vec<u8>);

impl Leaf for Body {
    const KIND: Kind = Kind::Ledger;

    fn tile(index: u64, width: u16) -> String {
        let path = TilePath::Data { index, width }.to_string();
        format!("tile/{}", path.replacen("data/", "entries/", 1))
    }

    /// Each entry has its length before it, in two bytes (c2sp.org/tlog-tiles).
    fn parse_all(tile: &[u8]) -> anyhow::Result<Vec<Self>> {
        let mut rest = tile;
        let mut entries = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*length));
            let (body, after) = after
                .split_at_checked(length)
                .context("the bundle of entries is cut off")?;
            entries.push(Self(body.to_vec()));
            rest = after;
        }
        ensure!(rest.is_empty(), "a byte follows the bundle of entries");
        Ok(entries)
    }

    fn hashed(&self) -> Vec<u8> {
        self.0.clone()
    }

    fn timestamp_ms(&self) -> u64 {
        0
    }

    /// No entry is there twice, whichever replicas were asked for it.
    fn check_all(leaves: &[Self], row: &mut Row, _: &Trust) -> anyhow::Result<()> {
        let distinct: HashSet<&Self> = leaves.iter().collect();
        let twice = leaves.len() - distinct.len();
        row.hold(twice == 0, || format!("{twice} entries are logged twice"));
        Ok(())
    }

    fn check_received(
        log: &PublishedLog<Self>,
        trust: &Trust,
        record: &[u8],
    ) -> anyhow::Result<u64> {
        let record: Value = serde_json::from_slice(record)?;
        match record["place"].as_u64() {
            Some(index) => {
                let body: Value = serde_json::from_slice(&log.leaf(index)?.0)?;
                let digest = &body["spec"]["hashedRekordV002"]["data"]["digest"];
                ensure!(*digest == record["digest"], "entry {index} is another");
                Ok(index)
            }
            None => check_answer(log, trust, &record),
        }
    }
}

/// Checks an answer as a client does, and that its entry and its checkpoint are the log's.
fn check_answer(log: &PublishedLog<Body>, trust: &Trust, answer: &Value) -> anyhow::Result<u64> {
    let index = number(&answer["logIndex"])?;
    let said = |what: &str| format!("{what} of entry {index}");
    let log_id = answer["logId"]["keyId"].as_str();
    ensure!(log_id == Some(&trust.ledger_id), said("the log id"));
    let body = bytes(&answer["canonicalizedBody"])?;
    ensure!(log.leaf(index)?.0 == body, "entry {index} is another");

    let proof = &answer["inclusionProof"];
    let envelope = proof["checkpoint"]["envelope"].as_str();
    let envelope = envelope.with_context(|| said("the checkpoint"))?;
    let seen = trust.checkpoint(Kind::Ledger, envelope.as_bytes())?;
    let (size, root) = (seen.head.tree_size, seen.head.root_hash);
    ensure!(
        number(&proof["logIndex"])? == index,
        said("the proof's index")
    );
    ensure!(
        number(&proof["treeSize"])? == size,
        said("the proof's size")
    );
    ensure!(
        bytes(&proof["rootHash"])? == root.as_bytes(),
        said("the proof's root")
    );
    let hashes = proof["hashes"].as_array().map_or(&[][..], Vec::as_slice);
    let hashes = hashes.iter().map(|hash| {
        let hash = <[u8; 32]>::try_from(bytes(hash)?);
        Ok(Hash::from_bytes(
            hash.map_err(|_| anyhow::anyhow!("a hash has not 32 bytes"))?,
        ))
    });
    let hashes = hashes.collect::<anyhow::Result<Vec<_>>>()?;
    verify_inclusion(index, size, &leaf_hash(&body), &hashes, &root)
        .with_context(|| said("the proof"))?;
    ensure!(size <= log.head.head.tree_size, said("a later checkpoint"));
    Ok(index)
}

fn number(value: &Value) -> anyhow::Result<u64> {
    let text = value
        .as_str()
        .with_context(|| format!("{value} is no number"))?;
    Ok(text.parse()?)
}

fn bytes(value: &Value) -> anyhow::Result<Vec<u8>> {
    let text = value
        .as_str()
        .with_context(|| format!("{value} is no text"))?;
    Ok(STANDARD.decode(text)?)
}
