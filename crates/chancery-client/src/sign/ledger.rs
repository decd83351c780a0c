//! Entering a signature in a ledger (Rekor v2), and holding the answer against the trusted root.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::{Algorithm, PublicKey};
use chancery_tlog::{
    Checkpoint, Hash, KeyName, SignatureType, SignedNote, key_hash, leaf_hash, verify_inclusion,
};
use chancery_trust::documents::TrustedRoot;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ArtifactDigest;
use super::error::{Service, SignError};
use super::http::{Http, Question, content};
use crate::bundle;

const KEY_DETAILS: &str = "PKIX_ECDSA_P256_SHA_256";
/// The hashes of a proof in a tree of 2^63 entries.
const MOST_HASHES: usize = 63;

/// What is entered: that a certificate's P-256 key signed what has a digest.
pub(super) struct Signed<'a> {
    pub(super) digest: ArtifactDigest,
    pub(super) signature: &'a [u8],
    /// The certificate in DER.
    pub(super) certificate: &'a [u8],
}

/// An entry that is in a ledger of the trusted root.
#[derive(Clone, Debug)]
pub struct LedgerEntry {
    pub(super) index: u64,
    /// The `TransparencyLogEntry`, as the ledger answered it.
    pub(super) answer: bundle::LedgerEntry,
}

impl LedgerEntry {
    /// Returns its index in the ledger.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }
}

/// `POST /api/v2/log/entries`: the answer comes when the entry is in the tree. `None` if the ledger
/// has this very signature already: its first answer was lost.
pub(super) async fn enter(
    http: &Http,
    ledger: &str,
    signed: &Signed<'_>,
    trusted: &TrustedRoot,
) -> Result<Option<LedgerEntry>, SignError> {
    let question = Question {
        service: Service::Ledger,
        url: ledger,
        endpoint: format!("{ledger}/api/v2/log/entries"),
        headers: content("application/json"),
        body: signed.request().into(),
        taken: &[201, 409],
    };
    let answer = http.ask(&question).await?;
    if answer.status == 409 {
        return Ok(None);
    }
    verify(&answer.body, signed, trusted)
        .map(Some)
        .map_err(|why| question.untrusted(why))
}

impl Signed<'_> {
    fn request(&self) -> String {
        json!({"hashedRekordRequestV002": {
            "digest": STANDARD.encode(self.digest.as_bytes()),
            "signature": self.signature_and_verifier(),
        }})
        .to_string()
    }

    /// The entry in its canonical form (RFC 8785): members in order, which this map keeps, no white
    /// space, and no character that is escaped.
    fn body(&self) -> String {
        json!({
            "apiVersion": "0.0.2",
            "kind": "hashedrekord",
            "spec": {"hashedRekordV002": {
                "data": {
                    "algorithm": "SHA2_256",
                    "digest": STANDARD.encode(self.digest.as_bytes()),
                },
                "signature": self.signature_and_verifier(),
            }},
        })
        .to_string()
    }

    fn signature_and_verifier(&self) -> Value {
        json!({
            "content": STANDARD.encode(self.signature),
            "verifier": {
                "keyDetails": KEY_DETAILS,
                "x509Certificate": {"rawBytes": STANDARD.encode(self.certificate)},
            },
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answered {
    log_id: LogId,
    inclusion_proof: InclusionProof,
    canonicalized_body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogId {
    key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InclusionProof {
    log_index: String,
    hashes: Vec<String>,
    checkpoint: Envelope,
}

#[derive(Deserialize)]
struct Envelope {
    envelope: String,
}

/// Checks that it is our entry, in a tree that a ledger of the trusted root signed.
fn verify(body: &[u8], signed: &Signed<'_>, trusted: &TrustedRoot) -> Result<LedgerEntry, String> {
    let no_entry = |error: &dyn std::error::Error| format!("it is no entry: {error}");
    let answer = bundle::LedgerEntry::parse(body).map_err(|error| no_entry(&error))?;
    let answered: Answered = serde_json::from_slice(body).map_err(|error| no_entry(&error))?;
    let expected = signed.body();
    if decode(&answered.canonicalized_body)? != expected.as_bytes() {
        return Err("its entry is not of our digest, signature and certificate".to_owned());
    }
    let proof = &answered.inclusion_proof;
    let note = SignedNote::parse(proof.checkpoint.envelope.as_bytes())
        .map_err(|error| format!("its checkpoint: {error}"))?;
    let checkpoint =
        Checkpoint::parse(note.text()).map_err(|error| format!("its checkpoint: {error}"))?;
    let name = checkpoint.origin.key_name();
    let (key, key_id) = ledger_key(&decode(&answered.log_id.key_id)?, name, trusted)?;
    let line = note.signature_by(name, key_id);
    let line = line.ok_or("its checkpoint is not signed by the ledger that it names")?;
    key.verify(note.text().as_bytes(), &line.signature)
        .map_err(|_| "its checkpoint's signature is not the ledger's")?;
    if proof.hashes.len() > MOST_HASHES {
        return Err("its proof has more than 63 hashes".to_owned());
    }
    let hashes = proof.hashes.iter().map(|hash| {
        let hash = decode(hash)?;
        Hash::try_from(&*hash).map_err(|error| format!("its proof: {error}"))
    });
    let hashes = hashes.collect::<Result<Vec<_>, String>>()?;
    let index = proof.log_index.parse();
    let index = index.map_err(|_| "its proof has no index")?;
    let (leaf, head) = (leaf_hash(expected.as_bytes()), &checkpoint.head);
    verify_inclusion(index, head.tree_size, &leaf, &hashes, &head.root_hash)
        .map_err(|error| format!("its proof: {error}"))?;
    Ok(LedgerEntry { index, answer })
}

/// Finds the key in the trusted root. The id covers key and name, so that a key counts under its
/// ledger's own name only.
fn ledger_key(
    id: &[u8],
    name: &KeyName,
    trusted: &TrustedRoot,
) -> Result<(PublicKey, [u8; 4]), String> {
    let mut ledgers = trusted.tlogs.iter();
    let ledger = ledgers.find(|ledger| ledger.log_id.as_ref().is_some_and(|it| it.key_id.0 == id));
    let ledger = ledger.ok_or("the trusted root has no ledger of its id")?;
    if !ledger.window().holds(SystemTime::now()) {
        return Err("the trusted root says that the ledger is over, or has not begun".to_owned());
    }
    let key = ledger.key();
    let key = key.map_err(|error| format!("its key in the trusted root: {error}"))?;
    let hash = match key.algorithm() {
        Algorithm::Ed25519 => key_hash(name, SignatureType::Ed25519, key.subject_public_key()),
        _ => key.sha256(),
    };
    match id {
        [a, b, c, d, ..] if hash == *id => Ok((key, [*a, *b, *c, *d])),
        _ => Err("its id is not that of the checkpoint's name and the key".to_owned()),
    }
}

fn decode(base64: &str) -> Result<Vec<u8>, String> {
    let decoded = STANDARD.decode(base64);
    decoded.map_err(|_| "a member is not base64".to_owned())
}
