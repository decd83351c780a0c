//! The auditor: reads a log as any monitor could, recomputes the whole tree, and remembers all that
//! was ever released for it.

use std::collections::BTreeMap;

use chancery_keys::{Algorithm, PublicKey};
use chancery_log::PublishedLog as _;
use chancery_log::{Log, Sct, Sequenced};
use chancery_tlog::ct::{LogId, TileLeaf, parse_sct_list};
use chancery_tlog::{
    Checkpoint, Hash, Rfc6962NoteSignature, SignatureType, SignedNote, TILE_WIDTH, TilePath,
    TreeHead, key_id, leaf_hash, node_hash, rfc6962_key_id, rfc6962_signature_input,
};

use crate::world::ORIGIN;

/// All that has left any process of one log: what it can never go back on.
#[derive(Debug, Default)]
pub(crate) struct Released {
    /// Every tree head that was signed, by its time; of a plain log by its size, since it has no time.
    heads: BTreeMap<u64, TreeHead>,
    /// The Merkle tree leaf of every entry that was answered, by its place.
    entries: BTreeMap<u64, Vec<u8>>,
    /// What was wrong at once, found where a panic would not be seen.
    faults: Vec<String>,
}

impl Released {
    pub(crate) fn head_signed(&mut self, timestamp_ms: u64, head: TreeHead, guard: &TreeHead) {
        if guard.tree_size < head.tree_size {
            self.faults.push(format!(
                "a head of {} was signed while the guard stood at {}",
                head.tree_size, guard.tree_size
            ));
        }
        let before = self.heads.insert(timestamp_ms, head);
        if before.is_some_and(|before| before != head) {
            self.faults
                .push(format!("two heads were signed for {timestamp_ms}"));
        }
    }

    /// Takes an answer, which must be covered by a head that was signed before.
    pub(crate) fn answered(&mut self, sequenced: &Sequenced) {
        let (index, tree) = (sequenced.leaf_index().get(), sequenced.tree());
        assert!(tree.tree_size > index, "{sequenced:?}");
        let covered_by = |(time, head): (&u64, &TreeHead)| {
            head == tree && (*time == head.tree_size || *time >= sequenced.timestamp_ms())
        };
        assert!(self.heads.iter().rev().any(covered_by), "{sequenced:?}");
        let leaf = sequenced.merkle_leaf().to_vec();
        let before = self.entries.insert(index, leaf);
        assert_eq!(before, None, "place {index} was given twice");
    }

    /// Returns how many tree heads were signed.
    pub(crate) fn heads_signed(&self) -> usize {
        self.heads.len()
    }

    /// Returns the times of all heads that were signed.
    pub(crate) fn times(&self) -> Vec<u64> {
        self.heads.keys().copied().collect()
    }

    /// Checks that one log has all that was released, `audited` being its newest tree.
    fn check_against(&self, audited: &Audited) {
        assert_eq!(self.faults, Vec::<String>::new());
        for (index, merkle_leaf) in &self.entries {
            let leaf = audited.leaves.get(usize::try_from(*index).unwrap());
            let leaf = leaf.unwrap_or_else(|| panic!("the answered entry {index} is lost"));
            assert_eq!(leaf.hashed(), *merkle_leaf, "entry {index}");
        }
        let mut largest = 0;
        for (timestamp_ms, head) in &self.heads {
            assert!(head.tree_size >= largest, "the log shrank: {head:?}");
            largest = head.tree_size;
            let prefix = audited.roots.get(usize::try_from(head.tree_size).unwrap());
            assert_eq!(prefix, Some(&head.root_hash), "at {timestamp_ms}: a fork");
        }
    }
}

/// An entry as its data tile shows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum AuditedLeaf {
    Issuance(TileLeaf),
    Plain(Vec<u8>),
}

impl AuditedLeaf {
    pub(crate) fn of_issuance(self) -> TileLeaf {
        match self {
            Self::Issuance(leaf) => leaf,
            Self::Plain(_) => panic!("the entry is a plain log's"),
        }
    }

    fn hashed(&self) -> Vec<u8> {
        match self {
            Self::Issuance(leaf) => leaf.merkle_tree_leaf(),
            Self::Plain(body) => body.clone(),
        }
    }

    fn leaf_hash(&self) -> Hash {
        leaf_hash(&self.hashed())
    }
}

/// A log as its published bytes show it.
#[derive(Debug)]
pub(crate) struct Audited {
    pub(crate) head: TreeHead,
    pub(crate) timestamp_ms: u64,
    pub(crate) leaves: Vec<AuditedLeaf>,
    /// The root of the first n leaves, for each n.
    roots: Vec<Hash>,
}

/// Fetches the whole log, recomputes it, and holds it against all that was `released` before.
pub(crate) async fn audit(
    log: &Log,
    key: &PublicKey,
    released: &std::sync::Mutex<Released>,
) -> Audited {
    let (timestamp_ms, head) = verified_checkpoint(&log.checkpoint().await.unwrap(), key);
    let leaves = entries(log, head.tree_size, is_plain(key)).await;
    let mut last = 0;
    for (index, leaf) in (0..).zip(&leaves) {
        let AuditedLeaf::Issuance(leaf) = leaf else {
            continue;
        };
        assert_eq!(leaf.leaf_index().get(), index);
        assert!(leaf.timestamp_ms() >= last, "entry {index} is of before");
        assert!(leaf.timestamp_ms() <= timestamp_ms, "entry {index}");
        last = leaf.timestamp_ms();
    }
    let leaf_hashes: Vec<Hash> = leaves.iter().map(AuditedLeaf::leaf_hash).collect();
    check_hash_tiles(log, &leaf_hashes).await;
    let audited = Audited {
        head,
        timestamp_ms,
        leaves,
        roots: prefix_roots(&leaf_hashes),
    };
    assert_eq!(audited.roots.last(), Some(&head.root_hash));

    let mut released = released.lock().unwrap();
    let known = released.heads.get(&timestamp_ms);
    assert_eq!(known, Some(&head), "a checkpoint that nobody signed");
    assert_eq!(released.times().last(), Some(&timestamp_ms));
    released.check_against(&audited);
    released.heads.insert(timestamp_ms, head);
    audited
}

/// Tells whether a log's key is one of a plain log.
fn is_plain(key: &PublicKey) -> bool {
    key.algorithm() == Algorithm::Ed25519
}

/// Parses and verifies a checkpoint (c2sp.org/static-ct-api) and returns its time and head; of a plain
/// log, its size stands for the time.
pub(crate) fn verified_checkpoint(bytes: &[u8], key: &PublicKey) -> (u64, TreeHead) {
    let note = SignedNote::parse(bytes).unwrap();
    let Checkpoint { origin, head } = Checkpoint::parse(note.text()).unwrap();
    assert_eq!(origin.as_str(), ORIGIN);
    if is_plain(key) {
        let name = origin.key_name();
        let key_id = key_id(name, SignatureType::Ed25519, key.subject_public_key());
        let line = note.signature_by(name, key_id).unwrap();
        key.verify(note.text().as_bytes(), &line.signature).unwrap();
        return (head.tree_size, head);
    }
    let key_id = rfc6962_key_id(&origin, &LogId::of_spki(key.spki_der()));
    let line = note.signature_by(origin.key_name(), key_id).unwrap();
    let signature = Rfc6962NoteSignature::parse(&line.signature).unwrap();
    key.verify(
        &rfc6962_signature_input(&head, signature.timestamp_ms),
        signature.signature.signature_der(),
    )
    .unwrap();
    (signature.timestamp_ms, head)
}

/// Verifies an SCT as a client does: over the leaf that the log is said to have.
pub(crate) fn verify_sct(sct: &Sct, sequenced: &Sequenced, key: &PublicKey) {
    let [parsed] = &parse_sct_list(sct.list()).unwrap()[..] else {
        panic!("more than one SCT");
    };
    assert_eq!(*parsed.log_id(), LogId::of_spki(key.spki_der()));
    assert_eq!(parsed.timestamp_ms(), sequenced.timestamp_ms());
    assert_eq!(sct.timestamp_ms(), sequenced.timestamp_ms());
    assert_eq!(parsed.leaf_index().unwrap(), sequenced.leaf_index());
    let signature = parsed.signature().signature_der();
    key.verify(sequenced.merkle_leaf(), signature).unwrap();
}

/// Returns (index, width) of the tiles over `count` hashes or entries, the partial one last.
fn tiles_over(count: u64) -> impl Iterator<Item = (u64, u16)> {
    (0..count.div_ceil(TILE_WIDTH)).map(move |index| {
        let width = (count - index * TILE_WIDTH).min(TILE_WIDTH);
        (index, u16::try_from(width).unwrap())
    })
}

async fn entries(log: &Log, tree_size: u64, plain: bool) -> Vec<AuditedLeaf> {
    let mut leaves = Vec::new();
    for (index, width) in tiles_over(tree_size) {
        let tile = log.tile(TilePath::Data { index, width }).await.unwrap();
        let tile = tile.expect("a data tile of the tree");
        let before = leaves.len();
        if plain {
            leaves.extend(plain_entries(&tile).into_iter().map(AuditedLeaf::Plain));
        } else {
            let parsed = TileLeaf::parse_all(&tile).unwrap();
            leaves.extend(parsed.into_iter().map(AuditedLeaf::Issuance));
        }
        assert_eq!(leaves.len() - before, usize::from(width));
    }
    leaves
}

/// Parses the entries of a plain log, each with its length before it (c2sp.org/tlog-tiles).
fn plain_entries(mut rest: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (entry, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
        entries.push(entry.to_vec());
        rest = after;
    }
    assert_eq!(rest, [0; 0], "it is cut off");
    entries
}

/// Compares every hash tile of every level with hashes computed from the leaves.
async fn check_hash_tiles(log: &Log, leaf_hashes: &[Hash]) {
    let mut hashes = leaf_hashes.to_vec();
    for level in 0.. {
        if hashes.is_empty() {
            break;
        }
        for (index, width) in tiles_over(hashes.len() as u64) {
            let path = TilePath::Hash {
                level,
                index,
                width,
            };
            let tile = log.tile(path).await.unwrap().expect("a hash tile");
            let first = usize::try_from(index * TILE_WIDTH).unwrap();
            let computed: Vec<u8> = hashes[first..first + usize::from(width)]
                .iter()
                .flat_map(|hash| *hash.as_bytes())
                .collect();
            assert_eq!(tile, computed, "{path}");
        }
        let full_tiles = hashes.as_chunks::<{ TILE_WIDTH as usize }>().0;
        hashes = full_tiles.iter().map(|tile| last_root(tile)).collect();
    }
}

/// Returns the roots of the first 0, 1, 2, … leaves (RFC 6962, section 2.1).
fn prefix_roots(leaf_hashes: &[Hash]) -> Vec<Hash> {
    let mut roots = vec![Hash::EMPTY_ROOT];
    // Complete subtrees with their sizes, the largest first.
    let mut peaks: Vec<(u64, Hash)> = Vec::new();
    for leaf in leaf_hashes {
        let mut new = (1, *leaf);
        while let Some((size, left)) = peaks.pop_if(|(size, _)| *size == new.0) {
            new = (2 * size, node_hash(&left, &new.1));
        }
        peaks.push(new);
        let mut from_right = peaks.iter().rev().map(|(_, hash)| *hash);
        let last = from_right.next().unwrap();
        roots.push(from_right.fold(last, |right, left| node_hash(&left, &right)));
    }
    roots
}

fn last_root(hashes: &[Hash]) -> Hash {
    *prefix_roots(hashes).last().unwrap()
}
