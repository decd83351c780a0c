//! What the CA's log entries mean: the terms that they are indexed by, and the certificates that
//! belong to them.

use chancery_certs::{CertificateDetails, correspond, precert_tbs_of_final, signed_parts};
use chancery_keys::PublicKey;
use chancery_log::IndexTerm;
use chancery_log::verify::Contents;
use chancery_tlog::ct::{Entry, LogId, PrecertEntry, TileLeaf, parse_sct_list};

use crate::entry_terms::entry_terms;

/// The entries of an issuance log, as [`Authority::issue`](crate::Authority::issue) makes them.
#[derive(Debug)]
pub struct LoggedPrecertificates {
    log_key: PublicKey,
    log_id: LogId,
}

impl LoggedPrecertificates {
    /// Takes the log's key, which signs SCTs.
    pub fn new(log_key: PublicKey) -> Self {
        let log_id = LogId::of_spki(log_key.spki_der());
        Self { log_key, log_id }
    }
}

impl Contents for LoggedPrecertificates {
    /// Checks that the precertificate is the one whose to-be-signed part was logged, and was signed
    /// by the issuer that the entry names. Neither is covered by the Merkle tree.
    fn check_entry(&self, leaf: &TileLeaf, issuer: Option<&[u8]>) -> Result<(), String> {
        let entry = precertificate(leaf)?;
        let der = entry.precertificate();
        let tbs = precert_tbs_of_final(der)
            .map_err(|e| format!("its precertificate does not parse: {e}"))?;
        if tbs != entry.tbs() {
            return Err("its precertificate is not the one whose TBSCertificate is logged".into());
        }
        let Some(issuer) = issuer else {
            return Ok(());
        };
        let key = issuer_key(issuer)?;
        if key.sha256() != *entry.issuer_key_hash() {
            return Err(
                "its chain begins with another issuer than its issuer_key_hash says".into(),
            );
        }
        let parts = signed_parts(der).map_err(|e| format!("its precertificate: {e}"))?;
        key.verify(parts.signed_part, parts.signature)
            .map_err(|_| "its precertificate's signature is not its issuer's".into())
    }

    fn terms(&self, leaf: &TileLeaf) -> Result<Vec<IndexTerm>, String> {
        entry_terms(leaf.entry()).map_err(|e| format!("it has no index terms: {e}"))
    }

    /// Checks that the certificate is the one that was announced, and that its SCT is the log's
    /// receipt for this very entry. That the CA's signature is good is told by the SHA-256 that was
    /// recorded when it was made.
    fn check_delivery(&self, leaf: &TileLeaf, body: &[u8]) -> Result<(), String> {
        let entry = precertificate(leaf)?;
        correspond(entry.precertificate(), body)
            .map_err(|e| format!("it is not the certificate that the entry announced: {e}"))?;
        let details = CertificateDetails::from_der(body).map_err(|e| e.to_string())?;
        let list = details.sct_list.unwrap_or_default();
        let scts = parse_sct_list(&list).map_err(|e| format!("its SCT: {e}"))?;
        let [sct] = &*scts else {
            return Err(format!("it has {} SCTs instead of one", scts.len()));
        };
        let index = sct.leaf_index().map_err(|e| format!("its SCT: {e}"))?;
        if *sct.log_id() != self.log_id
            || sct.timestamp_ms() != leaf.timestamp_ms()
            || index != leaf.leaf_index()
        {
            return Err("its SCT is for another log, place or time".into());
        }
        let signature = sct.signature();
        self.log_key
            .verify(&leaf.merkle_tree_leaf(), signature.signature_der())
            .map_err(|_| "its SCT's signature is not the log's".into())
    }
}

fn precertificate(leaf: &TileLeaf) -> Result<&PrecertEntry, String> {
    match leaf.entry() {
        Entry::Precert(entry) => Ok(entry),
        Entry::X509(_) => Err("it is a certificate; this log holds precertificates".to_owned()),
    }
}

fn issuer_key(der: &[u8]) -> Result<PublicKey, String> {
    let parts = signed_parts(der).map_err(|e| format!("its issuer does not parse: {e}"))?;
    PublicKey::from_spki_der(parts.spki_der).map_err(|e| format!("its issuer's key: {e}"))
}
