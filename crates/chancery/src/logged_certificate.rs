//! A certificate in a file, and what it says of its place in a log.

use std::path::Path;

use chancery_certs::{CertificateDetails, precert_tbs_of_final, signed_parts};
use chancery_keys::PublicKey;
use chancery_tlog::ct::{
    LogId, MerkleTreeLeaf, PrecertEntry, SignedCertificateTimestamp, SignedEntry, parse_sct_list,
};

use crate::failure::{Causes, Failure};
use crate::reading;

/// The longest file of certificates that is read, in bytes.
const MAX_CHAIN: u64 = 1 << 20;

/// A certificate with its SCTs.
#[derive(Debug)]
pub(crate) struct LoggedCertificate {
    der: Vec<u8>,
    /// In hexadecimal, as the certificate has it.
    pub(crate) serial: String,
    pub(crate) scts: Vec<SignedCertificateTimestamp>,
}

impl LoggedCertificate {
    /// Reads a certificate in PEM or DER; of a chain in PEM the first.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = reading::read_bounded(path, MAX_CHAIN);
        let bytes = bytes.map_err(|e| Failure::failed(format!("{}: {e}", path.display())))?;
        let der = match pem::parse_many(&bytes) {
            Ok(blocks) if !blocks.is_empty() => {
                let certificates = blocks.into_iter();
                let mut certificates = certificates.filter(|block| block.tag() == "CERTIFICATE");
                let first = certificates.next();
                first.map(pem::Pem::into_contents).unwrap_or_default()
            }
            _ => bytes,
        };
        Self::parse(der).map_err(|wrong| Failure::failed(format!("{}: {wrong}", path.display())))
    }

    fn parse(der: Vec<u8>) -> Result<Self, String> {
        let details = CertificateDetails::from_der(&der);
        let details = details.map_err(|e| format!("it is no certificate: {}", Causes(&e)))?;
        let scts = match &details.sct_list {
            Some(list) => parse_sct_list(list).map_err(|e| format!("its SCTs: {e}"))?,
            None => Vec::new(),
        };
        Ok(Self {
            der,
            serial: details.serial.to_string(),
            scts,
        })
    }

    /// Tells whether an entry announced this certificate, or is it. Who signed either is not looked
    /// at.
    pub(crate) fn is_in(&self, entry: &SignedEntry) -> bool {
        match entry {
            SignedEntry::X509(der) => *der == self.der,
            SignedEntry::Precert { tbs, .. } => {
                precert_tbs_of_final(&self.der).is_ok_and(|own| own == *tbs)
            }
        }
    }

    /// Returns the leaf that a log has for this certificate at the place and time of its SCT by that
    /// log, if the certificate is one of `authorities`': the first half of what a proof is about.
    pub(crate) fn leaf_in(&self, log: &LogId, authorities: &[Vec<u8>]) -> Result<Vec<u8>, String> {
        let sct = self.sct_of(log)?;
        let issuer = self.issuer_among(authorities)?;
        let tbs = precert_tbs_of_final(&self.der).map_err(|e| Causes(&e).to_string())?;
        // The precertificate is no part of the leaf.
        let entry = PrecertEntry::new(issuer.sha256(), tbs.clone(), tbs, Vec::new());
        let entry = entry.map_err(|e| e.to_string())?;
        let index = sct.leaf_index().map_err(|e| format!("its SCT: {e}"))?;
        Ok(entry.merkle_tree_leaf(index, sct.timestamp_ms()))
    }

    /// Requires that a leaf is this certificate's, and that the log has signed it in its SCT. Returns
    /// whether it has: the only SCTs may be those of other logs, and the entry is proven all the
    /// same.
    pub(crate) fn require_leaf(
        &self,
        leaf: &[u8],
        log: (&LogId, &PublicKey),
        authorities: &[Vec<u8>],
    ) -> Result<bool, String> {
        let parsed = MerkleTreeLeaf::parse(leaf).map_err(|e| format!("the leaf: {e}"))?;
        let (id, key) = log;
        let is_x509 = matches!(parsed.signed_entry, SignedEntry::X509(_));
        if is_x509 || self.sct_of(id).is_err() {
            let issuer = self.issuer_among(authorities)?;
            let same_issuer = match &parsed.signed_entry {
                SignedEntry::X509(_) => true,
                SignedEntry::Precert {
                    issuer_key_hash, ..
                } => issuer.sha256() == *issuer_key_hash,
            };
            return match same_issuer && self.is_in(&parsed.signed_entry) {
                true => Ok(false),
                false => Err("the entry holds another certificate".to_owned()),
            };
        }
        if self.leaf_in(id, authorities)? != leaf {
            return Err(
                "the entry holds another certificate, or has another place or time than \
                        its SCT says"
                    .to_owned(),
            );
        }
        let signature = self.sct_of(id)?.signature();
        key.verify(leaf, signature.signature_der())
            .map(|()| true)
            .map_err(|_| "its SCT's signature is not the log's".to_owned())
    }

    fn sct_of(&self, log: &LogId) -> Result<&SignedCertificateTimestamp, String> {
        let found = self.scts.iter().find(|sct| sct.log_id() == log);
        found.ok_or_else(|| "it has no SCT by the log that signed the checkpoint".to_owned())
    }

    /// Returns the key of the authority that signed the certificate.
    fn issuer_among(&self, authorities: &[Vec<u8>]) -> Result<PublicKey, String> {
        let parts = signed_parts(&self.der).map_err(|e| e.to_string())?;
        let keys = authorities.iter().filter_map(|der| {
            let spki = signed_parts(der).ok()?.spki_der;
            PublicKey::from_spki_der(spki).ok()
        });
        let mut issuers = keys.filter(|key| key.verify(parts.signed_part, parts.signature).is_ok());
        let issuer = issuers.next();
        issuer.ok_or_else(|| "no CA of the trust root has signed it".to_owned())
    }
}
