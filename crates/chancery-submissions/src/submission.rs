//! A verified chain as a leaf of the log.

use std::collections::HashSet;

use chancery_ca::{EntryIndex, submission_term};
use chancery_certs::precert_tbs_of_final;
use chancery_log::{EncodedLeaf, IndexTerm, IssuerCertificate, Leaf};
use chancery_tlog::ct::{Entry, LeafIndex, PrecertEntry, X509Entry};
use sha2::{Digest, Sha256};

use crate::chain::SubmittedKind;
use crate::roots::{ChainRefused, VerifiedChain};

/// What is logged of a verified chain: the entry, and the certificates of the chain that the log
/// may not have yet.
#[derive(Clone, Debug)]
pub struct Submission {
    entry: Entry,
    term: IndexTerm,
    digest: [u8; 32],
    issuers: Vec<IssuerCertificate>,
}

impl Submission {
    /// Makes the entry of a chain (RFC 6962, section 3.1; c2sp.org/static-ct-api).
    ///
    /// # Errors
    ///
    /// A precertificate that has an SCT list, too, so that it announces nothing.
    pub fn new(chain: VerifiedChain) -> Result<Self, ChainRefused> {
        let issuers = chain.issuers().iter().cloned();
        let issuers: Vec<_> = issuers.map(IssuerCertificate::new).collect();
        let fingerprints = issuers.iter().map(|issuer| *issuer.fingerprint()).collect();
        let (kind, key_hash) = (chain.kind(), chain.issuer_key_hash());
        let (term, digest) = (
            submission_term(chain.leaf()),
            Sha256::digest(chain.leaf()).into(),
        );
        let not_loggable = |e: &dyn std::fmt::Display| ChainRefused::NotLoggable(e.to_string());
        let leaf = chain.leaf().to_vec();
        let entry = match kind {
            SubmittedKind::Certificate => X509Entry::new(leaf, fingerprints).map(Entry::X509),
            SubmittedKind::Precertificate => {
                let tbs = precert_tbs_of_final(&leaf).map_err(|e| not_loggable(&e))?;
                PrecertEntry::new(key_hash, tbs, leaf, fingerprints).map(Entry::Precert)
            }
        };
        Ok(Self {
            entry: entry.map_err(|e| not_loggable(&e))?,
            term,
            digest,
            issuers,
        })
    }

    /// Returns the entry.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Returns the SHA-256 of what was submitted first.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Returns the certificates of the chain, the issuer first and the root last.
    pub fn issuers(&self) -> &[IssuerCertificate] {
        &self.issuers
    }

    /// Returns the term that finds the entry if it was logged before. What the authority issued
    /// itself is found by its serial number.
    pub(crate) fn term(&self, index: &EntryIndex) -> Result<IndexTerm, ChainRefused> {
        if !index.is_own(&self.entry) {
            return Ok(self.term.clone());
        }
        let own = self.terms(index)?;
        let serial = own.into_iter().find(|term| term.name == "serial");
        serial.ok_or_else(|| ChainRefused::NotLoggable("it has no serial number".to_owned()))
    }

    /// Returns all that the entry is to be found by.
    pub(crate) fn terms(&self, index: &EntryIndex) -> Result<Vec<IndexTerm>, ChainRefused> {
        let terms = index.terms(&self.entry);
        terms.map_err(|e| ChainRefused::NotLoggable(e.to_string()))
    }

    /// Leaves out the certificates that the log is known to have.
    pub(crate) fn without(mut self, known: &HashSet<[u8; 32]>) -> Self {
        let is_new = |issuer: &IssuerCertificate| !known.contains(issuer.fingerprint());
        self.issuers.retain(is_new);
        self
    }
}

impl Leaf for Submission {
    fn encode(&self, leaf_index: LeafIndex, timestamp_ms: u64) -> EncodedLeaf {
        EncodedLeaf {
            merkle_leaf: self.entry.merkle_tree_leaf(leaf_index, timestamp_ms),
            tile_leaf: self.entry.tile_leaf(leaf_index, timestamp_ms),
        }
    }

    fn new_issuers(&self) -> &[IssuerCertificate] {
        &self.issuers
    }
}
