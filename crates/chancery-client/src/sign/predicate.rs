//! A predicate's JSON, which is signed as it is written, if it means the same to everybody.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Returns the object that a text is, byte for byte, without the white space around it.
///
/// Readers differ on which of two members with one name counts (RFC 8259, 4), so that is refused at
/// any depth.
pub(super) fn read(text: &[u8]) -> Result<&RawValue, serde_json::Error> {
    let Distinct = serde_json::from_slice(text)?;
    let raw: &RawValue = serde_json::from_slice(text)?;
    match raw.get().starts_with('{') {
        true => Ok(raw),
        false => Err(serde_json::Error::custom("it is another value")),
    }
}

/// Any value in which no object has two members with one name.
struct Distinct;

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Distinct {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while let Some(Self) = items.next_element()? {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if names.contains(&name) {
                let twice = format_args!("an object has the member {name:?} twice");
                return Err(A::Error::custom(twice));
            }
            names.insert(name);
            let Self = members.next_value()?;
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_as_it_was_written() {
        let text =
            r#" { "b" : 1.0e+2,"a":123456789012345678901234567890.10, "c":[0.1,-0,"\u00e9"] } "#;
        assert_eq!(read(text.as_bytes()).unwrap().get(), text.trim());
    }

    #[test]
    fn what_readers_differ_on_or_is_no_object_is_refused() {
        let deep = format!("{}{}", "{\"a\":".repeat(1000), "}".repeat(1000));
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"b":[{"a":1,"\u0061":2}]}"#,
            "[]",
            "{} {}",
            "1",
            "",
            "{\"a\":\"\u{1}\"}",
            &deep,
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(read(b"{\"a\":\"\xff\"}").is_err());
    }
}
