//! A guard's record as one line of text, as the file and the object have it.
//!
//! ```text
//! chancery-guard/1 <id> <sequence> <tree size> <root hash> <first 16 hex digits of SHA-256 of all before>
//! ```

use std::fmt;

use chancery_tlog::{Hash, TreeHead};
use rand::RngExt;
use sha2::{Digest, Sha256};

const MAGIC: &str = "chancery-guard/1";

/// Which guard it is, how often it has moved, and where it stands. Prints itself as the line, without
/// a line ending.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// The guard's id.
    pub id: String,
    /// How often the guard has moved: no two records of one guard are the same text.
    pub sequence: u64,
    /// Where it stands.
    pub head: TreeHead,
}

impl Record {
    /// Makes the first record of a new guard, with a random id.
    pub fn first(head: &TreeHead) -> Self {
        Self {
            id: random_id(),
            sequence: 0,
            head: *head,
        }
    }

    /// Returns the record that follows when the guard moves to `head`.
    #[must_use]
    pub fn moved_to(&self, head: &TreeHead) -> Self {
        Self {
            id: self.id.clone(),
            sequence: self.sequence + 1,
            head: *head,
        }
    }

    /// Reads the line at the beginning of `bytes`; nothing if it is not a guard's, or damaged.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(bytes).ok()?.lines().next()?;
        let (text, sum) = line.rsplit_once(' ')?;
        let mut fields = text.split(' ');
        if sum != hex::encode(checksum(text)) || fields.next()? != MAGIC {
            return None;
        }
        let id = fields.next()?.to_owned();
        let sequence = fields.next()?.parse().ok()?;
        let tree_size = fields.next()?.parse().ok()?;
        let root = hex::decode(fields.next()?).ok()?;
        let root_hash = Hash::try_from(root.as_slice()).ok()?;
        Some(Self {
            id,
            sequence,
            head: TreeHead {
                tree_size,
                root_hash,
            },
        })
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TreeHead {
            tree_size,
            root_hash,
        } = &self.head;
        let text = format!(
            "{MAGIC} {} {} {tree_size} {root_hash}",
            self.id, self.sequence
        );
        write!(f, "{text} {}", hex::encode(checksum(&text)))
    }
}

/// Makes an id that no other guard has.
pub fn random_id() -> String {
    hex::encode(rand::rng().random::<[u8; 16]>())
}

/// Tells a damaged record from a whole one: the beginning of a SHA-256.
pub fn checksum(text: &str) -> [u8; 8] {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let mut sum = [0; 8];
    sum.copy_from_slice(&digest[..8]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_and_no_changed_one_does() {
        let record = Record::first(&TreeHead::EMPTY).moved_to(&TreeHead {
            tree_size: 41,
            root_hash: chancery_tlog::leaf_hash(b"41"),
        });
        let line = record.to_string();
        assert_eq!(Record::parse(line.as_bytes()), Some(record.clone()));
        assert_eq!(
            Record::parse(format!("{line}\nmore").as_bytes()),
            Some(record)
        );
        for place in 0..line.len() {
            let mut changed = line.clone().into_bytes();
            changed[place] ^= 1;
            assert_eq!(Record::parse(&changed), None, "at {place}");
        }
        assert_eq!(Record::parse(&line.as_bytes()[..line.len() - 1]), None);
    }
}
