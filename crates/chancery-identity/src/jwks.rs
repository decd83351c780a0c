//! An issuer's public keys: a JSON Web Key Set (RFC 7517, section 5).
//!
//! What cannot be used is skipped, because sets in the field hold encryption keys and algorithms of
//! tomorrow beside the keys that sign; why it was is remembered.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::Value;

use crate::jwk::{Key, KeyFault};
use crate::quoted::quoted;

/// The most keys that a set may have.
pub(crate) const MAX_KEYS: usize = 100;

/// Why a document is no key set that could be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeySetError {
    #[error("the key set is not JSON of the form {{\"keys\": […]}}, with at most {MAX_KEYS} keys")]
    Malformed(#[source] serde_json::Error),
    #[error("none of the {0} keys can verify a signature")]
    NoUsableKey(usize),
}

/// The keys of an issuer that can verify signatures: at least one.
#[derive(Debug)]
pub(crate) struct KeySet(Vec<Key>);

/// A key of a set that is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusedKey {
    /// Its name, quoted and cut, if it has one.
    pub kid: Option<String>,
    /// Why it is not used.
    pub fault: KeyFault,
}

#[derive(Deserialize)]
struct Document {
    #[serde(deserialize_with = "few")]
    keys: Vec<Value>,
}

impl KeySet {
    pub(crate) fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        let (keys, unused) = read(document)?;
        if keys.is_empty() {
            return Err(KeySetError::NoUsableKey(unused.len()));
        }
        Ok(Self(keys))
    }

    /// Returns the keys that a token which names `kid` may be signed with.
    pub(crate) fn candidates(&self, kid: Option<&str>) -> impl Iterator<Item = &Key> {
        self.0
            .iter()
            .filter(move |key| kid.is_none() || key.kid.as_deref() == kid)
    }
}

/// Reads a set into the keys that can be used and those that cannot.
pub(crate) fn read(document: &[u8]) -> Result<(Vec<Key>, Vec<UnusedKey>), KeySetError> {
    let Document { keys } = serde_json::from_slice(document).map_err(KeySetError::Malformed)?;
    let (mut usable, mut unused) = (Vec::new(), Vec::new());
    for jwk in keys {
        let kid = jwk.get("kid").and_then(Value::as_str).map(quoted);
        match Key::parse(jwk) {
            Ok(key) => usable.push(key),
            Err(fault) => unused.push(UnusedKey { kid, fault }),
        }
    }
    Ok((usable, unused))
}

/// Reads a list, and stops as soon as it is too long.
fn few<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Value>, D::Error> {
    struct Few;

    impl<'de> Visitor<'de> for Few {
        type Value = Vec<Value>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(formatter, "a list of at most {MAX_KEYS} keys")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
            let mut keys = Vec::new();
            while let Some(key) = elements.next_element()? {
                if keys.len() == MAX_KEYS {
                    return Err(serde::de::Error::invalid_length(MAX_KEYS + 1, &self));
                }
                keys.push(key);
            }
            Ok(keys)
        }
    }

    deserializer.deserialize_seq(Few)
}
