//! Verifier keys: the text form in which the public keys of notes are passed around.
//!
//! <https://c2sp.org/signed-note#verifier-keys>
//! ```text
//! <name>+<8 hex digits: key id>+<base64(type ‖ public key)>
//! ```
//! The public key is 32 bytes for Ed25519 (type 1) and for witnesses (type 4), and
//! `SubjectPublicKeyInfo` DER for the key of an RFC 6962 log (type 5).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::ct::LogId;
use crate::note::{KeyName, KeyNameError, SignatureType, key_id};

/// The public key of a note signer; shown as its text form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum VerifierKey {
    /// An Ed25519 key.
    Ed25519 {
        /// The name of the key; for a log's key the origin.
        name: KeyName,
        /// The 32 bytes of RFC 8032.
        public_key: [u8; 32],
    },
    /// A witness's Ed25519 key, which signs [`crate::Cosignature`]s.
    Cosignature {
        /// The name of the witness.
        name: KeyName,
        /// The 32 bytes of RFC 8032.
        public_key: [u8; 32],
    },
    /// The key of an RFC 6962 log.
    Rfc6962 {
        /// The name of the key: the log's origin.
        name: KeyName,
        /// The key as `SubjectPublicKeyInfo`, which is not looked into.
        spki_der: Vec<u8>,
    },
}

impl VerifierKey {
    /// Parses the text form.
    ///
    /// # Errors
    ///
    /// When the text is malformed, the type is another one, or the key id is not the key's.
    pub fn parse(text: &str) -> Result<Self, ParseVerifierKeyError> {
        let (name, rest) = text.split_once('+').ok_or(ParseVerifierKeyError::Parts)?;
        let (key_id, encoded) = rest.split_once('+').ok_or(ParseVerifierKeyError::Parts)?;
        let name = KeyName::parse(name)?;
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| ParseVerifierKeyError::Base64)?;
        let key = match bytes.split_first() {
            Some((&0x01, public_key)) => {
                let public_key = public_key
                    .try_into()
                    .map_err(|_| ParseVerifierKeyError::Ed25519Length)?;
                Self::Ed25519 { name, public_key }
            }
            Some((&0x04, public_key)) => {
                let public_key = public_key
                    .try_into()
                    .map_err(|_| ParseVerifierKeyError::Ed25519Length)?;
                Self::Cosignature { name, public_key }
            }
            Some((&0x05, spki_der)) => Self::Rfc6962 {
                name,
                spki_der: spki_der.to_vec(),
            },
            Some((&other, _)) => return Err(ParseVerifierKeyError::Type { found: other }),
            None => return Err(ParseVerifierKeyError::Base64),
        };
        if hex(key.key_id()) == key_id {
            Ok(key)
        } else {
            Err(ParseVerifierKeyError::KeyId)
        }
    }

    /// Returns the name of the key.
    pub fn name(&self) -> &KeyName {
        let (Self::Ed25519 { name, .. }
        | Self::Cosignature { name, .. }
        | Self::Rfc6962 { name, .. }) = self;
        name
    }

    /// Returns the key without its name: 32 bytes of Ed25519, or `SubjectPublicKeyInfo`.
    pub fn public_key(&self) -> &[u8] {
        match self {
            Self::Ed25519 { public_key, .. } | Self::Cosignature { public_key, .. } => public_key,
            Self::Rfc6962 { spki_der, .. } => spki_der,
        }
    }

    /// Returns the id of the key, by which its signatures are found.
    pub fn key_id(&self) -> [u8; 4] {
        match self {
            Self::Ed25519 { name, public_key } => key_id(name, SignatureType::Ed25519, public_key),
            Self::Cosignature { name, public_key } => {
                key_id(name, SignatureType::Cosignature, public_key)
            }
            Self::Rfc6962 { name, spki_der } => key_id(
                name,
                SignatureType::Rfc6962,
                LogId::of_spki(spki_der).as_bytes(),
            ),
        }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (signature_type, public_key) = match self {
            Self::Ed25519 { public_key, .. } => (SignatureType::Ed25519, &public_key[..]),
            Self::Cosignature { public_key, .. } => (SignatureType::Cosignature, &public_key[..]),
            Self::Rfc6962 { spki_der, .. } => (SignatureType::Rfc6962, &spki_der[..]),
        };
        let bytes = [&[signature_type as u8], public_key].concat();
        write!(
            f,
            "{}+{}+{}",
            self.name(),
            hex(self.key_id()),
            STANDARD.encode(bytes)
        )
    }
}

fn hex(key_id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(key_id))
}

/// Why a text is not a verifier key; each variant is the fault of whoever wrote it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseVerifierKeyError {
    /// The last part cannot be read.
    #[error("the last part of the verifier key is not the base64 of a type and a key")]
    Base64,
    /// An Ed25519 key of another length.
    #[error("the Ed25519 public key in the verifier key has not 32 bytes")]
    Ed25519Length,
    /// The key id does not follow from name and key: one of them has been altered.
    #[error("the key id in the verifier key is not that of its name and public key")]
    KeyId,
    /// The first part is no name.
    #[error("the verifier key does not begin with a key name")]
    Name(#[from] KeyNameError),
    /// There are not three parts.
    #[error("a verifier key is name, key id and public key, with a + between them")]
    Parts,
    /// Keys of this type are not known here.
    #[error("verifier keys of type 0x{found:02x} are not supported: 0x01, 0x04 and 0x05 are")]
    Type {
        /// The type.
        found: u8,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of c2sp.org/signed-note.
    const EXAMPLE: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    #[test]
    fn the_example_of_the_specification_is_read_and_written() {
        let key = VerifierKey::parse(EXAMPLE).unwrap();
        assert_eq!(key.name().as_str(), "example.com/foo");
        assert_eq!(key.key_id(), [0x53, 0x0d, 0x90, 0x3a]);
        assert_eq!(key.to_string(), EXAMPLE);
    }

    #[test]
    fn a_key_id_that_is_not_the_keys_is_refused() {
        let altered = EXAMPLE.replace("530d903a", "530d903b");
        assert_eq!(
            VerifierKey::parse(&altered),
            Err(ParseVerifierKeyError::KeyId)
        );
        let renamed = EXAMPLE.replace("foo", "bar");
        assert_eq!(
            VerifierKey::parse(&renamed),
            Err(ParseVerifierKeyError::KeyId)
        );
        let upper_case = EXAMPLE.replace("530d903a", "530D903A");
        assert_eq!(
            VerifierKey::parse(&upper_case),
            Err(ParseVerifierKeyError::KeyId)
        );
    }

    #[test]
    fn malformed_keys_are_refused() {
        let cases = [
            ("", ParseVerifierKeyError::Parts),
            ("name+530d903a", ParseVerifierKeyError::Parts),
            (
                "+530d903a+AQ==",
                ParseVerifierKeyError::Name(KeyNameError::Empty),
            ),
            ("name+530d903a+", ParseVerifierKeyError::Base64),
            ("name+530d903a+AQ", ParseVerifierKeyError::Base64),
            ("name+530d903a+AQ==", ParseVerifierKeyError::Ed25519Length),
            ("name+530d903a+BAAA", ParseVerifierKeyError::Ed25519Length),
            (
                "name+530d903a+BgAA",
                ParseVerifierKeyError::Type { found: 6 },
            ),
        ];
        for (text, error) in cases {
            assert_eq!(VerifierKey::parse(text), Err(error), "{text:?}");
        }
    }
}
