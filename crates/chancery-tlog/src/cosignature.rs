//! Cosignatures: a witness's timestamped signature under somebody else's checkpoint.
//!
//! <https://c2sp.org/tlog-cosignature>, the format `cosignature/v1`
//! ```text
//! signed     "cosignature/v1" newline "time " <seconds since 1970> newline <text of the checkpoint>
//! signature  u64 seconds since 1970 ‖ 64 bytes of Ed25519
//! ```

use crate::note::{KeyName, NoteSignature, SignatureType, key_id};

/// What a witness says: it saw this checkpoint at this time, and it extends all that it saw before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cosignature {
    /// When, in seconds since 1970.
    pub timestamp_s: u64,
    /// The Ed25519 signature over [`Cosignature::message`].
    pub signature: [u8; 64],
}

impl Cosignature {
    /// Returns what a witness signs: the text is the checkpoint's, with its last newline.
    pub fn message(checkpoint_text: &str, timestamp_s: u64) -> Vec<u8> {
        format!("cosignature/v1\ntime {timestamp_s}\n{checkpoint_text}").into_bytes()
    }

    /// Returns the line of the witness with this name and Ed25519 key.
    pub fn to_note_signature(&self, name: &KeyName, public_key: &[u8; 32]) -> NoteSignature {
        NoteSignature {
            name: name.clone(),
            key_id: key_id(name, SignatureType::Cosignature, public_key),
            signature: self.encode(),
        }
    }

    /// Returns the bytes that follow the key id.
    pub fn encode(&self) -> Vec<u8> {
        [&self.timestamp_s.to_be_bytes()[..], &self.signature].concat()
    }

    /// Parses the bytes that follow the key id: a [`NoteSignature`]'s signature.
    ///
    /// # Errors
    ///
    /// When there are more or fewer than 72 of them.
    pub fn parse(signature: &[u8]) -> Result<Self, ParseCosignatureError> {
        let found = signature.len();
        let wrong = || ParseCosignatureError { found };
        let (timestamp_s, signature) = signature.split_first_chunk().ok_or_else(wrong)?;
        Ok(Self {
            timestamp_s: u64::from_be_bytes(*timestamp_s),
            signature: signature.try_into().map_err(|_| wrong())?,
        })
    }
}

/// Why bytes are no cosignature.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a cosignature is 72 bytes after the key id, and these are {found}")]
pub struct ParseCosignatureError {
    /// How many bytes there are.
    pub found: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cosignature_reads_back_and_no_other_length_does() {
        let cosignature = Cosignature {
            timestamp_s: 0x0102_0304_0506_0708,
            signature: [9; 64],
        };
        let bytes = cosignature.encode();
        assert_eq!(bytes[..8], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(Cosignature::parse(&bytes), Ok(cosignature));
        for length in [0, 7, 8, 71, 73] {
            let mut other = bytes.clone();
            other.resize(length, 0);
            let found = length;
            assert_eq!(
                Cosignature::parse(&other),
                Err(ParseCosignatureError { found })
            );
        }
    }

    #[test]
    fn the_message_is_two_lines_and_the_checkpoint() {
        assert_eq!(
            Cosignature::message("log.example\n0\nroot\n", 12),
            b"cosignature/v1\ntime 12\nlog.example\n0\nroot\n"
        );
    }
}
