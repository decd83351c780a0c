//! The log as RFC 6962, section 4, has it: JSON, beside static-ct and from the same rows.
//!
//! ```text
//! /ct/<log>/ct/v1/get-sth                                        the newest signed tree head
//! /ct/<log>/ct/v1/get-sth-consistency?first=<n>&second=<n>       that one head extends another
//! /ct/<log>/ct/v1/get-proof-by-hash?hash=<base64>&tree_size=<n>  where a leaf is, and its proof
//! /ct/<log>/ct/v1/get-entries?start=<n>&end=<n>                  entries, both ends included
//! /ct/<log>/ct/v1/get-entry-and-proof?leaf_index=<n>&tree_size=<n>
//! /ct/<log>/ct/v1/get-roots                                      what chains end with
//! ```
//! <https://www.rfc-editor.org/rfc/rfc6962#section-4>. Statuses and lifetimes are those of CTFE, the
//! most used implementation: what never changes may be kept for a day.

mod answer;
mod chains;
mod query;
mod refusal;
mod submit;

use std::ops::Range;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use chancery_log::{PublishedLog, Snapshot};
use chancery_tlog::TILE_WIDTH;

use self::answer::{
    Consistency, Entries, EntryAndProof, Lifetime, ProofByHash, Roots, SignedTreeHead,
};
use self::chains::Chains;
use self::query::Asked;
use self::refusal::Refusal;
use super::refuse;
use crate::error::ApiError;
use crate::logs::{LogRead, ServedLog};
use crate::state::AppState;

/// The most bytes of leaves and chains that one answer begins another entry after.
const ENOUGH_BYTES: usize = 8 << 20;

/// How many entries are read from the database at once: at their largest some six megabytes.
const AT_A_TIME: u64 = 64;

/// Returns the routes.
pub(crate) fn routes() -> Router<AppState> {
    let wrong_method = Refusal::wrong_method;
    Router::new()
        .route(
            "/ct/{log}/ct/v1/add-chain",
            post(submit::add_chain).fallback(submit::wrong_method),
        )
        .route(
            "/ct/{log}/ct/v1/add-pre-chain",
            post(submit::add_pre_chain).fallback(submit::wrong_method),
        )
        .route(
            "/ct/{log}/ct/v1/get-entries",
            get(get_entries).fallback(wrong_method),
        )
        .route(
            "/ct/{log}/ct/v1/get-entry-and-proof",
            get(get_entry_and_proof).fallback(wrong_method),
        )
        .route(
            "/ct/{log}/ct/v1/get-proof-by-hash",
            get(get_proof_by_hash).fallback(wrong_method),
        )
        .route(
            "/ct/{log}/ct/v1/get-roots",
            get(get_roots).fallback(wrong_method),
        )
        .route(
            "/ct/{log}/ct/v1/get-sth",
            get(get_sth).fallback(wrong_method),
        )
        .route(
            "/ct/{log}/ct/v1/get-sth-consistency",
            get(get_sth_consistency).fallback(wrong_method),
        )
}

async fn get_sth(asked: Asked) -> Result<Response, Refusal> {
    let log = asked.served.log.newest().await.map_err(refuse)?;
    Ok(Lifetime::None.with(SignedTreeHead::of(log.signed_head())))
}

async fn get_sth_consistency(asked: Asked) -> Result<Response, Refusal> {
    let first = asked.query.number("first")?;
    let second = asked.query.number("second")?;
    if first > second {
        let wrong = format!("first is {first}, and second {second}, which is smaller");
        return Err(Refusal::malformed(&wrong));
    }
    let log = at_least(&*asked.served.log, second).await?;
    let proof = log.consistency_proof(first, second).await.map_err(refuse)?;
    let proof = proof.ok_or_else(|| too_small("second", second, &log))?;
    Ok(Lifetime::Day.with(Consistency::of(&proof)))
}

async fn get_proof_by_hash(asked: Asked) -> Result<Response, Refusal> {
    let hash = asked.query.hash("hash")?;
    let size = tree_size(&asked)?;
    let log = at_least(&*asked.served.log, size).await?;
    if size > log.head().tree.tree_size {
        return Err(Refusal::not_found(&too_small_reason(
            "tree_size",
            size,
            &log,
        )));
    }
    let Some(index) = log.find_leaf(&hash, size).await.map_err(refuse)? else {
        let wrong = format!("none of the first {size} entries has this leaf hash");
        return Err(Refusal::not_found(&wrong));
    };
    let proof = log.inclusion_proof(index, size).await.map_err(refuse)?;
    let proof = proof.ok_or_else(|| too_small("tree_size", size, &log))?;
    Ok(Lifetime::Day.with(ProofByHash::of(index, &proof)))
}

/// Answers fewer entries than asked for where the log ends, at the end of the data tile that holds
/// the first, and after some megabytes: the client asks on from there.
async fn get_entries(asked: Asked) -> Result<Response, Refusal> {
    refuse_restricted(&asked.served)?;
    let start = asked.query.number("start")?;
    let end = asked.query.number("end")?;
    if start > end {
        let wrong = format!("start is {start}, and end {end}, which is smaller");
        return Err(Refusal::malformed(&wrong));
    }
    let tile_end = (start - start % TILE_WIDTH).saturating_add(TILE_WIDTH);
    let wanted = start..end.saturating_add(1).min(tile_end);
    let log = at_least(&*asked.served.log, wanted.end).await?;
    let size = log.head().tree.tree_size;
    if start >= size {
        return Err(too_small("start", start, &log));
    }
    let lifetime = match wanted.end > size {
        true => Lifetime::Minute,
        false => Lifetime::Day,
    };
    let entries = entries(&log, wanted.start..wanted.end.min(size)).await?;
    Ok(lifetime.with_json(entries.into_json()))
}

/// Reads some entries at a time, so that no more than enough is ever held.
async fn entries(log: &Snapshot, wanted: Range<u64>) -> Result<Entries, Refusal> {
    let mut chains = Chains::of(log);
    let mut entries = Entries::default();
    let (mut next, mut bytes) = (wanted.start, 0);
    while next < wanted.end && bytes <= ENOUGH_BYTES {
        // A published file is read whole, so all of it is taken at once.
        let at_a_time = match next < log.reader().known_in_files() {
            true => TILE_WIDTH,
            false => AT_A_TIME,
        };
        let some = next..wanted.end.min(next + at_a_time);
        next = some.end;
        for leaf in &log.entries(some).await.map_err(refuse)? {
            let leaf_input = leaf.merkle_tree_leaf();
            let extra_data = chains.extra_data(leaf).await?;
            bytes += leaf_input.len() + extra_data.len();
            entries.push(&leaf_input, &extra_data);
            if bytes > ENOUGH_BYTES {
                break;
            }
            // Others, such as who waits for a certificate, get their turn in between.
            tokio::task::yield_now().await;
        }
    }
    Ok(entries)
}

async fn get_entry_and_proof(asked: Asked) -> Result<Response, Refusal> {
    refuse_restricted(&asked.served)?;
    let index = asked.query.number("leaf_index")?;
    let size = tree_size(&asked)?;
    if index >= size {
        let wrong = format!("leaf_index is {index}, and a tree of {size} entries has none there");
        return Err(Refusal::malformed(&wrong));
    }
    let log = at_least(&*asked.served.log, size).await?;
    let proof = log.inclusion_proof(index, size).await.map_err(refuse)?;
    let proof = proof.ok_or_else(|| too_small("tree_size", size, &log))?;
    let leaves = log.entries(index..index + 1).await.map_err(refuse)?;
    let leaf = leaves
        .first()
        .ok_or_else(|| too_small("tree_size", size, &log))?;
    let extra_data = Chains::of(&log).extra_data(leaf).await?;
    let answer = EntryAndProof::of(&leaf.merkle_tree_leaf(), &extra_data, &proof);
    Ok(Lifetime::Day.with(answer))
}

async fn get_roots(asked: Asked) -> Response {
    Lifetime::Minute.with(Roots::of(&asked.served.roots))
}

/// Returns the log as this process knows it, if that has `size` entries, and the newest otherwise.
async fn at_least(log: &dyn PublishedLog, size: u64) -> Result<Snapshot, Refusal> {
    match log.known() {
        Some(known) if known.head().tree.tree_size >= size => Ok(known),
        _ => Ok(log.newest().await.map_err(refuse)?),
    }
}

fn tree_size(asked: &Asked) -> Result<u64, Refusal> {
    match asked.query.number("tree_size")? {
        0 => Err(Refusal::malformed(
            "tree_size is 0, and there is nothing in such a tree",
        )),
        size => Ok(size),
    }
}

fn refuse_restricted(served: &ServedLog) -> Result<(), Refusal> {
    match served.read {
        LogRead::Open => Ok(()),
        LogRead::Restricted => Err(ApiError::entries_restricted().into()),
    }
}

fn too_small(parameter: &str, asked: u64, log: &Snapshot) -> Refusal {
    Refusal::malformed(&too_small_reason(parameter, asked, log))
}

fn too_small_reason(parameter: &str, asked: u64, log: &Snapshot) -> String {
    let size = log.head().tree.tree_size;
    format!("{parameter} is {asked}, and the log has {size} entries")
}
