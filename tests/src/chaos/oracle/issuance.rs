//! The entries of the log of certificates, and what a certificate says of them.

use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use chancery_certs::{CertificateDetails, precert_tbs_of_final};
use chancery_tlog::TilePath;
use chancery_tlog::ct::{Entry, SignedCertificateTimestamp, TileLeaf, parse_sct_list};
use der::Decode;
use x509_cert::TbsCertificate;

use super::super::kind::Kind;
use super::super::report::Row;
use super::super::trust::Trust;
use super::{Leaf, PublishedLog};

impl Leaf for TileLeaf {
    const KIND: Kind = Kind::Issuance;

    fn tile(index: u64, width: u16) -> String {
        format!("tile/{}", TilePath::Data { index, width })
    }

    fn parse_all(tile: &[u8]) -> anyhow::Result<Vec<Self>> {
        Ok(Self::parse_all(tile)?)
    }

    fn hashed(&self) -> Vec<u8> {
        self.merkle_tree_leaf()
    }

    fn timestamp_ms(&self) -> u64 {
        self.timestamp_ms()
    }

    /// Indices are gapless, times do not decrease, serial numbers are unique, and all is by one
    /// issuer.
    fn check_all(leaves: &[Self], row: &mut Row, trust: &Trust) -> anyhow::Result<()> {
        let mut serials = HashSet::new();
        let mut last = 0;
        for (index, leaf) in leaves.iter().enumerate() {
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

    fn check_received(log: &PublishedLog<Self>, trust: &Trust, der: &[u8]) -> anyhow::Result<u64> {
        let details = CertificateDetails::from_der(der)?;
        let list = parse_sct_list(&details.sct_list.context("it has no SCT")?)?;
        let [sct] = <[SignedCertificateTimestamp; 1]>::try_from(list)
            .map_err(|list| anyhow::anyhow!("it has {} SCTs", list.len()))?;
        ensure!(*sct.log_id() == trust.log_id, "its SCT is another log's");
        let index = sct.leaf_index()?.get();
        let leaf = log.leaf(index)?;
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
