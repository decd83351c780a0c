//! Bytes as protobuf's JSON has them: base64, read in either alphabet and written in the standard one.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD as WRITTEN};
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Padding may be left out: protobuf's JSON mapping has readers take both.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

const STANDARD_ALPHABET: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const URL_ALPHABET: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// A field of bytes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Base64Bytes(pub(crate) Vec<u8>);

impl Serialize for Base64Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&WRITTEN.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Base64Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string of base64")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Base64Bytes, E> {
                let engine = if text.contains(['-', '_']) {
                    &URL_ALPHABET
                } else {
                    &STANDARD_ALPHABET
                };
                let decoded = engine.decode(text);
                decoded
                    .map(Base64Bytes)
                    .map_err(|_| E::custom("a string is not base64"))
            }
        }

        deserializer.deserialize_str(Text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Base64Bytes;

    #[test]
    fn both_alphabets_are_read_with_padding_and_without_and_one_is_written() {
        for text in ["\"-_-_-w==\"", "\"+/+/+w==\"", "\"+/+/+w\"", "\"-_-_-w\""] {
            let read: Base64Bytes = serde_json::from_str(text).unwrap();
            assert_eq!(read.0, [0xfb, 0xff, 0xbf, 0xfb], "{text}");
            assert_eq!(serde_json::to_string(&read).unwrap(), "\"+/+/+w==\"");
        }
        for text in ["\"+/-_\"", "\"a\"", "\"a b=\"", "1", "[1]", "\"YQ===\""] {
            assert!(serde_json::from_str::<Base64Bytes>(text).is_err(), "{text}");
        }
    }
}
