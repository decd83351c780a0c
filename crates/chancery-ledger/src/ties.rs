//! Holding many entries against the logs that their certificates were issued in.

use std::collections::HashMap;
use std::sync::Arc;

use chancery_log::verify::Untied;
use chancery_log::{Form, LogReader, StoreError};

use crate::certificate::PresentedCertificate;
use crate::issuance::{LogPlace, is_of, named_issuer};

/// Entries that are this near to each other are read at once: what was issued together is mostly
/// used together.
const NEAR: u64 = 16;

/// The most entries that are read at once.
const MOST: u64 = 256;

/// A log of certificates that this instance has issued.
#[derive(Clone, Debug)]
pub struct IssuanceLog {
    /// SHA-256 of its key (RFC 6962, section 3.2), as SCTs have it.
    pub log_id: [u8; 32],
    /// Where its entries are read.
    pub reader: Arc<dyn LogReader>,
}

/// An entry of a ledger, and the place that its certificate is said to have.
#[derive(Debug)]
pub(crate) struct Tied<'a> {
    pub(crate) entry: u64,
    pub(crate) log: &'a IssuanceLog,
    pub(crate) place: LogPlace,
    pub(crate) certificate: PresentedCertificate,
}

/// Returns the entries whose certificates are not where they are said to be.
pub(crate) async fn untied(mut tied: Vec<Tied<'_>>) -> Result<Vec<Untied>, StoreError> {
    tied.sort_by_key(|tied| (tied.place.log_id, tied.place.leaf_index));
    let near = |a: &Tied<'_>, b: &Tied<'_>| {
        a.place.log_id == b.place.log_id && b.place.leaf_index - a.place.leaf_index <= NEAR
    };
    let (mut issuers, mut untied) = (Issuers::new(), Vec::new());
    for stretch in tied.chunk_by(near) {
        let Some(first) = stretch.first() else {
            continue;
        };
        let begins = first.place.leaf_index;
        let within = |tied: &Tied<'_>| (tied.place.leaf_index - begins) / MOST;
        for part in stretch.chunk_by(|a, b| within(a) == within(b)) {
            compare(part, &mut issuers, &mut untied).await?;
        }
    }
    Ok(untied)
}

/// Certificates of issuers that were read, by their SHA-256.
type Issuers = HashMap<[u8; 32], Option<Vec<u8>>>;

/// Compares certificates with the entries of one stretch of a log.
async fn compare(
    tied: &[Tied<'_>],
    issuers: &mut Issuers,
    untied: &mut Vec<Untied>,
) -> Result<(), StoreError> {
    let (Some(first), Some(last)) = (tied.first(), tied.last()) else {
        return Ok(());
    };
    let log = &first.log.reader;
    let begins = first.place.leaf_index;
    let range = begins..last.place.leaf_index.saturating_add(1);
    let Some(stored) = readable(log.entries(range).await)? else {
        // What is wrong with that log, its own verification says.
        let wrong = "the entry of its certificate cannot be read";
        untied.extend(tied.iter().map(|tied| (tied.entry, wrong.to_owned())));
        return Ok(());
    };
    for tied in tied {
        let leaf_index = tied.place.leaf_index;
        let number = usize::try_from(leaf_index - begins).ok();
        let stored = number.and_then(|number| stored.get(number));
        let leaf = stored.and_then(|entry| Form::StaticCt.parse(leaf_index, entry).ok());
        let same = match leaf.as_ref().and_then(|leaf| leaf.certificate().ok()) {
            None => false,
            Some(leaf) => {
                let issuer = match named_issuer(leaf) {
                    None => None,
                    Some(fingerprint) => issuer(&**log, fingerprint, issuers).await?,
                };
                is_of(leaf, issuer, &tied.certificate)
            }
        };
        if !same {
            let place = tied.place;
            let wrong = format!("its certificate is not the entry {place}, which its SCT names");
            untied.push((tied.entry, wrong));
        }
    }
    Ok(())
}

/// Reads the certificate of an issuer, once.
async fn issuer<'i>(
    log: &dyn LogReader,
    fingerprint: &[u8; 32],
    issuers: &'i mut Issuers,
) -> Result<Option<&'i [u8]>, StoreError> {
    if !issuers.contains_key(fingerprint) {
        let found = readable(log.issuer(fingerprint).await)?.flatten();
        issuers.insert(*fingerprint, found);
    }
    Ok(issuers.get(fingerprint).and_then(Option::as_deref))
}

/// Takes what is stored and damaged for nothing.
fn readable<T>(read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(StoreError::Inconsistent(_)) => Ok(None),
        Err(away) => Err(away),
    }
}
