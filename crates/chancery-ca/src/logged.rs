//! What the log's entries mean: the terms that they are indexed by, and the certificates that
//! belong to them.

use chancery_certs::{CertificateDetails, Outline, correspond, precert_tbs_of_final, signed_parts};
use chancery_keys::{PublicKey, SignatureScheme};
use chancery_log::verify::Contents;
use chancery_log::{IndexTerm, StoredLeaf};
use chancery_tlog::ct::{
    Entry, LogId, PrecertEntry, SignedCertificateTimestamp, TileLeaf, parse_sct_list,
};

use crate::entry_terms::EntryIndex;

/// The entries of an issuance log: those that [`Authority::issue`](crate::Authority::issue) makes,
/// and those that were submitted from outside.
#[derive(Debug)]
pub struct LoggedPrecertificates {
    log_key: PublicKey,
    log_id: LogId,
    index: EntryIndex,
    external_keys: Vec<PublicKey>,
}

impl LoggedPrecertificates {
    /// Takes the log's key, which signs SCTs, and the index that tells its own entries.
    pub fn new(log_key: PublicKey, index: EntryIndex) -> Self {
        let log_id = LogId::of_spki(log_key.spki_der());
        Self {
            log_key,
            log_id,
            index,
            external_keys: Vec::new(),
        }
    }

    /// Takes the key of an external log whose SCTs certificates may hold in the place of this
    /// log's.
    #[must_use]
    pub fn with_external_log(mut self, key: PublicKey) -> Self {
        self.external_keys.push(key);
        self
    }

    /// Checks that the SCT is the log's receipt for this very entry, or an external log's for the
    /// same certificate.
    fn check_sct(&self, leaf: &TileLeaf, sct: &SignedCertificateTimestamp) -> Result<(), String> {
        let signature = sct.signature().signature_der();
        let external = |key: &&PublicKey| LogId::of_spki(key.spki_der()) == *sct.log_id();
        if let Some(key) = self.external_keys.iter().find(external) {
            let input = leaf.entry().sct_input(sct.timestamp_ms(), sct.extensions());
            return key
                .verify(&input, signature)
                .map_err(|_| "its SCT's signature is not the external log's".into());
        }
        let index = sct.leaf_index().map_err(|e| format!("its SCT: {e}"))?;
        if *sct.log_id() != self.log_id
            || sct.timestamp_ms() != leaf.timestamp_ms()
            || index != leaf.leaf_index()
        {
            return Err("its SCT is for another log, place or time".into());
        }
        self.log_key
            .verify(&leaf.merkle_tree_leaf(), signature)
            .map_err(|_| "its SCT's signature is not the log's".into())
    }
}

impl Contents for LoggedPrecertificates {
    /// Checks that a precertificate is the one whose to-be-signed part was logged, and was signed
    /// by the issuer that the entry names. Neither is covered by the Merkle tree. A certificate is;
    /// that its chain begins with its issuer is checked.
    fn check_entry(&self, _: u64, leaf: &StoredLeaf, issuer: Option<&[u8]>) -> Result<(), String> {
        let leaf = leaf.certificate()?;
        let der = match leaf.entry() {
            Entry::Precert(entry) => {
                check_hashed(entry)?;
                entry.precertificate()
            }
            Entry::X509(entry) => entry.certificate(),
        };
        let Some(issuer) = issuer else {
            return Ok(());
        };
        let key = issuer_key(issuer)?;
        if let Entry::Precert(entry) = leaf.entry()
            && key.sha256() != *entry.issuer_key_hash()
        {
            return Err(
                "its chain begins with another issuer than its issuer_key_hash says".into(),
            );
        }
        check_signature(der, &key)
    }

    fn terms(&self, leaf: &StoredLeaf) -> Result<Vec<IndexTerm>, String> {
        let leaf = leaf.certificate()?;
        let terms = self.index.terms(leaf.entry());
        terms.map_err(|e| format!("it has no index terms: {e}"))
    }

    /// Checks that the certificate is the one that was announced, and that its SCT is good. That
    /// the CA's signature is good is told by the SHA-256 that was recorded when it was made.
    fn check_delivery(&self, leaf: &StoredLeaf, body: &[u8]) -> Result<(), String> {
        let leaf = leaf.certificate()?;
        let Entry::Precert(entry) = leaf.entry() else {
            return Err("the entry is a certificate, and announces none".to_owned());
        };
        correspond(entry.precertificate(), body)
            .map_err(|e| format!("it is not the certificate that the entry announced: {e}"))?;
        let details = CertificateDetails::from_der(body).map_err(|e| e.to_string())?;
        let list = details.sct_list.unwrap_or_default();
        let scts = parse_sct_list(&list).map_err(|e| format!("its SCT: {e}"))?;
        match &*scts {
            [sct] => self.check_sct(leaf, sct),
            _ => Err(format!("it has {} SCTs instead of one", scts.len())),
        }
    }
}

fn check_hashed(entry: &PrecertEntry) -> Result<(), String> {
    let tbs = precert_tbs_of_final(entry.precertificate())
        .map_err(|e| format!("its precertificate does not parse: {e}"))?;
    if tbs == entry.tbs() {
        Ok(())
    } else {
        Err("its precertificate is not the one whose TBSCertificate is logged".into())
    }
}

fn check_signature(der: &[u8], issuer: &PublicKey) -> Result<(), String> {
    let parts = signed_parts(der).map_err(|e| format!("its certificate: {e}"))?;
    // The CA's own way, and most others'.
    if issuer.verify(parts.signed_part, parts.signature).is_ok() {
        return Ok(());
    }
    let outline = Outline::of(der).map_err(|e| e.to_string())?;
    let scheme = SignatureScheme::of_certificate(&outline.signature_algorithm)
        .ok_or("it is signed with an algorithm that is not taken")?;
    issuer
        .verify_scheme(scheme, outline.signed_part, outline.signature)
        .map_err(|_| "its precertificate's signature is not its issuer's".into())
}

fn issuer_key(der: &[u8]) -> Result<PublicKey, String> {
    let parts = signed_parts(der).map_err(|e| format!("its issuer does not parse: {e}"))?;
    PublicKey::from_spki_der(parts.spki_der).map_err(|e| format!("its issuer's key: {e}"))
}
