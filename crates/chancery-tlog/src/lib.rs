//! Transparency-log formats: Merkle trees, proofs, tiles, signed notes, checkpoints, CT entries and
//! SCTs.
//!
//! Pure: bytes in, bytes out; no I/O, no clock and no keys. Nothing here makes or verifies a
//! signature: the caller signs the byte strings that this crate lays out.
//!
//! | part | specification |
//! |---|---|
//! | [`struct@Hash`], [`RightEdge`], [`inclusion_proof`], [`ct`] | [RFC 6962] |
//! | [`TileId`], [`TilePath`], [`TileHashes`] | [C2SP tlog-tiles], [C2SP static-ct-api] |
//! | [`SignedNote`], [`VerifierKey`] | [C2SP signed-note] |
//! | [`Checkpoint`], [`Rfc6962NoteSignature`] | [C2SP tlog-checkpoint], [C2SP static-ct-api] |
//! | [`TlogProof`] | [C2SP tlog-proof] |
//! | [`Cosignature`], [`AddCheckpoint`], [`WitnessPolicy`] | [C2SP tlog-cosignature], [C2SP tlog-witness], [C2SP tlog-policy] |
//!
//! [RFC 6962]: https://www.rfc-editor.org/rfc/rfc6962
//! [C2SP tlog-tiles]: https://c2sp.org/tlog-tiles
//! [C2SP static-ct-api]: https://c2sp.org/static-ct-api
//! [C2SP signed-note]: https://c2sp.org/signed-note
//! [C2SP tlog-checkpoint]: https://c2sp.org/tlog-checkpoint
//! [C2SP tlog-proof]: https://c2sp.org/tlog-proof
//! [C2SP tlog-cosignature]: https://c2sp.org/tlog-cosignature
//! [C2SP tlog-witness]: https://c2sp.org/tlog-witness
//! [C2SP tlog-policy]: https://c2sp.org/tlog-policy

mod add_checkpoint;
mod checkpoint;
mod cosignature;
pub mod ct;
mod hash;
#[cfg(test)]
mod naive_tree;
mod note;
mod origin;
mod proof;
mod tile;
mod tile_hashes;
mod tlog_proof;
mod tree;
mod verifier_key;
mod witness_policy;

pub use add_checkpoint::{
    AddCheckpoint, MAX_CONSISTENCY_LINES, ParseAddCheckpointError, parse_witnessed_size,
};
pub use checkpoint::{
    Checkpoint, ParseCheckpointError, Rfc6962NoteSignature, Rfc6962NoteSignatureError,
    rfc6962_key_id, rfc6962_signature_input,
};
pub use cosignature::{Cosignature, ParseCosignatureError};
pub use hash::{Hash, WrongHashLength, leaf_hash, node_hash};
pub use note::{
    KeyName, KeyNameError, NoteSignature, NoteTextError, ParseNoteError, SignatureType, SignedNote,
    key_hash, key_id,
};
pub use origin::{Origin, OriginError};
pub use proof::{
    HashReader, MakeProofError, ProofError, consistency_proof, consistency_tiles, inclusion_proof,
    inclusion_tiles, verify_consistency, verify_inclusion,
};
pub use tile::{
    MAX_TILE_LEVEL, MAX_TREE_SIZE, TILE_WIDTH, TileId, TilePath, TilePathError, tile_width_at,
};
pub use tile_hashes::{InsertTileError, TileHashes};
pub use tlog_proof::{ParseTlogProofError, TlogProof, VerifyTlogProofError};
pub use tree::{EdgeError, RightEdge, TileWrite, TreeHead};
pub use verifier_key::{ParseVerifierKeyError, VerifierKey};
pub use witness_policy::{ParsePolicyError, PolicyFault, PolicyLog, PolicyWitness, WitnessPolicy};
