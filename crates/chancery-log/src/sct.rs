//! The SCT: a receipt that only the log can write, and only for what it has logged.

use chancery_keys::{SignError, Signer};
use chancery_tlog::ct::{DigitallySigned, LeafIndex, LogId, SignedCertificateTimestamp, sct_list};

use crate::sequencer::Sequenced;

/// A signed certificate timestamp over an entry that the published checkpoint covers.
#[derive(Clone, Debug)]
pub struct Sct {
    leaf_index: LeafIndex,
    timestamp_ms: u64,
    log_id: LogId,
    signature: DigitallySigned,
    list: Vec<u8>,
    merkle_leaf: Vec<u8>,
}

/// Why no SCT was made.
#[derive(Debug, thiserror::Error)]
pub enum SctError {
    /// The key's signature does not fit the structures of RFC 6962.
    #[error("the log key's signature does not fit an SCT: {0}")]
    Encode(String),
    /// The log is not one of issued certificates.
    #[error("this log gives no SCTs")]
    NoKey,
    /// The log's key could not sign.
    #[error("the log's key could not sign the SCT")]
    Sign(#[from] SignError),
}

impl Sct {
    /// Signs the receipt for `sequenced` (RFC 6962, section 3.2). What is signed is byte for byte
    /// the `MerkleTreeLeaf`.
    pub(crate) async fn sign(
        sequenced: &Sequenced,
        log_id: LogId,
        signer: &dyn Signer,
    ) -> Result<Self, SctError> {
        let signature = signer.sign(sequenced.merkle_leaf()).await?;
        let signature = DigitallySigned::sha256_ecdsa(signature)
            .map_err(|e| SctError::Encode(e.to_string()))?;
        let timestamp_ms = sequenced.timestamp_ms();
        let sct = SignedCertificateTimestamp::new(
            log_id,
            timestamp_ms,
            sequenced.leaf_index(),
            signature.clone(),
        );
        let list = sct_list(&[&sct]).map_err(|e| SctError::Encode(e.to_string()))?;
        Ok(Self {
            leaf_index: sequenced.leaf_index(),
            timestamp_ms,
            log_id,
            signature,
            list,
            merkle_leaf: sequenced.merkle_leaf().to_vec(),
        })
    }

    /// Returns the `SignedCertificateTimestampList` that holds this one SCT (RFC 6962, section
    /// 3.3), without any ASN.1 around it.
    pub fn list(&self) -> &[u8] {
        &self.list
    }

    /// Returns what the SCT signs: byte for byte the `MerkleTreeLeaf`.
    pub fn merkle_leaf(&self) -> &[u8] {
        &self.merkle_leaf
    }

    /// Returns the log's id.
    pub fn log_id(&self) -> &LogId {
        &self.log_id
    }

    /// Returns the signature.
    pub fn signature(&self) -> &DigitallySigned {
        &self.signature
    }

    /// Returns the entry's place.
    pub fn leaf_index(&self) -> LeafIndex {
        self.leaf_index
    }

    /// Returns the SCT's time in milliseconds since the Unix epoch.
    pub fn timestamp_ms(&self) -> u64 {
        self.timestamp_ms
    }
}
