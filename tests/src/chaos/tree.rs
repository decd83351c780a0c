//! RFC 6962's tree hash a second time, apart from the code under test: root hashes at many sizes in
//! one pass.

use sha2::{Digest, Sha256};

/// A tree that grows by leaves and tells its root (RFC 6962, 2.1).
#[derive(Debug, Default)]
pub(crate) struct Tree {
    size: u64,
    /// The roots of the complete subtrees, the largest first: one for each bit of the size.
    subtrees: Vec<[u8; 32]>,
}

impl Tree {
    /// Appends the leaf with these contents.
    pub(crate) fn append(&mut self, leaf: &[u8]) {
        let mut hash: [u8; 32] = Sha256::new()
            .chain_update([0])
            .chain_update(leaf)
            .finalize()
            .into();
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                hash = node(&left, &hash);
            }
        }
        self.subtrees.push(hash);
        self.size += 1;
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn root(&self) -> [u8; 32] {
        let mut subtrees = self.subtrees.iter().rev();
        match subtrees.next() {
            None => Sha256::digest([]).into(),
            Some(last) => subtrees.fold(*last, |right, left| node(left, &right)),
        }
    }
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let hash = Sha256::new().chain_update([1]).chain_update(left);
    hash.chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use chancery_tlog::{RightEdge, leaf_hash};

    use super::Tree;

    #[test]
    fn it_agrees_with_the_log_s_own_tree_at_every_size() {
        let (mut tree, mut edge) = (Tree::default(), RightEdge::empty());
        for number in 0..600_u32 {
            assert_eq!(&tree.root(), edge.tree_head().root_hash.as_bytes());
            tree.append(&number.to_be_bytes());
            edge.append(&[leaf_hash(&number.to_be_bytes())]);
        }
        assert_eq!(tree.size(), 600);
    }
}
