//! Keys that are refused by name: because their private halves are known, for one.

use std::collections::HashSet;
use std::fmt;

use chancery_keys::PublicKey;

/// A list of keys, each named by the SHA-256 of its DER `SubjectPublicKeyInfo`.
#[derive(Clone, Default)]
pub struct BlockList(HashSet<[u8; 32]>);

/// A line of a block list that names no key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "line {line}: not the SHA-256 of a public key; write 64 hexadecimal digits, a line for each \
     key, comments after #"
)]
pub struct BlockListError {
    /// Its number, from 1.
    pub line: usize,
}

impl BlockList {
    /// Reads a list: a digest in hexadecimal on each line, with comments from `#` to the line's end.
    ///
    /// # Errors
    /// The first line that holds anything else.
    pub fn parse(text: &str) -> Result<Self, BlockListError> {
        let mut keys = HashSet::new();
        for (line, text) in (1..).zip(text.lines()) {
            let digest = text.split('#').next().unwrap_or_default().trim();
            if digest.is_empty() {
                continue;
            }
            let mut key = [0; 32];
            hex::decode_to_slice(digest, &mut key).map_err(|_| BlockListError { line })?;
            keys.insert(key);
        }
        Ok(Self(keys))
    }

    /// Returns how many keys are blocked.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether no key is blocked.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, key: &PublicKey) -> bool {
        self.0.contains(&key.sha256())
    }
}

impl fmt::Debug for BlockList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockList({} keys)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use chancery_keys::{KeyType, LocalKey, Signer};

    use super::*;

    fn key() -> PublicKey {
        let key = LocalKey::generate(KeyType::P256).unwrap();
        key.public_key().clone()
    }

    #[test]
    fn the_keys_of_the_list_and_no_others_are_blocked() {
        let (one, two, other) = (key(), key(), key());
        let text = format!(
            "# leaked\n\n  {} # in a public repository\r\n{}",
            hex::encode(one.sha256()),
            hex::encode_upper(two.sha256())
        );
        let list = BlockList::parse(&text).unwrap();
        assert_eq!(list.len(), 2);
        assert!(list.contains(&one) && list.contains(&two));
        assert!(!list.contains(&other));
    }

    #[test]
    fn a_line_that_is_no_digest_is_named() {
        let digest = "a".repeat(64);
        for bad in ["x", &digest[1..], &format!("{digest}aa"), &"ä".repeat(32)] {
            let refused = BlockList::parse(&format!("{digest}\n{bad}\n")).unwrap_err();
            assert_eq!(refused, BlockListError { line: 2 });
        }
    }
}
