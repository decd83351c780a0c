//! Keys as TUF writes and names them.

use std::fmt;

use chancery_keys::{Algorithm, PublicKey, PublicKeyError};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::canonical;

const PEM_LABEL: &str = "PUBLIC KEY";

/// What names a key: the SHA-256 of its canonical form.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub struct KeyId([u8; 32]);

/// A key object of root metadata.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TufKey {
    keytype: String,
    keyval: KeyValue,
    scheme: String,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct KeyValue {
    /// 64 hexadecimal digits of an Ed25519 key; else SPKI in PEM.
    public: String,
}

/// Not every client verifies with such a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("clients of TUF do not verify with {0}: use a key of Ed25519 or on P-256")]
pub struct UnsupportedKey(pub Algorithm);

impl TufKey {
    /// Writes a key.
    ///
    /// # Errors
    /// [`UnsupportedKey`] if it is neither of Ed25519 nor on P-256.
    pub fn of(key: &PublicKey) -> Result<Self, UnsupportedKey> {
        let (keytype, scheme, public) = match key.algorithm() {
            Algorithm::Ed25519 => ("ed25519", "ed25519", hex::encode(key.subject_public_key())),
            Algorithm::EcdsaP256Sha256 => ("ecdsa", "ecdsa-sha2-nistp256", pem_of(key)),
            other => return Err(UnsupportedKey(other)),
        };
        Ok(Self {
            keytype: keytype.to_owned(),
            keyval: KeyValue { public },
            scheme: scheme.to_owned(),
        })
    }

    /// Returns the key's name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let object = json!({
            "keytype": self.keytype,
            "keyval": { "public": self.keyval.public },
            "scheme": self.scheme,
        });
        // There are texts only in it.
        KeyId(Sha256::digest(canonical(&object).unwrap_or_default()).into())
    }

    /// Reads the key, if it is written as it is here: so that no key has two names.
    pub(super) fn public_key(&self) -> Option<PublicKey> {
        let key = match self.keytype.as_str() {
            "ed25519" => {
                let bytes: [u8; 32] = hex::decode(&self.keyval.public).ok()?.try_into().ok()?;
                PublicKey::from_ed25519(&bytes)
            }
            "ecdsa" => {
                let pem = pem::parse(&self.keyval.public).ok()?;
                PublicKey::from_spki_der(pem.contents())
            }
            _ => return None,
        };
        let key = key.map_err(|_: PublicKeyError| ()).ok()?;
        (Self::of(&key).as_ref() == Ok(self)).then_some(key)
    }
}

fn pem_of(key: &PublicKey) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new(PEM_LABEL, key.spki_der()), config)
}

impl KeyId {
    /// Returns the name of a key.
    ///
    /// # Errors
    /// [`UnsupportedKey`], as [`TufKey::of`].
    pub fn of(key: &PublicKey) -> Result<Self, UnsupportedKey> {
        Ok(TufKey::of(key)?.id())
    }

    /// Returns enough of the name to tell keys apart by eye.
    #[must_use]
    pub fn short(&self) -> String {
        let mut digits = self.to_string();
        digits.truncate(16);
        digits
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = hex::decode(&text).ok().and_then(|b| b.try_into().ok());
        let id = bytes.map(Self).filter(|id| id.to_string() == text);
        id.ok_or_else(|| serde::de::Error::custom("a key's name is not 64 digits of hexadecimal"))
    }
}
