//! A ledger of Rekor v2 with four entries, of which the bundle's is the second.

use chancery_keys::{KeyType, LocalKey, Signer as _};
use chancery_tlog::{
    Checkpoint, Hash, KeyName, NoteSignature, Origin, SignatureType, SignedNote, TreeHead,
    key_hash, leaf_hash, node_hash,
};
use serde_json::{Value, json};

use super::{base64, key, window};

pub(super) const TREE_SIZE: u64 = 4;

pub(super) struct Ledger {
    name: KeyName,
    key: LocalKey,
}

impl Ledger {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: KeyName::parse(name).unwrap(),
            key: key(KeyType::Ed25519),
        }
    }

    /// Returns the member of the trusted root.
    pub(super) fn trusted(&self) -> Value {
        json!({
            "baseUrl": format!("https://{}", self.name),
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": base64(self.key.public_key().spki_der()),
                "keyDetails": "PKIX_ED25519",
                "validFor": window(-86_400, None),
            },
            "logId": {"keyId": base64(self.id())},
        })
    }

    /// Enters a body, and returns the entry. What is signed by `key` is said to be by this ledger.
    pub(super) fn enter(&self, kind: &str, body: &str, key: &Self, origin: Option<&str>) -> Value {
        let (root_hash, hashes) = tree_with(body);
        let origin = origin.unwrap_or(self.name.as_str());
        let envelope = self.checkpoint(origin, root_hash, key);
        json!({
            "logIndex": "1",
            "logId": {"keyId": base64(self.id())},
            "kindVersion": {"kind": kind, "version": "0.0.2"},
            "inclusionProof": {
                "logIndex": "1",
                "rootHash": base64(root_hash.as_bytes()),
                "treeSize": TREE_SIZE.to_string(),
                "hashes": hashes.map(|hash| base64(hash.as_bytes())),
                "checkpoint": {"envelope": envelope},
            },
            "canonicalizedBody": base64(body),
        })
    }

    fn checkpoint(&self, origin: &str, root_hash: Hash, key: &Self) -> String {
        let head = TreeHead {
            tree_size: TREE_SIZE,
            root_hash,
        };
        let origin = Origin::parse(origin).unwrap();
        let text = Checkpoint { origin, head }.body();
        let [a, b, c, d, ..] = self.id();
        let signature = NoteSignature {
            name: self.name.clone(),
            key_id: [a, b, c, d],
            signature: key.key.sign_now(text.as_bytes()).unwrap(),
        };
        SignedNote::new(text, vec![signature]).unwrap().encode()
    }

    fn id(&self) -> [u8; 32] {
        let key = self.key.public_key().subject_public_key();
        key_hash(&self.name, SignatureType::Ed25519, key)
    }
}

/// Returns the root of a tree whose second entry is this body, and the body's path to it.
pub(super) fn tree_with(body: &str) -> (Hash, [Hash; 2]) {
    let [first, third, last] = ["first", "third", "last"].map(|one| leaf_hash(one.as_bytes()));
    let left = node_hash(&first, &leaf_hash(body.as_bytes()));
    let right = node_hash(&third, &last);
    (node_hash(&left, &right), [first, right])
}
