//! The numbers of a token as they were written: a JSON reader keeps 64 bits of them.

use std::collections::{BTreeMap, HashMap};

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::token::TokenError;

/// Returns the text of each top-level number that is no 64-bit integer: an integer with all its
/// digits, another number as Go prints it, without exponent. `payload` gives what `members` was read
/// from; it is read again only if there is such a number.
pub(crate) fn texts(
    members: &Map<String, Value>,
    payload: impl FnOnce() -> Result<Vec<u8>, TokenError>,
) -> Result<BTreeMap<String, String>, TokenError> {
    if !members.values().any(Value::is_f64) {
        return Ok(BTreeMap::new());
    }
    let payload = payload()?;
    let written: HashMap<String, &RawValue> = serde_json::from_slice(&payload).unwrap_or_default();
    Ok(written
        .into_iter()
        .filter(|(name, _)| members.get(name).is_some_and(Value::is_f64))
        .filter_map(|(name, literal)| Some((name, text(literal.get())?)))
        .collect())
}

fn text(literal: &str) -> Option<String> {
    let is_integer = literal
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_integer {
        return Some(literal.to_owned());
    }
    Some(literal.parse::<f64>().ok()?.to_string())
}
