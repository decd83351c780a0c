//! Tests of proofs against the tree that RFC 6962 defines.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::naive_tree::TREE;

const MAX_SIZE: usize = 300;
// Up to here, proofs are also compared with the RFC's definition, hash by hash.
const MAX_COMPARED: usize = 140;

fn reader() -> impl HashReader {
    |height: u8, index: u64| {
        let start = (index as usize) << height;
        Some(TREE.root(start, start + (1 << height)))
    }
}

fn head(size: usize) -> TreeHead {
    TreeHead {
        tree_size: size as u64,
        root_hash: TREE.root(0, size),
    }
}

#[test]
fn every_leaf_of_every_tree_is_proven_included() {
    for size in 1..=MAX_SIZE {
        let root_hash = TREE.root(0, size);
        for index in 0..size {
            let (leaf, tree_size) = (index as u64, size as u64);
            let proof = inclusion_proof(leaf, tree_size, &reader()).unwrap();
            if size <= MAX_COMPARED {
                assert_eq!(proof, TREE.path(index, 0, size), "{index} in {size}");
            }
            let leaf_hash = TREE.root(index, index + 1);
            assert_eq!(
                verify_inclusion(leaf, tree_size, &leaf_hash, &proof, &root_hash),
                Ok(())
            );
        }
    }
}

#[test]
fn every_tree_is_proven_consistent_with_every_later_one() {
    let heads: Vec<_> = (0..=MAX_SIZE).map(head).collect();
    for new in 0..=MAX_SIZE {
        for old in 0..=new {
            let proof = consistency_proof(old as u64, new as u64, &reader()).unwrap();
            if old > 0 && new <= MAX_COMPARED {
                assert_eq!(proof, TREE.proof(old, new), "{old} to {new}");
            }
            assert_eq!(verify_consistency(&heads[old], &heads[new], &proof), Ok(()));
        }
    }
}

#[test]
fn proofs_of_what_cannot_be_are_neither_made_nor_accepted() {
    let (old, new) = (head(3), head(4));
    for (index, size) in [(0, 0), (4, 4), (u64::MAX, 4), (u64::MAX, u64::MAX)] {
        let error = MakeProofError::NoSuchLeaf { index, size };
        assert_eq!(inclusion_proof(index, size, &reader()), Err(error));
        assert_eq!(inclusion_tiles(index, size), []);
        let error = ProofError::NoSuchLeaf { index, size };
        assert_eq!(
            verify_inclusion(index, size, &old.root_hash, &[], &old.root_hash),
            Err(error)
        );
    }
    let error = MakeProofError::Shrunk {
        old_size: 4,
        new_size: 3,
    };
    assert_eq!(consistency_proof(4, 3, &reader()), Err(error));
    assert_eq!(consistency_tiles(4, 3), []);
    let error = ProofError::Shrunk {
        old_size: 4,
        new_size: 3,
    };
    assert_eq!(verify_consistency(&new, &old, &[]), Err(error));
}

#[test]
fn the_largest_sizes_are_refused_without_overflow() {
    let hash = Hash::EMPTY_ROOT;
    for size in [1 << 40, 1 << 63, u64::MAX - 1, u64::MAX] {
        for index in [0, 1, size / 2, size - 1] {
            let proof = verify_inclusion(index, size, &hash, &[hash; 64], &hash);
            assert!(proof.is_err(), "{index} in {size}");
            let head = |tree_size| TreeHead {
                tree_size,
                root_hash: hash,
            };
            assert!(verify_consistency(&head(index + 1), &head(size), &[hash; 63]).is_err());
            let missing = inclusion_proof(index, size, &|_, _| None);
            assert!(matches!(missing, Err(MakeProofError::MissingNode { .. })));
        }
    }
}

#[test]
fn two_roots_of_one_size_are_a_fork() {
    let honest = head(5);
    let other = TreeHead {
        root_hash: TREE.root(1, 6),
        ..honest
    };
    assert_eq!(
        verify_consistency(&honest, &other, &[]),
        Err(ProofError::WrongRoot)
    );
    let too_long = ProofError::WrongLength {
        expected: 0,
        found: 1,
    };
    assert_eq!(
        verify_consistency(&honest, &honest, &[honest.root_hash]),
        Err(too_long)
    );
}

#[test]
fn a_tree_without_leaves_has_the_empty_root_only() {
    let false_root = TreeHead {
        root_hash: TREE.root(0, 1),
        ..TreeHead::EMPTY
    };
    assert_eq!(
        verify_consistency(&false_root, &head(5), &[]),
        Err(ProofError::WrongRoot)
    );
    assert_eq!(
        verify_consistency(&false_root, &false_root, &[]),
        Err(ProofError::WrongRoot)
    );
    assert_eq!(
        verify_consistency(&TreeHead::EMPTY, &false_root, &[]),
        Err(ProofError::WrongRoot)
    );
}

#[derive(Clone, Debug)]
enum Mutation {
    Duplicate(Index),
    FlipBit(Index, Index),
    Insert(Index),
    Remove(Index),
    Swap(Index, Index),
}

impl Mutation {
    /// Returns the proof with one thing changed, or nothing if it would be the same.
    fn apply(&self, proof: &[Hash]) -> Option<Vec<Hash>> {
        let mut mutated = proof.to_vec();
        match self {
            Self::Insert(at) => mutated.insert(at.index(proof.len() + 1), Hash::EMPTY_ROOT),
            _ if proof.is_empty() => return None,
            Self::Duplicate(at) => mutated.push(proof[at.index(proof.len())]),
            Self::FlipBit(at, bit) => {
                let at = at.index(proof.len());
                let mut bytes = *proof[at].as_bytes();
                let bit = bit.index(256);
                bytes[bit / 8] ^= 1 << (bit % 8);
                mutated[at] = Hash::from_bytes(bytes);
            }
            Self::Remove(at) => drop(mutated.remove(at.index(proof.len()))),
            Self::Swap(a, b) => mutated.swap(a.index(proof.len()), b.index(proof.len())),
        }
        (mutated != proof).then_some(mutated)
    }
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        any::<Index>().prop_map(Mutation::Duplicate),
        any::<(Index, Index)>().prop_map(|(at, bit)| Mutation::FlipBit(at, bit)),
        any::<Index>().prop_map(Mutation::Insert),
        any::<Index>().prop_map(Mutation::Remove),
        any::<(Index, Index)>().prop_map(|(a, b)| Mutation::Swap(a, b)),
    ]
}

proptest! {
    #[test]
    fn a_changed_inclusion_proof_is_refused(
        size in 1..MAX_SIZE,
        index in any::<Index>(),
        other in any::<Index>(),
        mutation in mutation(),
    ) {
        let (index, other) = (index.index(size), other.index(size));
        let proof = TREE.path(index, 0, size);
        let (leaf_hash, root_hash) = (TREE.root(index, index + 1), TREE.root(0, size));
        let verify = |index: usize, proof: &[Hash]| {
            verify_inclusion(index as u64, size as u64, &leaf_hash, proof, &root_hash)
        };
        prop_assert_eq!(verify(index, &proof), Ok(()));
        if let Some(mutated) = mutation.apply(&proof) {
            prop_assert!(verify(index, &mutated).is_err());
        }
        if other != index {
            prop_assert!(verify(other, &proof).is_err(), "the leaf is at another index");
        }
    }

    #[test]
    fn a_changed_consistency_proof_is_refused(
        new in 1..MAX_SIZE, old in any::<Index>(), mutation in mutation(),
    ) {
        let old = old.index(new) + 1;
        let proof = TREE.proof(old, new);
        let (old, new) = (head(old), head(new));
        prop_assert_eq!(verify_consistency(&old, &new, &proof), Ok(()));
        if let Some(mutated) = mutation.apply(&proof) {
            prop_assert!(verify_consistency(&old, &new, &mutated).is_err());
        }
        let forged = TreeHead { root_hash: Hash::EMPTY_ROOT, ..old };
        prop_assert!(verify_consistency(&forged, &new, &proof).is_err());
        let forged = TreeHead { root_hash: Hash::EMPTY_ROOT, ..new };
        prop_assert!(verify_consistency(&old, &forged, &proof).is_err());
    }
}
