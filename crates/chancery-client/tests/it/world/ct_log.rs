//! A log of certificates, which signs that it has them.

use chancery_keys::{KeyType, LocalKey, Signer as _};
use chancery_tlog::ct::{
    DigitallySigned, Entry, LeafIndex, LogId, PrecertEntry, SignedCertificateTimestamp,
};
use serde_json::{Value, json};

use super::{base64, key, window};

pub(super) struct CtLog {
    key: LocalKey,
}

impl CtLog {
    pub(super) fn new() -> Self {
        Self {
            key: key(KeyType::P256),
        }
    }

    /// Returns the member of the trusted root.
    pub(super) fn trusted(&self) -> Value {
        json!({
            "baseUrl": "https://ctlog.test",
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": base64(self.key.public_key().spki_der()),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": window(-86_400, None),
            },
            "logId": {"keyId": base64(self.id().as_bytes())},
        })
    }

    /// Signs that a certificate was logged at a time, in milliseconds since 1970.
    pub(super) fn sct(
        &self,
        issuer_key_hash: [u8; 32],
        tbs: Vec<u8>,
        time_ms: u64,
    ) -> SignedCertificateTimestamp {
        let index = LeafIndex::new(7).unwrap();
        let entry = PrecertEntry::new(issuer_key_hash, tbs, vec![0], Vec::new()).unwrap();
        let input = Entry::Precert(entry).sct_input(time_ms, &index.to_extensions());
        let signature = self.key.sign_now(&input).unwrap();
        let signature = DigitallySigned::sha256_ecdsa(signature).unwrap();
        SignedCertificateTimestamp::new(self.id(), time_ms, index, signature)
    }

    fn id(&self) -> LogId {
        LogId::of_spki(self.key.public_key().spki_der())
    }
}
