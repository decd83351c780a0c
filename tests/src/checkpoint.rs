//! Checkpoints as outsiders verify them.

use anyhow::Context;
use chancery_keys::PublicKey;
use chancery_tlog::ct::LogId;
use chancery_tlog::{
    Checkpoint, Origin, Rfc6962NoteSignature, SignatureType, SignedNote, TreeHead, key_id,
    rfc6962_key_id, rfc6962_signature_input,
};

/// A checkpoint whose signature was verified.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Size and root.
    pub head: TreeHead,
    /// When it was signed, in milliseconds since the Unix epoch; 0 where the signature does not say.
    pub timestamp_ms: u64,
}

/// Verifies a checkpoint as signed by a log's key (RFC 6962 and c2sp.org/static-ct-api), and returns it
/// with its first line.
pub fn verify(bytes: &[u8], key: &PublicKey) -> anyhow::Result<(Origin, Seen)> {
    let note = SignedNote::parse(bytes)?;
    let Checkpoint { origin, head } = Checkpoint::parse(note.text())?;
    let key_id = rfc6962_key_id(&origin, &LogId::of_spki(key.spki_der()));
    let line = note
        .signature_by(origin.key_name(), key_id)
        .context("it is not signed by the log")?;
    let signature = Rfc6962NoteSignature::parse(&line.signature)?;
    let signed = rfc6962_signature_input(&head, signature.timestamp_ms);
    key.verify(&signed, signature.signature.signature_der())?;
    let timestamp_ms = signature.timestamp_ms;
    Ok((origin, Seen { head, timestamp_ms }))
}

/// Verifies a checkpoint as signed by a ledger's Ed25519 key (c2sp.org/tlog-checkpoint), and returns it
/// with its first line.
pub fn verify_plain(bytes: &[u8], key: &PublicKey) -> anyhow::Result<(Origin, Seen)> {
    let note = SignedNote::parse(bytes)?;
    let Checkpoint { origin, head } = Checkpoint::parse(note.text())?;
    let public_key = key.subject_public_key();
    let key_id = key_id(origin.key_name(), SignatureType::Ed25519, public_key);
    let line = note
        .signature_by(origin.key_name(), key_id)
        .context("it is not signed by the ledger")?;
    key.verify(note.text().as_bytes(), &line.signature)?;
    let timestamp_ms = 0;
    Ok((origin, Seen { head, timestamp_ms }))
}
