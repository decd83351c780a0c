//! JSON read strictly: no member name twice, bounded depth, nothing after the value.
//!
//! RFC 8259, section 4, leaves duplicate names to the parser, and parsers differ: two readers of one
//! token may then see two identities. Here such a document is an error.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Levels of nesting that a document may have. Tokens in the field have at most four.
const MAX_DEPTH: usize = 32;

/// What all values of a document may cost together, each its octets and [`NODE`] more. No document
/// of a size that is read costs as much by itself; one whose aliases multiply does.
const MAX_COST: usize = 16 << 20;

/// What a value costs besides its text.
const NODE: usize = 16;

/// Why a document was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JsonError {
    /// A member name occurs twice in one object.
    #[error("the member {0:?} occurs twice in one object")]
    Duplicate(String),
    /// The text is no JSON, or something follows the value.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// Aliases repeat a part of it too often.
    #[error("larger than {MAX_COST} octets once its aliases are resolved")]
    TooLarge,
}

/// Reads one JSON value that fills `bytes`.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let fault = RefCell::new(None);
    let read = strictly(&mut reader, &fault).and_then(|value| reader.end().map(|()| value));
    read.map_err(|error| reason(&fault, &error))
}

/// Reads a value in another notation by the same rules.
pub(crate) fn parse_from<'de, D: Deserializer<'de>>(reader: D) -> Result<Value, JsonError> {
    let fault = RefCell::new(None);
    strictly(reader, &fault).map_err(|error| reason(&fault, &error))
}

fn strictly<'de, D: Deserializer<'de>>(
    reader: D,
    fault: &RefCell<Option<JsonError>>,
) -> Result<Value, D::Error> {
    let strict = Strict {
        depth: 0,
        cost: &Cell::new(0),
        fault,
    };
    strict.deserialize(reader)
}

fn reason(fault: &RefCell<Option<JsonError>>, error: &dyn fmt::Display) -> JsonError {
    fault
        .take()
        .unwrap_or_else(|| JsonError::Syntax(error.to_string()))
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    cost: &'a Cell<usize>,
    /// Why the reader stopped; serde's own errors carry text only.
    fault: &'a RefCell<Option<JsonError>>,
}

impl Strict<'_> {
    fn pay<E: serde::de::Error>(self, octets: usize) -> Result<(), E> {
        let cost = self.cost.get().saturating_add(octets + NODE);
        self.cost.set(cost);
        if cost > MAX_COST {
            return Err(self.stop(JsonError::TooLarge));
        }
        Ok(())
    }

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.stop(JsonError::TooDeep));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }

    fn stop<E: serde::de::Error>(self, fault: JsonError) -> E {
        self.fault.replace(Some(fault));
        E::custom("refused")
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        self.pay(0)?;
        Ok(Value::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Value, E> {
        self.pay(0)?;
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        self.pay(0)?;
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        self.pay(0)?;
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        self.pay(0)?;
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.pay(value.len())?;
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<Value, E> {
        self.pay(value.len())?;
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        self.pay(0)?;
        let mut values = Vec::new();
        while let Some(value) = elements.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        self.pay(0)?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            self.pay(name.len())?;
            let value = members.next_value_seed(inner)?;
            if object.contains_key(&name) {
                return Err(self.stop(JsonError::Duplicate(name)));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_occurs_twice_is_refused_at_every_level() {
        let name = |text: &str| parse(text.as_bytes()).unwrap_err();
        assert_eq!(name(r#"{"a":1,"a":1}"#), JsonError::Duplicate("a".into()));
        assert_eq!(
            name(r#"{"b":[{"a":1,"\u0061":2}]}"#),
            JsonError::Duplicate("a".into())
        );
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(
            parse(nested(MAX_DEPTH + 1).as_bytes()).unwrap_err(),
            JsonError::TooDeep
        );
        assert_eq!(
            parse("[".repeat(60_000).as_bytes()).unwrap_err(),
            JsonError::TooDeep
        );
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            "{",
            "{}{}",
            "\u{feff}{}",
            "{\"a\":1e400}",
            "nul",
            "{'a':1}",
        ] {
            assert!(
                matches!(parse(text.as_bytes()), Err(JsonError::Syntax(_))),
                "{text}"
            );
        }
        assert!(matches!(parse(b"\"\xff\""), Err(JsonError::Syntax(_))));
    }

    #[test]
    fn integers_keep_their_digits() {
        let value = parse(br#"{"n":9007199254740993,"m":-7}"#).unwrap();
        assert_eq!(value["n"].as_u64(), Some(9_007_199_254_740_993));
        assert_eq!(value["m"].as_i64(), Some(-7));
    }
}
