//! Whether a certificate was issued: its place in a log of issued certificates, compared byte for
//! byte.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use bytes::Bytes;
use chancery_certs::Outline;
use chancery_keys::{PublicKey, SignatureScheme};
use chancery_log::{PublishedLog, ReadError, Snapshot};
use chancery_tlog::ct::{Entry, TileLeaf};

use crate::certificate::PresentedCertificate;

/// How many entries with the same serial number are looked at; an honest CA makes no second one.
const CANDIDATES: u32 = 16;

/// How many issuers are remembered; those beyond are read each time.
const MOST_ISSUERS: usize = 64;

/// A place in a log; shown as `<log id in hex>/<leaf index>`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LogPlace {
    /// SHA-256 of the log's key (RFC 6962, section 3.2).
    pub log_id: [u8; 32],
    /// The place in that log.
    pub leaf_index: u64,
}

impl fmt::Display for LogPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", hex::encode(self.log_id), self.leaf_index)
    }
}

/// What the logs of issued certificates say of one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Found {
    /// It is the entry that its SCT names.
    At(LogPlace),
    /// It is an entry, and its SCT is another log's.
    ElsewhereReceipted,
    /// Its SCT names a place in one of these logs where something else stands.
    Contradicted(LogPlace),
    /// It is not there.
    Absent,
}

/// The logs of issued certificates that the ledger believes.
#[async_trait]
pub trait IssuanceRecords: fmt::Debug + Send + Sync {
    /// Looks a certificate up, and compares it byte for byte with what was entered.
    ///
    /// # Errors
    ///
    /// When a log cannot be read.
    async fn find(&self, certificate: &PresentedCertificate) -> Result<Found, ReadError>;
}

/// No logs: every certificate is absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRecords;

#[async_trait]
impl IssuanceRecords for NoRecords {
    async fn find(&self, _: &PresentedCertificate) -> Result<Found, ReadError> {
        Ok(Found::Absent)
    }
}

/// Issuers that were read before. Each is named by its hash, so it never changes, and an instance has
/// few.
#[derive(Debug, Default)]
pub struct KnownIssuers(RwLock<BTreeMap<[u8; 32], Bytes>>);

impl KnownIssuers {
    /// Returns an issuer that an entry of a log names, by its SHA-256.
    async fn get(&self, log: &Snapshot, fingerprint: &[u8; 32]) -> Result<Bytes, ReadError> {
        if let Some(known) = self.known(fingerprint) {
            return Ok(known);
        }
        let issuer = log.issuer(fingerprint).await?.ok_or_else(|| {
            let what = format!("the issuer {} is missing", hex::encode(fingerprint));
            ReadError::Inconsistent(what)
        })?;
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST_ISSUERS {
            known.insert(*fingerprint, issuer.clone());
        }
        Ok(issuer)
    }

    fn known(&self, fingerprint: &[u8; 32]) -> Option<Bytes> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(fingerprint).cloned()
    }
}

/// Looks a certificate up in logs: at the place that its SCT names, and where that is none of
/// theirs, by its serial number.
///
/// It is the one that was entered if what was hashed for it is the same, and the issuer that the
/// entry names has signed it. So it holds whatever is said in its SCT, too.
///
/// # Errors
///
/// When a log cannot be read.
pub async fn find_in(
    logs: &[Arc<dyn PublishedLog>],
    issuers: &KnownIssuers,
    certificate: &PresentedCertificate,
) -> Result<Found, ReadError> {
    for log in logs {
        let log_id = log.public_key().sha256();
        let own = |place: &&LogPlace| place.log_id == log_id;
        if let Some(place) = certificate.places().iter().find(own) {
            let same = is_entry(&**log, issuers, place.leaf_index, certificate).await?;
            return Ok(if same {
                Found::At(*place)
            } else {
                Found::Contradicted(*place)
            });
        }
    }
    let Some(serial) = certificate.serial() else {
        return Ok(Found::Absent);
    };
    for log in logs {
        let snapshot = log.newest().await?;
        let found = snapshot
            .reader()
            .find("serial", &serial, CANDIDATES)
            .await?;
        for leaf_index in found {
            if is_entry(&**log, issuers, leaf_index, certificate).await? {
                return Ok(Found::ElsewhereReceipted);
            }
        }
    }
    Ok(Found::Absent)
}

/// Tells whether a certificate is what a log has at a place.
async fn is_entry(
    log: &dyn PublishedLog,
    issuers: &KnownIssuers,
    leaf_index: u64,
    certificate: &PresentedCertificate,
) -> Result<bool, ReadError> {
    let covers = |log: &Snapshot| log.head().tree.tree_size > leaf_index;
    let snapshot = match log.known().filter(covers) {
        Some(known) => known,
        None => log.newest().await?,
    };
    if !covers(&snapshot) {
        return Ok(false);
    }
    let mut entries = snapshot.entries(leaf_index..leaf_index + 1).await?;
    let Some(entry) = entries.pop() else {
        return Ok(false);
    };
    let issuer = match named_issuer(&entry) {
        None => None,
        Some(fingerprint) => Some(issuers.get(&snapshot, fingerprint).await?),
    };
    Ok(is_of(&entry, issuer.as_deref(), certificate))
}

/// Returns the issuer that must have signed the certificate of an entry, by its SHA-256, where the
/// entry does not hold the certificate itself.
pub(crate) fn named_issuer(entry: &TileLeaf) -> Option<&[u8; 32]> {
    match entry.entry() {
        Entry::X509(_) => None,
        Entry::Precert(_) => entry.chain_fingerprints().first(),
    }
}

/// Tells whether an entry is what a log has of a certificate. `issuer` is the one that it names.
pub(crate) fn is_of(
    entry: &TileLeaf,
    issuer: Option<&[u8]>,
    certificate: &PresentedCertificate,
) -> bool {
    match entry.entry() {
        Entry::X509(entry) => entry.certificate() == certificate.der(),
        Entry::Precert(precert) => {
            certificate.logged_tbs().as_deref() == Some(precert.tbs())
                && issuer.is_some_and(|issuer| {
                    issuer_signed(issuer, precert.issuer_key_hash(), certificate.der())
                })
        }
    }
}

/// Tells whether a certificate is signed by an issuer, which must have the key of that hash.
fn issuer_signed(issuer: &[u8], key_hash: &[u8; 32], certificate: &[u8]) -> bool {
    let (Ok(issuer), Ok(certificate)) = (Outline::of(issuer), Outline::of(certificate)) else {
        return false;
    };
    let Ok(key) = PublicKey::from_spki_der(issuer.spki_der) else {
        return false;
    };
    let scheme = SignatureScheme::of_certificate(&certificate.signature_algorithm);
    key.sha256() == *key_hash
        && scheme.is_some_and(|scheme| {
            let verified =
                key.verify_scheme(scheme, certificate.signed_part, certificate.signature);
            verified.is_ok()
        })
}
