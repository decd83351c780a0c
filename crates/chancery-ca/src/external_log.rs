//! One CT log of somebody else's, which gets our precertificates besides our own log.
//!
//! A certificate can hold one SCT only, because official clients accept no more. With an external
//! log it is that log's, once our own log has the entry.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use chancery_keys::PublicKey;
use chancery_log::Sct;
use chancery_log::clock::from_unix_ms;
use chancery_tlog::ct::{Entry, LogId, PrecertEntry, SignedCertificateTimestamp, sct_list};

/// How far ahead of our clock an external log's may be.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

/// A CT log that takes precertificates over RFC 6962's `add-pre-chain`.
#[async_trait]
pub trait ExternalLog: Debug + Send + Sync {
    /// Submits a chain in DER, the precertificate first and the root last, and returns the SCT that
    /// was answered, unverified. Bounded in time.
    ///
    /// # Errors
    ///
    /// The log is away, or refused.
    async fn add_pre_chain(
        &self,
        chain: &[&[u8]],
    ) -> Result<SignedCertificateTimestamp, ExternalLogError>;
}

/// Why an external log gave no SCT that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ExternalLogError {
    /// It did not answer, or not in time, or said that it cannot now.
    #[error("the external log is away")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It answered something that is no SCT for what it was sent: it, or our configuration of it,
    /// is wrong.
    #[error("the external log's answer cannot be used: {0}")]
    BadAnswer(String),
    /// It does not take our precertificates.
    #[error("the external log refuses our precertificates: {0}")]
    Refused(String),
}

/// What to do when the external log gives no SCT.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum WhenAway {
    /// Nothing is handed out.
    #[default]
    Refuse,
    /// Our own log's SCT stands in the certificate.
    OwnSct,
}

/// An external log, the key that it signs with, and what to do without it.
#[derive(Clone, Debug)]
pub struct ExternalLogging {
    /// The way to it.
    pub log: Arc<dyn ExternalLog>,
    /// Its P-256 key, which signs its SCTs.
    pub key: PublicKey,
    /// What to do when it is away.
    pub when_away: WhenAway,
}

/// What a final certificate embeds: an SCT, and with it the proof that our own log has the entry.
#[derive(Debug)]
pub(crate) struct Receipt {
    own: Sct,
    embedded: Option<Vec<u8>>,
}

impl Receipt {
    /// Our own log's SCT, to be embedded itself.
    pub(crate) fn own(sct: Sct) -> Self {
        Self {
            own: sct,
            embedded: None,
        }
    }

    /// Tells whether our own log has committed this entry, and this receipt is its.
    pub(crate) fn is_for(&self, entry: &PrecertEntry) -> bool {
        let own = &self.own;
        entry.merkle_tree_leaf(own.leaf_index(), own.timestamp_ms()) == own.merkle_leaf()
    }

    /// Returns the list of the one SCT to embed.
    pub(crate) fn list(&self) -> &[u8] {
        self.embedded.as_deref().unwrap_or_else(|| self.own.list())
    }
}

impl ExternalLogging {
    /// Sends an entry, which our own log has committed, and returns the receipt to embed.
    ///
    /// # Errors
    ///
    /// Whatever kept the external log from giving a good SCT, unless our own may take its place.
    pub(crate) async fn receipt(
        &self,
        own: Sct,
        entry: PrecertEntry,
        chain: &[Vec<u8>],
        validity: (SystemTime, SystemTime),
        now: SystemTime,
    ) -> Result<Receipt, ExternalLogError> {
        match self.sct(entry, chain, validity, now).await {
            Ok(list) => Ok(Receipt {
                own,
                embedded: Some(list),
            }),
            Err(error) if self.when_away == WhenAway::OwnSct => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the certificate gets our own log's SCT instead of the external log's"
                );
                Ok(Receipt::own(own))
            }
            Err(error) => Err(error),
        }
    }

    async fn sct(
        &self,
        entry: PrecertEntry,
        chain: &[Vec<u8>],
        validity: (SystemTime, SystemTime),
        now: SystemTime,
    ) -> Result<Vec<u8>, ExternalLogError> {
        let mut submitted = vec![entry.precertificate()];
        submitted.extend(chain.iter().map(Vec::as_slice));
        let sct = self.log.add_pre_chain(&submitted).await?;
        drop(submitted);
        self.verify(&sct, &Entry::Precert(entry), validity, now)?;
        sct_list(&[&sct]).map_err(|e| ExternalLogError::BadAnswer(e.to_string()))
    }

    /// Verifies an SCT as clients will: its log, its signature over the entry, its time.
    fn verify(
        &self,
        sct: &SignedCertificateTimestamp,
        entry: &Entry,
        (not_before, not_after): (SystemTime, SystemTime),
        now: SystemTime,
    ) -> Result<(), ExternalLogError> {
        let bad = |what: &str| Err(ExternalLogError::BadAnswer(what.to_owned()));
        if *sct.log_id() != LogId::of_spki(self.key.spki_der()) {
            return bad("its SCT names another log than that of the configured key");
        }
        let input = entry.sct_input(sct.timestamp_ms(), sct.extensions());
        let signature = sct.signature().signature_der();
        if self.key.verify(&input, signature).is_err() {
            return bad("its SCT's signature is not by the configured key, or not over our entry");
        }
        let time = from_unix_ms(sct.timestamp_ms());
        if !(not_before..=not_after).contains(&time) || time > now + CLOCK_TOLERANCE {
            return bad("its SCT's time is in the future, or outside the certificate's validity");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
