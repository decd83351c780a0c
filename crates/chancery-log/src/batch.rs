//! From waiting entries to one batch: assigns indices and times, hashes, and collects what to write.

use chancery_tlog::ct::LeafIndex;
use chancery_tlog::{Hash, RightEdge, TileHashes, TileWrite, TreeHead, leaf_hash};

use crate::clock::CLOCK_TOLERANCE_MS;
use crate::leaf::{Delivery, IndexTerm, IssuerCertificate, Leaf};
use crate::store::{Batch, Head, NewEntry, PlanRefused, Tip};

/// An entry that waits for its place.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    pub(crate) leaf: &'a dyn Leaf,
    pub(crate) terms: Vec<IndexTerm>,
}

/// An entry's place, known once the batch is planned, true once it is committed.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) leaf_index: LeafIndex,
    pub(crate) merkle_leaf: Vec<u8>,
}

/// What the sequencer keeps of a planned batch, to be trusted only after the commit.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) parent: TreeHead,
    pub(crate) head: Head,
    pub(crate) edge: RightEdge,
    pub(crate) placed: Vec<Placed>,
    /// All that the proofs of these entries in this tree are made from.
    pub(crate) tiles: TileHashes,
}

/// Plans a batch on top of `tip`.
///
/// Refuses times from which on another log takes entries, and those before the log's own beginning,
/// which is the same moment for all of its processes: so entries of two logs that follow one another
/// are in the order of time, whatever the clocks of those processes say.
///
/// `known` is the right edge that the caller holds for the head it told the store it knows;
/// `published` the newest head that it had published before it asked.
pub(crate) fn plan(
    known: Option<RightEdge>,
    published: Option<Head>,
    tip: Tip,
    now_ms: u64,
    begins_ms: u64,
    waiting: Vec<Waiting<'_>>,
    deliveries: Vec<Delivery>,
) -> Result<(Batch, Planned), PlanRefused> {
    check_not_behind(&tip.head, published)?;
    let timestamp_ms = next_timestamp(&tip, now_ms, begins_ms)?;
    if tip.ends_ms.is_some_and(|ends_ms| timestamp_ms >= ends_ms) {
        return Err(PlanRefused::Ended);
    }
    let parent = tip.head.tree;
    refuse_late(&parent, &waiting)?;
    let mut edge = edge_of(known, tip)?;

    let mut entries = Vec::with_capacity(waiting.len());
    let mut placed = Vec::with_capacity(waiting.len());
    let mut hashes: Vec<Hash> = Vec::with_capacity(waiting.len());
    let mut issuers = Vec::new();
    let mut only_once = Vec::new();
    for (index, Waiting { leaf, mut terms }) in (parent.tree_size..).zip(waiting) {
        let leaf_index = LeafIndex::new(index).map_err(|_| PlanRefused::Full)?;
        let encoded = leaf.encode(leaf_index, timestamp_ms);
        let hash = leaf_hash(&encoded.merkle_leaf);
        terms.push(IndexTerm::leaf_hash(&hash));
        hashes.push(hash);
        add_new(&mut issuers, leaf.new_issuers());
        only_once.extend(leaf.only_once());
        entries.push(NewEntry {
            leaf_index: index,
            tile_leaf: encoded.tile_leaf,
            terms,
        });
        placed.push(Placed {
            leaf_index,
            merkle_leaf: encoded.merkle_leaf,
        });
    }
    let tiles = edge.append(&hashes);
    let proving = tiles_of_path(&edge, &tiles).map_err(PlanRefused::DamagedEdge)?;
    let head = Head {
        tree: edge.tree_head(),
        timestamp_ms,
    };

    Ok((
        Batch {
            head,
            entries,
            tiles,
            deliveries,
            issuers,
            only_once,
        },
        Planned {
            parent,
            head,
            edge,
            placed,
            tiles: proving,
        },
    ))
}

/// Collects the tiles on the paths from the leaves that were appended to the root: those that the
/// append wrote, and the rest of the right edge.
fn tiles_of_path(edge: &RightEdge, written: &[TileWrite]) -> Result<TileHashes, String> {
    let mut tiles = TileHashes::new(edge.tree_size());
    let written = written.iter().map(|tile| (tile.id(), &tile.hashes[..]));
    for (id, hashes) in edge.tiles().chain(written) {
        tiles.insert(id, hashes).map_err(|e| e.to_string())?;
    }
    Ok(tiles)
}

/// Refuses leaves that may be the log's first only, and would not be.
fn refuse_late(parent: &TreeHead, waiting: &[Waiting<'_>]) -> Result<(), PlanRefused> {
    let placed = (parent.tree_size..).zip(waiting);
    let late = placed.filter(|(index, one)| *index > 0 && one.leaf.only_first());
    let hashes = late.filter_map(|(_, one)| one.leaf.only_once());
    let terms: Vec<_> = hashes
        .map(|hash| IndexTerm::leaf_hash(&hash).value)
        .collect();
    match terms.is_empty() {
        true => Ok(()),
        false => Err(PlanRefused::AlreadyLogged { terms }),
    }
}

/// Adds the certificates that are not there yet. Chains are short, and few of them are new.
fn add_new(issuers: &mut Vec<IssuerCertificate>, more: &[IssuerCertificate]) {
    for issuer in more {
        if !issuers.contains(issuer) {
            issuers.push(issuer.clone());
        }
    }
}

/// Refuses to write to a database that has lost what is published. The guard would not let the
/// batch out either, but then it would be there.
fn check_not_behind(stored: &Head, published: Option<Head>) -> Result<(), PlanRefused> {
    match published {
        Some(published)
            if published != *stored && published.timestamp_ms >= stored.timestamp_ms =>
        {
            Err(PlanRefused::Behind {
                stored: stored.tree.tree_size,
                published: published.tree.tree_size,
            })
        }
        _ => Ok(()),
    }
}

/// Returns the time of the next head: this clock's, but later than the last head's, and not before
/// the log begins. A process whose clock is ahead may have found that the log before it has ended, and
/// so this one begins, sooner than this clock says.
fn next_timestamp(tip: &Tip, now_ms: u64, begins_ms: u64) -> Result<u64, PlanRefused> {
    let in_ms = begins_ms.saturating_sub(now_ms);
    if in_ms > CLOCK_TOLERANCE_MS {
        return Err(PlanRefused::NotBegun { in_ms });
    }
    let behind_ms = tip.head.timestamp_ms.saturating_sub(now_ms);
    if behind_ms > CLOCK_TOLERANCE_MS {
        return Err(PlanRefused::ClockBehind { behind_ms });
    }
    if let Some(database_ms) = tip.database_time_ms {
        let apart_ms = database_ms.abs_diff(now_ms);
        if apart_ms > CLOCK_TOLERANCE_MS {
            return Err(PlanRefused::ClocksApart { apart_ms });
        }
    }
    Ok(now_ms.max(tip.head.timestamp_ms + 1).max(begins_ms))
}

/// Takes the caller's right edge, or rebuilds it from the tiles read under the lock.
fn edge_of(known: Option<RightEdge>, tip: Tip) -> Result<RightEdge, PlanRefused> {
    let edge = match (tip.edge_tiles, known) {
        (Some(tiles), _) => crate::read::edge_from_tiles(&tip.head.tree, &tiles)
            .map_err(PlanRefused::DamagedEdge)?,
        (None, Some(edge)) => edge,
        (None, None) => {
            return Err(PlanRefused::DamagedEdge(
                "the store read no right edge".to_owned(),
            ));
        }
    };
    if edge.tree_head() == tip.head.tree {
        Ok(edge)
    } else {
        Err(PlanRefused::DamagedEdge(format!(
            "stored root {}, tiles give {}",
            tip.head.tree.root_hash,
            edge.tree_head().root_hash
        )))
    }
}
