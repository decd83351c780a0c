//! Metadata with the signatures over them.

use std::collections::{BTreeMap, BTreeSet};

use chancery_keys::{SignError, Signer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{Expires, KeyId, Metadata, MetadataVersion, NotCanonical, Role, RoleKeys};
use super::{UnsupportedKey, canonical};

/// A file of metadata: the content of a role, and what signatures there are. That they hold is not
/// said by the type, since it depends on who is trusted: see [`Signed::require`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signed<T> {
    content: T,
    canonical: Vec<u8>,
    signatures: BTreeMap<KeyId, Vec<u8>>,
}

/// Why bytes are not metadata.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// There are more bytes than clients take.
    #[error("{role} metadata of {length} bytes are more than clients take ({})", role.size_limit())]
    Size {
        /// Whose.
        role: Role,
        /// How many.
        length: usize,
    },
    /// They are not JSON, or not of this shape.
    #[error("these are no {role} metadata: {source}")]
    Shape {
        /// Whose.
        role: Role,
        /// What stood in the way.
        source: serde_json::Error,
    },
    /// They cannot be what was signed.
    #[error("these are no {role} metadata: {source}")]
    NotCanonical {
        /// Whose.
        role: Role,
        /// Why.
        source: NotCanonical,
    },
    /// They say what they must not.
    #[error("these {role} metadata cannot be used: {what}")]
    Content {
        /// Whose.
        role: Role,
        /// What is wrong.
        what: String,
    },
}

/// Too few of the keys that count have signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "version {version} of {role} has {signed} good signatures of the {needed} that are needed \
     of the keys for {by}"
)]
pub struct ThresholdError {
    /// Whose metadata.
    pub role: Role,
    /// Which.
    pub version: MetadataVersion,
    /// For whom the keys are: of the root before, for a new root.
    pub by: &'static str,
    /// How many have signed.
    pub signed: usize,
    /// How many must.
    pub needed: u32,
}

impl MetadataError {
    pub(super) fn content(role: Role, what: &str) -> Self {
        Self::Content {
            role,
            what: what.to_owned(),
        }
    }
}

#[derive(Serialize)]
struct Written<'a, T> {
    signatures: Vec<SignatureText>,
    signed: &'a T,
}

#[derive(Deserialize)]
struct Read {
    signatures: Vec<SignatureText>,
    signed: Value,
}

#[derive(Deserialize, Serialize)]
struct SignatureText {
    keyid: KeyId,
    #[serde(with = "hex::serde")]
    sig: Vec<u8>,
}

impl<T: Metadata> Signed<T> {
    /// Takes metadata that nobody has signed yet.
    ///
    /// # Errors
    /// [`MetadataError`] if clients would not take them.
    pub fn unsigned(content: T) -> Result<Self, MetadataError> {
        let role = T::ROLE;
        content.head().check(role)?;
        content.check()?;
        let value = serde_json::to_value(&content);
        let value = value.map_err(|source| MetadataError::Shape { role, source })?;
        let canonical =
            canonical(&value).map_err(|source| MetadataError::NotCanonical { role, source })?;
        Ok(Self {
            content,
            canonical,
            signatures: BTreeMap::new(),
        })
    }

    /// Reads a file of metadata. No signature is verified.
    ///
    /// Members that are not known here are refused, although the specification lets clients ignore
    /// them: all that is read here was made by a Chancery, and what it does not know it must not
    /// sign on.
    ///
    /// # Errors
    /// [`MetadataError`] says what is wrong with them.
    pub fn parse(bytes: &[u8]) -> Result<Self, MetadataError> {
        let role = T::ROLE;
        let length = bytes.len();
        if length > role.size_limit() {
            return Err(MetadataError::Size { role, length });
        }
        let read = serde_json::from_slice(bytes);
        Self::of(read.map_err(|source| MetadataError::Shape { role, source })?)
    }

    fn of(read: Read) -> Result<Self, MetadataError> {
        let role = T::ROLE;
        let signed = canonical(&read.signed)
            .map_err(|source| MetadataError::NotCanonical { role, source })?;
        let content = serde_json::from_value(read.signed);
        let content = content.map_err(|source| MetadataError::Shape { role, source })?;
        let unsigned = Self::unsigned(content)?;
        if unsigned.canonical != signed {
            let what = "they have members that this version of Chancery does not know";
            return Err(MetadataError::content(role, what));
        }
        let signatures = read.signatures.into_iter();
        Ok(Self {
            signatures: signatures.map(|text| (text.keyid, text.sig)).collect(),
            ..unsigned
        })
    }

    /// Returns what is said.
    pub fn content(&self) -> &T {
        &self.content
    }

    /// Returns the version.
    pub fn version(&self) -> MetadataVersion {
        self.content.head().version
    }

    /// Returns when they expire.
    pub fn expires(&self) -> Expires {
        self.content.head().expires
    }

    /// Returns the bytes that are signed.
    pub fn canonical(&self) -> &[u8] {
        &self.canonical
    }

    /// Writes the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
        let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
        // It was serialised before, when it was made or read; and a vector takes every byte.
        let _ = self.serialize(&mut serializer);
        bytes
    }

    /// Adds a signature.
    ///
    /// # Errors
    /// [`SigningError`] if the key is none for TUF, or does not sign.
    pub async fn sign(&mut self, signer: &dyn Signer) -> Result<(), SigningError> {
        let id = KeyId::of(signer.public_key())?;
        let signature = signer.sign(&self.canonical).await?;
        self.signatures.insert(id, signature);
        Ok(())
    }

    /// Returns which of the keys have signed, each once however often it is among them.
    pub fn signed_by(&self, keys: &RoleKeys) -> BTreeSet<KeyId> {
        let named = keys
            .keys
            .iter()
            .filter_map(|key| Some((KeyId::of(key).ok()?, key)));
        named
            .filter(|(id, key)| {
                let signature = self.signatures.get(id);
                signature.is_some_and(|bytes| key.verify(&self.canonical, bytes).is_ok())
            })
            .map(|(id, _)| id)
            .collect()
    }

    /// Refuses metadata that too few of the keys have signed.
    ///
    /// # Errors
    /// [`ThresholdError`] says how many have, and how many must. `by` says whose keys they are.
    pub fn require(&self, keys: &RoleKeys, by: &'static str) -> Result<(), ThresholdError> {
        let good = self.signed_by(keys);
        let needed = keys.threshold.get();
        if good.len() >= usize::try_from(needed).unwrap_or(usize::MAX) {
            return Ok(());
        }
        Err(ThresholdError {
            role: T::ROLE,
            version: self.version(),
            by,
            signed: good.len(),
            needed,
        })
    }
}

/// Why no signature was added.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SigningError {
    /// Clients do not verify with such a key.
    #[error(transparent)]
    Key(#[from] UnsupportedKey),
    /// The key made none.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl<T: Metadata> Serialize for Signed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let signatures = self.signatures.iter().map(|(keyid, sig)| SignatureText {
            keyid: *keyid,
            sig: sig.clone(),
        });
        Written {
            signatures: signatures.collect(),
            signed: &self.content,
        }
        .serialize(serializer)
    }
}

impl<'de, T: Metadata> Deserialize<'de> for Signed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::of(Read::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
