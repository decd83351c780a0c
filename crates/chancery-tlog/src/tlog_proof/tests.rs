//! Proof files: vectors, and what is none.

use proptest::prelude::*;

use super::*;
use crate::hash::leaf_hash;

const CHECKPOINT: &str = include_str!("../../tests/vectors/checkpoint");
const DATA_TILE: &[u8] = include_bytes!("../../tests/vectors/data-tile");
const HASH_TILE: &[u8] = include_bytes!("../../tests/vectors/hash-tile");
const MERKLE_TREE_LEAF_1: &[u8] = include_bytes!("../../tests/vectors/merkle-tree-leaf-1");

/// The proof of entry 1 of the vectors: its path is the leaf hash of entry 0.
fn vector() -> String {
    let sibling = STANDARD.encode(&HASH_TILE[..32]);
    format!("c2sp.org/tlog-proof@v1\nindex 1\n{sibling}\n\n{CHECKPOINT}")
}

#[test]
fn the_proof_of_a_published_entry_is_read_written_and_verified() {
    let proof = TlogProof::parse(vector().as_bytes()).unwrap();
    assert_eq!((proof.index, proof.path.len(), &proof.extra), (1, 1, &None));
    assert_eq!(proof.encode(), vector());
    let checkpoint = proof.verify_leaf(&leaf_hash(MERKLE_TREE_LEAF_1)).unwrap();
    assert_eq!(checkpoint.head.tree_size, 2);
    assert_eq!(checkpoint.origin.as_str(), "ctlog.chancery.test/2026h2");
    let wrong = proof.verify_leaf(&leaf_hash(DATA_TILE));
    let wrong_root = VerifyTlogProofError::Inclusion(ProofError::WrongRoot);
    assert_eq!(wrong, Err(wrong_root));
    let moved = TlogProof { index: 2, ..proof };
    assert!(moved.verify_leaf(&leaf_hash(MERKLE_TREE_LEAF_1)).is_err());
}

#[test]
fn extra_bytes_are_kept_whatever_they_are() {
    for extra in [vec![], vec![0xff; 300], MERKLE_TREE_LEAF_1.to_vec()] {
        let mut proof = TlogProof::parse(vector().as_bytes()).unwrap();
        proof.extra = Some(extra);
        let text = proof.encode();
        assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra "));
        assert_eq!(TlogProof::parse(text.as_bytes()), Ok(proof));
    }
}

#[test]
fn what_is_no_proof_is_told_by_what_is_wrong_with_it() {
    use ParseTlogProofError as Error;
    let good = vector();
    let changed = |from: &str, to: &str| {
        assert!(good.contains(from));
        TlogProof::parse(good.replacen(from, to, 1).as_bytes()).unwrap_err()
    };
    for (from, to, expected) in [
        ("@v1", "@v2", Error::Header),
        ("@v1\n", "@v1\r\n", Error::Header),
        ("c2sp", " c2sp", Error::Header),
        ("index 1", "index 01", Error::Index),
        ("index 1", "index +1", Error::Index),
        ("index 1", "index  1", Error::Index),
        ("index 1", "index 18446744073709551616", Error::Index),
        ("index 1\n", "", Error::Index),
        ("index 1", "extra !\nindex 1", Error::Extra),
        ("index 1", "extra AA==\nextra AA==\nindex 1", Error::Index),
        ("index 1\n", "index 1\nAA==\n", Error::Hash { number: 1 }),
        ("index 1\n", "index 1\n \n", Error::Hash { number: 1 }),
    ] {
        assert_eq!(changed(from, to), expected, "{from:?} {to:?}");
    }
    let sibling = STANDARD.encode(&HASH_TILE[..32]) + "\n";
    let longest = good.replacen(&sibling, &sibling.repeat(63), 1);
    assert!(TlogProof::parse(longest.as_bytes()).is_ok());
    let too_many = changed(&sibling, &sibling.repeat(64));
    assert_eq!(too_many, Error::Hash { number: 64 });
    let unsigned = good.split_once("\n\n").unwrap().0;
    let unsigned = TlogProof::parse(unsigned.as_bytes());
    assert_eq!(unsigned, Err(Error::NoCheckpoint));
    let signature = good.rfind("\n\n").unwrap();
    let unsigned = TlogProof::parse(&good.as_bytes()[..signature + 1]);
    assert!(matches!(unsigned, Err(Error::Checkpoint(_))));
    let long = [good.as_bytes(), &vec![b'x'; MAX_LENGTH]].concat();
    assert_eq!(TlogProof::parse(&long), Err(Error::TooLong));
}

proptest! {
    #[test]
    fn whatever_is_read_is_written_again_as_it_was(
        place in 0..600_usize,
        byte in any::<u8>(),
    ) {
        let mut bytes = vector().into_bytes();
        if let Some(changed) = bytes.get_mut(place) {
            *changed = byte;
        }
        if let Ok(proof) = TlogProof::parse(&bytes) {
            prop_assert_eq!(proof.encode().into_bytes(), bytes);
        }
    }
}
