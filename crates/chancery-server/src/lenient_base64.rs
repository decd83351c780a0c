//! Base64 as protobuf's JSON mapping reads it: either alphabet, with or without padding.

use base64::Engine as _;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// As Go's decoder, which Fulcio has: trailing bits need not be zero.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

const fn engine(alphabet: &Alphabet) -> GeneralPurpose {
    GeneralPurpose::new(alphabet, LENIENT)
}

const STANDARD_ENGINE: GeneralPurpose = engine(&STANDARD);
const URL_SAFE_ENGINE: GeneralPurpose = engine(&URL_SAFE);

/// Decodes what a client sent as `bytes`; line ends within it are skipped, as Go does.
///
/// # Errors
///
/// Fails on characters of neither alphabet, on a mix of both, and on an impossible length.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let engine = if text.contains(['-', '_']) {
        &URL_SAFE_ENGINE
    } else {
        &STANDARD_ENGINE
    };
    engine.decode(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_alphabet_is_read_with_or_without_padding() {
        for text in ["+/+/AA==", "+/+/AA", "-_-_AA==", "-_-_AA", "+/+/\r\nAA==\n"] {
            assert_eq!(decode(text).unwrap(), [0xfb, 0xff, 0xbf, 0], "{text:?}");
        }
        assert_eq!(decode("").unwrap(), b"");
    }

    #[test]
    fn a_mix_of_alphabets_and_strange_characters_are_refused() {
        for text in ["+_+/AA==", "AA AA", "!!!", "A", "AAAAA", "AA=A"] {
            assert!(decode(text).is_err(), "{text:?}");
        }
    }
}
