//! What the entries of a ledger mean to a verification of its log.

use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use chancery_log::verify::{Contents, TiedEntry, Untied};
use chancery_log::{Form, IndexTerm, StoreError, StoredLeaf};

use crate::genesis::is_genesis;
use crate::issuance::LogPlace;
use crate::ties::{IssuanceLog, Tied};
use crate::verify::{VerifiedEntry, certificate_in};

/// The entries of a ledger of this instance, as their own bytes have them. Clones know of the same
/// logs of certificates.
#[derive(Clone, Debug, Default)]
pub struct LedgerContents {
    issuance_logs: Arc<RwLock<Arc<[IssuanceLog]>>>,
    genesis: Option<Genesis>,
}

/// What the first entry must say.
#[derive(Clone, Debug)]
struct Genesis {
    origin: String,
    /// When it was made, in seconds since the Unix epoch.
    made: Range<u64>,
}

/// How far the clock of who made a ledger may have gone back, in seconds.
const CLOCK_TOLERANCE: u64 = 24 * 3600;

/// How long after a ledger was recorded its first entry may have been made, in seconds: it comes
/// after the record, and after whatever broke off in between. Each second is a hash to be tried on an
/// entry that is none.
const LONGEST_FOUNDING: u64 = 30 * 24 * 3600;

impl LedgerContents {
    /// Takes all logs of this instance's issued certificates.
    pub fn new(issuance_logs: Vec<IssuanceLog>) -> Self {
        Self {
            issuance_logs: Arc::new(RwLock::new(issuance_logs.into())),
            genesis: None,
        }
    }

    /// Takes all logs of this instance's issued certificates anew: another one may have begun.
    pub fn set_issuance_logs(&self, logs: Vec<IssuanceLog>) {
        let known = self.issuance_logs.write();
        *known.unwrap_or_else(PoisonError::into_inner) = logs.into();
    }

    fn issuance_logs(&self) -> Arc<[IssuanceLog]> {
        let logs = self.issuance_logs.read();
        Arc::clone(&logs.unwrap_or_else(PoisonError::into_inner))
    }

    /// Wants the first entry to be the one that a ledger of this origin begins with, made after it was
    /// recorded and before now, both in milliseconds since the Unix epoch.
    #[must_use]
    pub fn with_genesis(mut self, origin: &str, recorded_ms: u64, now_ms: u64) -> Self {
        let (recorded, now) = (recorded_ms / 1000, now_ms / 1000);
        let latest = now.min(recorded.saturating_add(LONGEST_FOUNDING));
        self.genesis = Some(Genesis {
            origin: origin.to_owned(),
            made: recorded.saturating_sub(CLOCK_TOLERANCE)..latest.saturating_add(CLOCK_TOLERANCE),
        });
        self
    }

    /// Verifies the body of an entry, and returns the terms that it was indexed by.
    ///
    /// The place of its certificate is the one in the certificate's SCT: an entry whose certificate
    /// stands elsewhere was never accepted.
    ///
    /// # Errors
    ///
    /// In the words of what is wrong with it.
    pub fn terms(&self, body: &[u8]) -> Result<Vec<IndexTerm>, String> {
        let entry = VerifiedEntry::from_body(body)?;
        let places = entry.certificate().map(|found| found.places());
        let logs = self.issuance_logs();
        let issued = places.and_then(|places| issued(&logs, places));
        Ok(entry.terms(issued.map(|(_, place)| place)))
    }
}

/// Returns where a certificate stands in one of the logs, by its SCTs.
fn issued<'l>(logs: &'l [IssuanceLog], places: &[LogPlace]) -> Option<(&'l IssuanceLog, LogPlace)> {
    places.iter().find_map(|place| {
        let log = logs.iter().find(|log| log.log_id == place.log_id)?;
        Some((log, *place))
    })
}

#[async_trait]
impl Contents for LedgerContents {
    /// Checks that the ledger begins with its own sentence: the Merkle tree covers all else.
    fn check_entry(
        &self,
        leaf_index: u64,
        leaf: &StoredLeaf,
        _: Option<&[u8]>,
    ) -> Result<(), String> {
        match (&self.genesis, leaf_index) {
            (Some(genesis), 0) => is_genesis(leaf.plain()?, &genesis.origin, genesis.made.clone()),
            _ => Ok(()),
        }
    }

    fn terms(&self, leaf: &StoredLeaf) -> Result<Vec<IndexTerm>, String> {
        Self::terms(self, leaf.plain()?)
    }

    fn check_delivery(&self, _: &StoredLeaf, _: &[u8]) -> Result<(), String> {
        Err("a ledger hands out no certificates".to_owned())
    }

    /// Requires that the log of issued certificates has the certificate of each entry at the place
    /// which its SCT names.
    async fn check_ties(&self, entries: &[TiedEntry<'_>]) -> Result<Vec<Untied>, StoreError> {
        let logs = self.issuance_logs();
        let mut tied = Vec::new();
        for (leaf_index, bytes) in entries {
            let leaf = Form::TlogTiles.parse(*leaf_index, bytes).ok();
            let body = leaf.as_ref().and_then(|leaf| leaf.plain().ok());
            let Some(certificate) = body.and_then(certificate_in) else {
                continue;
            };
            if let Some((log, place)) = issued(&logs, certificate.places()) {
                tied.push(Tied {
                    entry: *leaf_index,
                    log,
                    place,
                    certificate,
                });
            }
        }
        crate::ties::untied(tied).await
    }
}
