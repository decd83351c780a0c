//! The issuers that entries name: read once each, and held against their fingerprints.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::Scan;
use crate::verify::entries::{Looked, panicked};
use crate::verify::finding::Object;
use crate::verify::reading::{blame, patiently};
use crate::{LogStore, StoreError};

/// The most issuers that are remembered as missing.
const MAX_ABSENT: usize = 100;

impl Scan<'_> {
    /// Reads all stored issuers of a database.
    pub(super) async fn read_issuers(&mut self, store: &dyn LogStore) -> Result<(), StoreError> {
        match blame(patiently(|| store.issuers()).await)? {
            Ok(issuers) => {
                for (fingerprint, der) in issuers {
                    self.take_issuer(fingerprint, der);
                }
            }
            Err(wrong) => self.findings.add(Object::Stored("issuers"), wrong),
        }
        Ok(())
    }

    fn take_issuer(&mut self, fingerprint: [u8; 32], der: Vec<u8>) {
        let found: [u8; 32] = Sha256::digest(&der).into();
        if found != fingerprint {
            let wrong = format!("its certificate has SHA-256 {}", hex::encode(found));
            self.findings.add(Object::Issuer(fingerprint), wrong);
        }
        Arc::make_mut(&mut self.looker.issuers).insert(fingerprint, der);
    }

    /// Reads issuers that no earlier entry has named, and finishes the entries that wait for them.
    pub(super) async fn add_issuers(&mut self, looked: &mut Vec<Looked>) -> Result<(), StoreError> {
        if looked.iter().all(|entry| entry.unread_issuers.is_empty()) {
            return Ok(());
        }
        for entry in &*looked {
            for fingerprint in &entry.unread_issuers {
                self.read_issuer(fingerprint, entry.leaf_index).await?;
            }
        }
        let looker = self.looker.clone();
        let mut entries = std::mem::take(looked);
        let finishing = tokio::task::spawn_blocking(move || {
            for entry in &mut entries {
                if let Some(leaf) = entry.leaf.take() {
                    looker.finish(entry, &leaf);
                }
            }
            entries
        });
        *looked = finishing.await.map_err(panicked)?;
        Ok(())
    }

    async fn read_issuer(
        &mut self,
        fingerprint: &[u8; 32],
        named_by: u64,
    ) -> Result<(), StoreError> {
        if self.looker.issuers.contains_key(fingerprint) {
            return Ok(());
        }
        if let Some((_, count)) = self.absent.get_mut(fingerprint) {
            *count += 1;
            return Ok(());
        }
        match self.source.issuer(fingerprint).await? {
            Ok(Some(der)) => self.take_issuer(*fingerprint, der),
            Ok(None) if self.absent.len() < MAX_ABSENT => {
                self.absent.insert(*fingerprint, (named_by, 1));
            }
            Ok(None) => {}
            Err(wrong) => self.findings.add(Object::Issuer(*fingerprint), wrong),
        }
        Ok(())
    }

    /// Names the issuers that are missing, or the entry that names one that never was.
    pub(super) fn name_absent(&mut self) {
        let read = self.tree.size() - self.since.tree_size;
        for (fingerprint, (first, count)) in std::mem::take(&mut self.absent) {
            // One entry among several that names what no other does has been changed.
            if count == 1 && read > 1 {
                let hex = hex::encode(fingerprint);
                let wrong = format!("it names issuer {hex}, which is missing");
                self.findings.add(Object::entry(first), wrong);
            } else {
                let wrong = format!("it is missing; entry {first} names it, the first of {count}");
                self.findings.add(Object::Issuer(fingerprint), wrong);
            }
        }
    }
}
