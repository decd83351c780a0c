//! An entry of Rekor v2 for a bundle, and what may be wrong with it.

use serde_json::{Value, json};

use super::base64;

/// An entry in a ledger.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) ledger: usize,
    /// Whose key has signed the checkpoint in the name of the ledger.
    pub(crate) signed_by: Option<usize>,
    /// The checkpoint's origin, if it is not the ledger's name.
    pub(crate) origin: Option<&'static str>,
    /// What is entered, if it is not what the bundle has.
    pub(crate) digest: Option<Vec<u8>>,
    pub(crate) signature: Option<Vec<u8>>,
    pub(crate) certificate: Option<Vec<u8>>,
    /// What else is changed before it is entered.
    pub(crate) change: Option<fn(&mut Value)>,
}

impl Entry {
    pub(crate) fn in_ledger(ledger: usize) -> Self {
        Self {
            ledger,
            ..Self::default()
        }
    }

    /// Returns what is entered: of a digest, a signature and a certificate.
    pub(super) fn body(&self, digest: &[u8], signature: &[u8], certificate: &[u8]) -> String {
        let mut body = json!({
            "apiVersion": "0.0.2",
            "kind": "hashedrekord",
            "spec": {"hashedRekordV002": {
                "data": {
                    "algorithm": "SHA2_256",
                    "digest": base64(self.digest.as_deref().unwrap_or(digest)),
                },
                "signature": {
                    "content": base64(self.signature.as_deref().unwrap_or(signature)),
                    "verifier": {
                        "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                        "x509Certificate": {
                            "rawBytes": base64(self.certificate.as_deref().unwrap_or(certificate)),
                        },
                    },
                },
            }},
        });
        if let Some(change) = self.change {
            change(&mut body);
        }
        body.to_string()
    }
}
