//! Proof files: what is read is written again as it was, and a proof holds for one leaf.

use chancery_tlog::ct::MerkleTreeLeaf;
use chancery_tlog::{TlogProof, leaf_hash};

/// Reads a proof file and the leaf in it.
pub fn run(input: &[u8]) {
    // A leaf by itself, if it is no proof.
    let _ = MerkleTreeLeaf::parse(input);
    let Ok(proof) = TlogProof::parse(input) else {
        return;
    };
    assert_eq!(proof.encode().as_bytes(), input, "another file is written");
    let leaf = proof.extra.clone().unwrap_or_default();
    if proof.verify_leaf(&leaf_hash(&leaf)).is_err() {
        return;
    }
    let other = leaf_hash(&[&leaf[..], &[0]].concat());
    assert!(
        proof.verify_leaf(&other).is_err(),
        "it holds for two leaves"
    );
}
