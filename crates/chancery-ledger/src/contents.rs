//! What the entries of a ledger mean to a verification of its log.

use chancery_log::IndexTerm;

use crate::issuance::LogPlace;
use crate::verify::VerifiedEntry;

/// Tells what entries should be found by, from their own bytes.
#[derive(Clone, Debug, Default)]
pub struct LedgerContents {
    issuance_logs: Vec<[u8; 32]>,
}

impl LedgerContents {
    /// Takes the ids of all logs of this instance's issued certificates.
    pub fn new(issuance_logs: Vec<[u8; 32]>) -> Self {
        Self { issuance_logs }
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
        let issued = self.issued(&entry);
        Ok(entry.terms(issued))
    }

    fn issued(&self, entry: &VerifiedEntry) -> Option<LogPlace> {
        let places = entry.certificate()?.places();
        let own = |place: &&LogPlace| self.issuance_logs.contains(&place.log_id);
        places.iter().find(own).copied()
    }
}
