//! An entry in the ledger: whoever verifies the signature can ask for proof that it was published.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::PublicKey;
use chancery_ledger::{EntryRequest, VerifiedEntry};
use chancery_tlog::{
    Checkpoint, Hash, KeyName, SignatureType, SignedNote, TreeHead, key_hash, verify_inclusion,
};
use chancery_trust::documents::{Base64, KeyIdentifier, TransparencyLog, TrustedRoot};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::outsider::{broken, hold};
use crate::failure::Failure;

/// What is entered: that a certificate's P-256 key signed an artifact.
pub(super) struct Signed<'a> {
    pub(super) artifact: &'a [u8],
    pub(super) signature: &'a [u8],
    /// The certificate in DER.
    pub(super) certificate: &'a [u8],
}

/// Where the entry was proved to be.
pub(super) struct Entered {
    pub(super) leaf_index: u64,
    pub(super) tree: TreeHead,
    /// The ledger's answer, a `TransparencyLogEntry`.
    pub(super) answer: String,
}

/// Enters a signature, and verifies the answer with nothing but the trust root.
pub(super) async fn enter(
    http: &reqwest::Client,
    url: &str,
    trusted_root: &[u8],
    signed: &Signed<'_>,
) -> Result<Entered, Failure> {
    let request = signed.request();
    let response = http
        .post(format!("{url}/api/v2/log/entries"))
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(request.clone())
        .send()
        .await
        .map_err(Failure::from_error)?;
    let status = response.status();
    let text = response.text().await.map_err(Failure::from_error)?;
    if status != 201 {
        return Err(Failure::failed(format!(
            "the ledger answered {status}: {text}"
        )));
    }
    let entry: LogEntry = serde_json::from_str(&text).map_err(broken)?;
    let expected = EntryRequest::parse(request.as_bytes()).map_err(broken)?;
    let expected = expected.verify().map_err(broken)?;
    let (leaf_index, tree) = entry.verify(&expected, trusted_root)?;
    Ok(Entered {
        leaf_index,
        tree,
        answer: text,
    })
}

impl Signed<'_> {
    fn request(&self) -> String {
        let digest = Sha256::digest(self.artifact);
        json!({"hashedRekordRequestV002": {
            "digest": STANDARD.encode(digest),
            "signature": {
                "content": STANDARD.encode(self.signature),
                "verifier": {
                    "x509Certificate": {"rawBytes": STANDARD.encode(self.certificate)},
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                },
            },
        }})
        .to_string()
    }
}

/// The answer of `POST /api/v2/log/entries`, as far as it is verified.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogEntry {
    log_id: KeyIdentifier,
    inclusion_proof: InclusionProof,
    canonicalized_body: Base64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InclusionProof {
    log_index: String,
    hashes: Vec<Base64>,
    checkpoint: Envelope,
}

#[derive(Deserialize)]
struct Envelope {
    envelope: String,
}

impl LogEntry {
    /// Checks that it is the entry we expect, in a tree that a ledger of the trust root signed.
    /// Returns its index and that tree.
    fn verify(
        &self,
        expected: &VerifiedEntry,
        trusted_root: &[u8],
    ) -> Result<(u64, TreeHead), Failure> {
        hold(
            self.canonicalized_body.0 == expected.body(),
            "the ledger's entry is for our digest, signature and certificate",
        )?;
        let tree = self.verify_checkpoint(trusted_root)?;
        let proof = &self.inclusion_proof;
        let leaf_index = proof.log_index.parse().map_err(broken)?;
        let hashes = proof.hashes.iter().map(|hash| Hash::try_from(&*hash.0));
        let hashes = hashes.collect::<Result<Vec<_>, _>>().map_err(broken)?;
        let (leaf, size, root) = (expected.leaf_hash(), tree.tree_size, &tree.root_hash);
        verify_inclusion(leaf_index, size, &leaf, &hashes, root).map_err(broken)?;
        Ok((leaf_index, tree))
    }

    /// Checks that the checkpoint is signed by the ledger that the trust root has under this id, and
    /// returns its tree.
    fn verify_checkpoint(&self, trusted_root: &[u8]) -> Result<TreeHead, Failure> {
        let note = self.inclusion_proof.checkpoint.envelope.as_bytes();
        let note = SignedNote::parse(note).map_err(broken)?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(broken)?;
        let name = checkpoint.origin.key_name();
        let (key, key_id) = self.ledger_key(trusted_root, name)?;
        let line = note.signature_by(name, key_id);
        let line = line
            .ok_or_else(|| Failure::verification("the checkpoint is not signed by the ledger"))?;
        key.verify(note.text().as_bytes(), &line.signature)
            .map_err(broken)?;
        Ok(checkpoint.head)
    }

    /// Finds the key in the trust root. The id covers key and name, so that a key of the trust root
    /// counts under its ledger's own name only.
    fn ledger_key(
        &self,
        trusted_root: &[u8],
        name: &KeyName,
    ) -> Result<(PublicKey, [u8; 4]), Failure> {
        let root = TrustedRoot::parse(trusted_root).map_err(broken)?;
        let id = &self.log_id;
        let named = |ledger: &&TransparencyLog| ledger.log_id.as_ref() == Some(id);
        let missing = || Failure::verification("the trust root has no such ledger");
        let ledger = root.tlogs.iter().find(named).ok_or_else(missing)?;
        let key = ledger.key().map_err(broken)?;
        let hash = key_hash(name, SignatureType::Ed25519, key.subject_public_key());
        hold(
            hash[..] == id.key_id.0,
            "the ledger's id is that of its name and key",
        )?;
        let [a, b, c, d, ..] = hash;
        Ok((key, [a, b, c, d]))
    }
}
