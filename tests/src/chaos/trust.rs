//! What an outsider trusts, taken from the instance once before any fault: the keys of log and ledger,
//! and the issuing certificate.

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_certs::IssuingCertificate;
use chancery_keys::PublicKey;
use chancery_tlog::ct::LogId;
use serde_json::Value;

use super::instance::{LEDGER, LOG};
use super::kind::Kind;
use crate::checkpoint::{self, Seen};
use crate::client::Client;

/// Keys and names that no fault may change.
#[derive(Debug)]
pub(crate) struct Trust {
    pub(crate) log_key: PublicKey,
    pub(crate) log_id: LogId,
    pub(crate) issuer_key_hash: [u8; 32],
    pub(crate) ledger_key: PublicKey,
    /// The ledger's log id in base64, as its answers have it.
    pub(crate) ledger_id: String,
}

impl Trust {
    pub(crate) async fn fetch(url: &str) -> anyhow::Result<Self> {
        let answer = Client::new(url)?.get("/trusted_root.json").await?;
        let root: Value = serde_json::from_str(&answer.body)?;
        let bytes = |pointer: &str| {
            let text = root.pointer(pointer).and_then(Value::as_str);
            anyhow::Ok(STANDARD.decode(text.with_context(|| format!("no {pointer}"))?)?)
        };
        let spki = bytes("/ctlogs/0/publicKey/rawBytes")?;
        let issuing = bytes("/certificateAuthorities/0/certChain/certificates/0/rawBytes")?;
        Ok(Self {
            log_key: PublicKey::from_spki_der(&spki)?,
            log_id: LogId::of_spki(&spki),
            issuer_key_hash: IssuingCertificate::from_der(&issuing)?.issuer_key_hash(),
            ledger_key: PublicKey::from_spki_der(&bytes("/tlogs/0/publicKey/rawBytes")?)?,
            ledger_id: STANDARD.encode(bytes("/tlogs/0/logId/keyId")?),
        })
    }

    /// Verifies a checkpoint as one of the logs'.
    pub(crate) fn checkpoint(&self, kind: Kind, bytes: &[u8]) -> anyhow::Result<Seen> {
        let (expected, (origin, seen)) = match kind {
            Kind::Issuance => (
                format!("ca.example.org/ct/{LOG}"),
                checkpoint::verify(bytes, &self.log_key)?,
            ),
            Kind::Ledger => (
                LEDGER.to_owned(),
                checkpoint::verify_plain(bytes, &self.ledger_key)?,
            ),
        };
        ensure!(origin.as_str() == expected, "it is {origin}'s");
        Ok(seen)
    }
}
