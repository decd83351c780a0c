//! Signed notes: a text and the signatures under it.
//!
//! <https://c2sp.org/signed-note>
//! ```text
//! <text, ends in a newline>
//! <empty line>
//! — <key name> <base64(4-byte key id ‖ signature)>      one line for each signature
//! ```

use std::fmt;
use std::str::Utf8Error;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

// The limits of Go's golang.org/x/mod/sumdb/note, which the other end is likely to apply too.
const MAX_LENGTH: usize = 1_000_000;
const MAX_SIGNATURES: usize = 100;

const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// A text with its signatures, none of which has been verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl SignedNote {
    /// Puts signatures under a text.
    ///
    /// # Errors
    ///
    /// When the text does not end in a newline or has another control character.
    pub fn new(text: String, signatures: Vec<NoteSignature>) -> Result<Self, NoteTextError> {
        check_text(&text)?;
        Ok(Self { text, signatures })
    }

    /// Parses a note; [`SignedNote::encode`] then gives back the same bytes.
    ///
    /// # Errors
    ///
    /// When the bytes are no signed note.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseNoteError> {
        if bytes.len() > MAX_LENGTH {
            return Err(ParseNoteError::TooLong);
        }
        let note = str::from_utf8(bytes).map_err(ParseNoteError::NotUtf8)?;
        // The text may have empty lines; signature lines are never empty.
        let (text, signatures) = note
            .rsplit_once("\n\n")
            .ok_or(ParseNoteError::NoSignatures)?;
        let text = format!("{text}\n");
        check_text(&text)?;
        let signatures = parse_signature_lines(signatures)?;
        Ok(Self { text, signatures })
    }

    /// Returns the note as it is published.
    pub fn encode(&self) -> String {
        let mut note = format!("{}\n", self.text);
        for signature in &self.signatures {
            note.push_str(&signature.to_string());
            note.push('\n');
        }
        note
    }

    /// Returns the text, with its last newline: what most signature types sign.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns all signatures in the order of their lines.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Puts one more signature under the text, as the last line.
    pub fn push(&mut self, signature: NoteSignature) {
        self.signatures.push(signature);
    }

    /// Returns the first signature that claims to be by this key.
    pub fn signature_by(&self, name: &KeyName, key_id: [u8; 4]) -> Option<&NoteSignature> {
        self.signatures
            .iter()
            .find(|line| line.name == *name && line.key_id == key_id)
    }
}

/// One signature under a note; shown as its line, without the newline.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NoteSignature {
    /// The name of the key that signed.
    pub name: KeyName,
    /// Tells the keys of one name apart: see [`key_id`].
    pub key_id: [u8; 4],
    /// The signature, as the type of the key lays it out; not empty.
    pub signature: Vec<u8>,
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.key_id[..], &self.signature].concat();
        write!(
            f,
            "{SIGNATURE_PREFIX}{} {}",
            self.name,
            STANDARD.encode(bytes)
        )
    }
}

/// The name of a key that signs notes: not empty, without spaces, control characters or `+`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct KeyName(String);

impl KeyName {
    /// Takes a name.
    ///
    /// # Errors
    ///
    /// When it is empty or has a character that a note cannot carry.
    pub fn parse(name: &str) -> Result<Self, KeyNameError> {
        if name.is_empty() {
            return Err(KeyNameError::Empty);
        }
        match name
            .chars()
            .find(|c| c.is_whitespace() || c.is_ascii_control() || *c == '+')
        {
            Some(character) => Err(KeyNameError::Character { character }),
            None => Ok(Self(name.to_owned())),
        }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a key signs notes: the byte that stands for it in key ids and verifier keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SignatureType {
    /// Ed25519 over the text: 64 bytes.
    Ed25519 = 0x01,
    /// A witness's timestamped Ed25519 signature over a checkpoint: see [`crate::Cosignature`].
    Cosignature = 0x04,
    /// An RFC 6962 log's signature over the tree head that the text states.
    Rfc6962 = 0x05,
}

/// Returns the id of a key: the first four bytes of SHA-256(name ‖ newline ‖ type ‖ public key).
///
/// For [`SignatureType::Rfc6962`] the log id stands for the public key (static-ct-api).
pub fn key_id(name: &KeyName, signature_type: SignatureType, public_key: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = key_hash(name, signature_type, public_key);
    [a, b, c, d]
}

/// Returns the whole hash of which a key's id is the beginning: the id of a Rekor v2 log.
pub fn key_hash(name: &KeyName, signature_type: SignatureType, public_key: &[u8]) -> [u8; 32] {
    let digest = Sha256::new()
        .chain_update(name.as_str())
        .chain_update([b'\n', signature_type as u8])
        .chain_update(public_key)
        .finalize();
    digest.into()
}

fn check_text(text: &str) -> Result<(), NoteTextError> {
    if !text.ends_with('\n') {
        return Err(NoteTextError::NoFinalNewline);
    }
    match text.chars().find(|c| *c < ' ' && *c != '\n') {
        Some(character) => Err(NoteTextError::ControlCharacter { character }),
        None => Ok(()),
    }
}

impl NoteSignature {
    /// Parses lines as they stand under a note, each ended: what a witness answers.
    ///
    /// # Errors
    ///
    /// When one of them is no signature line, or the last is not ended.
    pub fn parse_lines(bytes: &[u8]) -> Result<Vec<Self>, ParseNoteError> {
        if bytes.len() > MAX_LENGTH {
            return Err(ParseNoteError::TooLong);
        }
        let lines = str::from_utf8(bytes).map_err(ParseNoteError::NotUtf8)?;
        parse_signature_lines(lines)
    }
}

fn parse_signature_lines(lines: &str) -> Result<Vec<NoteSignature>, ParseNoteError> {
    lines
        .strip_suffix('\n')
        .ok_or(ParseNoteError::NoSignatures)?
        .split('\n')
        .enumerate()
        .map(|(index, line)| parse_signature_line(line, index + 1))
        .collect()
}

fn parse_signature_line(line: &str, number: usize) -> Result<NoteSignature, ParseNoteError> {
    if number > MAX_SIGNATURES {
        return Err(ParseNoteError::TooManySignatures);
    }
    let malformed = |reason| ParseNoteError::Signature { number, reason };
    let Some(line) = line.strip_prefix(SIGNATURE_PREFIX) else {
        return Err(malformed("no em dash and space"));
    };
    let Some((name, encoded)) = line.split_once(' ') else {
        return Err(malformed("no key name"));
    };
    let name = KeyName::parse(name).map_err(|_| malformed("not a key name"))?;
    let bytes = STANDARD
        .decode(encoded)
        .map_err(|_| malformed("not base64"))?;
    match bytes.split_first_chunk() {
        Some((key_id, signature)) if !signature.is_empty() => Ok(NoteSignature {
            name,
            key_id: *key_id,
            signature: signature.to_vec(),
        }),
        _ => Err(malformed("no signature after the key id")),
    }
}

/// Why a text cannot be signed as a note.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoteTextError {
    /// Only newlines may be in it.
    #[error("the text of a note has the control character {character:?}")]
    ControlCharacter {
        /// The first one.
        character: char,
    },
    /// The text is lines, and the last is not ended.
    #[error("the text of a note does not end in a newline")]
    NoFinalNewline,
}

/// Why bytes are not a signed note; each variant is the fault of whoever made the note.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseNoteError {
    /// There is no empty line with whole signature lines after it.
    #[error("the note has no signature lines after an empty line")]
    NoSignatures,
    /// A note is UTF-8.
    #[error("the note is not UTF-8")]
    NotUtf8(#[source] Utf8Error),
    /// One signature line cannot be read.
    #[error("signature line {number} of the note is malformed: {reason}")]
    Signature {
        /// The line, counted from 1.
        number: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The text is not one that can be signed.
    #[error(transparent)]
    Text(#[from] NoteTextError),
    /// Longer than any honest note.
    #[error("the note is longer than 1,000,000 bytes")]
    TooLong,
    /// More signatures than any honest note.
    #[error("the note has more than 100 signatures")]
    TooManySignatures,
}

/// Why a text is not the name of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyNameError {
    /// It has a character that a note cannot carry.
    #[error("a key name cannot have the character {character:?}")]
    Character {
        /// The first such character.
        character: char,
    },
    /// It is empty.
    #[error("a key name cannot be empty")]
    Empty,
}

#[cfg(test)]
mod tests;
