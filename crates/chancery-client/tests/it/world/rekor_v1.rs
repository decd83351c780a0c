//! A ledger of Rekor v1 with an earlier tree before its own, in which the entry is the second.

use chancery_keys::{KeyType, LocalKey, Signer as _};
use chancery_tlog::{KeyName, NoteSignature, SignedNote};
use serde_json::{Value, json};

use super::ledger::{TREE_SIZE, tree_with};
use super::{at, base64, key, window};

const HOST: &str = "rekor.old.test";
/// How many entries are in the tree before.
const EARLIER: u64 = 1_000;

pub(super) struct LedgerV1 {
    key: LocalKey,
}

/// An entry, and what vouches for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EntryV1 {
    pub(crate) promised: bool,
    pub(crate) proven: bool,
    /// When it is promised to have been entered, in seconds after the certificate begins.
    pub(crate) at: i64,
    pub(crate) origin: &'static str,
    /// What the key is called under the checkpoint.
    pub(crate) name: &'static str,
}

impl Default for EntryV1 {
    fn default() -> Self {
        Self {
            promised: true,
            proven: true,
            at: 5,
            origin: "rekor.old.test - 42",
            name: HOST,
        }
    }
}

impl LedgerV1 {
    pub(super) fn new() -> Self {
        Self {
            key: key(KeyType::P256),
        }
    }

    /// Returns the member of the trusted root.
    pub(super) fn trusted(&self) -> Value {
        json!({
            "baseUrl": format!("https://{HOST}"),
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": base64(self.key.public_key().spki_der()),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": window(-86_400, None),
            },
            "logId": {"keyId": base64(self.key.public_key().sha256())},
        })
    }

    /// Enters what was signed, and returns the entry.
    pub(super) fn enter(
        &self,
        entry: EntryV1,
        digest: &[u8],
        signature: &[u8],
        certificate: &[u8],
    ) -> Value {
        let pem = pem::encode(&pem::Pem::new("CERTIFICATE", certificate));
        let body = json!({
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": hex::encode(digest)}},
                "signature": {
                    "content": base64(signature),
                    "publicKey": {"content": base64(pem)},
                },
            },
        })
        .to_string();
        let mut entered = json!({
            "logIndex": (EARLIER + 1).to_string(),
            "logId": {"keyId": base64(self.key.public_key().sha256())},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.1"},
            "canonicalizedBody": base64(&body),
        });
        if entry.promised {
            let (seconds, promise) = self.promise(entry, &body);
            entered["integratedTime"] = seconds.to_string().into();
            entered["inclusionPromise"] = json!({"signedEntryTimestamp": base64(promise)});
        }
        if entry.proven {
            entered["inclusionProof"] = self.proof(entry, &body);
        }
        entered
    }

    fn promise(&self, entry: EntryV1, body: &str) -> (u64, Vec<u8>) {
        let seconds = at(entry.at).duration_since(std::time::UNIX_EPOCH);
        let seconds = seconds.unwrap().as_secs();
        let promised = json!({
            "body": base64(body),
            "integratedTime": seconds,
            "logID": hex::encode(self.key.public_key().sha256()),
            "logIndex": EARLIER + 1,
        });
        let promised = promised.to_string();
        (seconds, self.key.sign_now(promised.as_bytes()).unwrap())
    }

    fn proof(&self, entry: EntryV1, body: &str) -> Value {
        let (root_hash, hashes) = tree_with(body);
        let root = base64(root_hash.as_bytes());
        let text = format!("{}\n{TREE_SIZE}\n{root}\n", entry.origin);
        let [a, b, c, d, ..] = self.key.public_key().sha256();
        let signature = NoteSignature {
            name: KeyName::parse(entry.name).unwrap(),
            key_id: [a, b, c, d],
            signature: self.key.sign_now(text.as_bytes()).unwrap(),
        };
        let note = SignedNote::new(text, vec![signature]).unwrap();
        json!({
            "logIndex": "1",
            "rootHash": root,
            "treeSize": TREE_SIZE.to_string(),
            "hashes": hashes.map(|hash| base64(hash.as_bytes())),
            "checkpoint": {"envelope": note.encode()},
        })
    }
}
