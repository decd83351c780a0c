//! Values as protobuf's JSON mapping writes them, each with a bound that is kept while reading.

use std::fmt::{self, Write as _};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Reads one object with nothing after it.
pub(crate) fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, serde_json::Error> {
    let read = serde_json::from_slice(json).map(|Object(value)| value);
    read.map_err(shortened)
}

/// The most bytes that are said of what is wrong: a name that is not known stands in it.
const SAID: usize = 300;

/// Shortens an error whose text would be as long as whoever wrote the document likes.
fn shortened(error: serde_json::Error) -> serde_json::Error {
    let mut said = Shortened(String::new());
    match write!(said, "{error}") {
        Ok(()) => error,
        Err(fmt::Error) => serde_json::Error::custom(format_args!("{}…", said.0)),
    }
}

/// The beginning of a text.
struct Shortened(String);

impl fmt::Write for Shortened {
    /// Fails once there is more than is said.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = text.floor_char_boundary(SAID.saturating_sub(self.0.len()));
        let (said, rest) = text.split_at(room);
        self.0.push_str(said);
        match rest.is_empty() {
            true => Ok(()),
            false => Err(fmt::Error),
        }
    }
}

/// A struct as an object, and nothing else. By itself, a struct is also read from a list, its members
/// in the order in which they are declared here.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Object<T>(pub(crate) T);

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Object<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members)).map(Object)
            }
        }
        deserializer.deserialize_map(Members(PhantomData))
    }
}

const PADDING_OR_NOT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const EITHER: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PADDING_OR_NOT);
const EITHER_URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PADDING_OR_NOT);

/// At most `MAX` bytes in base64; with either alphabet when read, padded or not.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Bytes<const MAX: usize>(pub(crate) Vec<u8>);

impl<const MAX: usize> Serialize for Bytes<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&base64::display::Base64Display::new(&self.0, &STANDARD))
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Bytes<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Base64<const MAX: usize>;
        impl<const MAX: usize> Visitor<'_> for Base64<MAX> {
            type Value = Bytes<MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MAX} bytes in base64")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                // Four characters are three bytes: nothing is allocated for more than the most.
                if text.len() / 4 > MAX / 3 + 1 {
                    return Err(E::custom(format_args!("there are more than {MAX} bytes")));
                }
                let url_safe = text.bytes().any(|byte| matches!(byte, b'-' | b'_'));
                let engine = if url_safe { &EITHER_URL_SAFE } else { &EITHER };
                let bytes = engine
                    .decode(text)
                    .map_err(|why| E::custom(format_args!("it is not base64: {why}")))?;
                match bytes.len() > MAX {
                    true => Err(E::custom(format_args!("there are more than {MAX} bytes"))),
                    false => Ok(Bytes(bytes)),
                }
            }
        }
        deserializer.deserialize_str(Base64::<MAX>)
    }
}

/// A text of at most `MAX` bytes.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Text<const MAX: usize>(pub(crate) String);

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bounded<const MAX: usize>;
        impl<const MAX: usize> Visitor<'_> for Bounded<MAX> {
            type Value = Text<MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a text of at most {MAX} bytes")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                match text.len() > MAX {
                    true => Err(E::custom(format_args!("there are more than {MAX} bytes"))),
                    false => Ok(Text(text.to_owned())),
                }
            }
        }
        deserializer.deserialize_str(Bounded::<MAX>)
    }
}

/// A list of at most `MAX` elements. The first beyond is refused, whatever it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct AtMost<T, const MAX: usize>(pub(crate) Vec<T>);

impl<T: Serialize, const MAX: usize> Serialize for AtMost<T, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for AtMost<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for List<T, MAX> {
            type Value = AtMost<T, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MAX}")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while elements.len() < MAX {
                    match list.next_element()? {
                        Some(element) => elements.push(element),
                        None => return Ok(AtMost(elements)),
                    }
                }
                // Reading any element more fails, whatever it is.
                list.next_element::<Never>()?;
                Ok(AtMost(elements))
            }
        }
        deserializer.deserialize_seq(List(PhantomData))
    }
}

/// An element that is not looked into.
struct Never;

impl<'de> Deserialize<'de> for Never {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("the list has more elements than are read"))
    }
}

/// A 64-bit number: a string when written; a string or a number when read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Int64(pub(crate) i64);

impl Serialize for Int64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Int64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Int64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number of 64 bits, or one in a string")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Int64, E> {
                Ok(Int64(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Int64, E> {
                i64::try_from(number).map(Int64).map_err(E::custom)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Int64, E> {
                // `parse` alone would take a plus sign.
                match text
                    .strip_prefix('-')
                    .unwrap_or(text)
                    .starts_with(|c: char| c.is_ascii_digit())
                {
                    true => text.parse().map(Int64).map_err(E::custom),
                    false => Err(E::custom("it is not a number")),
                }
            }
        }
        deserializer.deserialize_any(Number)
    }
}
