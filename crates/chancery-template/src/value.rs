//! The values of a template while it is rendered.

use std::collections::BTreeMap;

use crate::text::Text;

#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    /// `nil`, and the dot of a template that is invoked without an argument.
    Nil,
    Bool(bool),
    Int(i64),
    /// What `index` finds in a string: Go's `uint8`.
    Byte(u8),
    Float(f64),
    Text(Text<'a>),
    /// The claims.
    Map(&'a BTreeMap<String, String>),
}

impl<'a> Value<'a> {
    pub(crate) fn borrowed(text: &'a str) -> Self {
        Self::Text(Text::Borrowed(text.as_bytes()))
    }

    /// Whether `if` takes it for true: whatever is not the zero of its type.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Byte(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Map(map) => !map.is_empty(),
        }
    }

    /// Returns what Go calls its type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Byte(_) => "uint8",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Map(_) => "map[string]string",
        }
    }

    /// Returns what it is, for people.
    pub(crate) fn described(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "a truth value",
            Self::Int(_) => "an integer",
            Self::Byte(_) => "a byte",
            Self::Float(_) => "a float",
            Self::Text(_) => "a string",
            Self::Map(_) => "the map of all claims",
        }
    }

    /// Returns the integer of either of the integer types.
    pub(crate) fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Byte(value) => Some(i64::from(*value)),
            _ => None,
        }
    }
}
