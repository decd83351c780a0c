//! Texts and truth values as Fulcio's YAML reader takes them, whatever YAML takes them for.

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

use crate::ci_provider::Scalar;

/// Reads a text: `123` and `true` are texts where one is wanted, and nothing is none.
pub(super) fn text<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<String>, D::Error> {
    let text = Option::<Scalar>::deserialize(reader)?;
    Ok(text.map(|Scalar(text)| text))
}

/// Reads a list of texts.
pub(super) fn texts<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Vec<String>>, D::Error> {
    let texts = Option::<Vec<Scalar>>::deserialize(reader)?;
    Ok(texts.map(|texts| texts.into_iter().map(|Scalar(text)| text).collect()))
}

/// Reads a truth value: `yes` and `on` are true where one is wanted, as in YAML 1.1, and nothing is
/// false.
pub(super) fn truth<'de, D: Deserializer<'de>>(reader: D) -> Result<bool, D::Error> {
    match Value::deserialize(reader)? {
        Value::Null => Ok(false),
        Value::Bool(truth) => Ok(truth),
        Value::String(text) => match text.as_str() {
            "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Ok(true),
            "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Ok(false),
            _ => Err(Error::custom(
                "expected true or false, without quotation marks",
            )),
        },
        _ => Err(Error::custom("expected true or false")),
    }
}
