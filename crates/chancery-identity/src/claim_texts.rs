//! What a template sees of a token: claims flattened to texts, over defaults.
//!
//! ```text
//! text → as it is      true, false → "true", "false"      null → missing
//! integer → its digits      fraction or exponent → as Go prints it, without exponent
//! list, object → not a text; whatever refers to it fails, and says so
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::token::claims::Claims;

/// Texts by name, and the names of what has no text.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClaimTexts {
    texts: BTreeMap<String, String>,
    unusable: BTreeSet<String>,
}

impl ClaimTexts {
    /// Begins with defaults.
    pub(crate) fn new(defaults: &BTreeMap<String, String>) -> Self {
        Self {
            texts: defaults.clone(),
            unusable: BTreeSet::new(),
        }
    }

    /// Lays the claims of a token over what is there: an empty text, too, wins over a default.
    pub(crate) fn with_claims(mut self, claims: &Claims) -> Self {
        for (name, value) in claims.members() {
            match claims.number(name).or_else(|| scalar(value)) {
                Some(text) => self.set(name, text),
                None if value.is_null() => {}
                None => {
                    self.texts.remove(name);
                    self.unusable.insert(name.clone());
                }
            }
        }
        self
    }

    /// Lays values over what is there.
    pub(crate) fn with_values(mut self, values: &BTreeMap<String, String>) -> Self {
        for (name, value) in values {
            self.set(name, value.clone());
        }
        self
    }

    /// Puts one value over what is there.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.unusable.remove(name);
        self.texts.insert(name.to_owned(), value.into());
    }

    /// Returns all texts by name.
    pub(crate) const fn texts(&self) -> &BTreeMap<String, String> {
        &self.texts
    }

    /// Tells whether the token has a list or an object of that name.
    pub(crate) fn is_unusable(&self, name: &str) -> bool {
        self.unusable.contains(name)
    }
}

/// Returns the text of a value that has one.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(number) => Some(match number.as_f64() {
            // Rust, too, prints the shortest digits that mean this number, without exponent.
            Some(float) if number.is_f64() => float.to_string(),
            _ => number.to_string(),
        }),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;
    use crate::token::UnverifiedToken;

    fn texts(payload: &str) -> ClaimTexts {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let token = format!(
            "{}.{}.{}",
            part(r#"{"alg":"RS256"}"#),
            part(payload),
            part("x")
        );
        let claims = UnverifiedToken::parse(&token).unwrap().claims;
        let defaults = BTreeMap::from(["a", "b", "c"].map(|name| (name.into(), "default".into())));
        ClaimTexts::new(&defaults).with_claims(&claims)
    }

    #[test]
    fn numbers_are_printed_with_all_their_digits_and_without_exponent() {
        for (literal, text) in [
            ("0", "0"),
            ("-7", "-7"),
            ("1753000000", "1753000000"),
            ("9007199254740993", "9007199254740993"),
            ("18446744073709551616", "18446744073709551616"),
            (
                "-123456789012345678901234567890",
                "-123456789012345678901234567890",
            ),
            ("1.0", "1"),
            ("1.5", "1.5"),
            ("0.1", "0.1"),
            ("1e21", "1000000000000000000000"),
            ("1E2", "100"),
            ("1.25e-7", "0.000000125"),
            (
                "123456789012345678901234567890.0",
                "123456789012345680000000000000",
            ),
        ] {
            let texts = texts(&format!(r#"{{"n":{literal}}}"#));
            assert_eq!(texts.texts()["n"], text, "{literal}");
        }
    }

    #[test]
    fn claims_lie_over_defaults_and_null_is_missing() {
        let texts = texts(r#"{"a":"","b":null,"c":["x"],"d":{"e":1},"t":true,"n":1e0}"#);
        assert_eq!(
            json!(texts.texts()),
            json!({"a": "", "b": "default", "t": "true", "n": "1"})
        );
        assert!(texts.is_unusable("c") && texts.is_unusable("d") && !texts.is_unusable("b"));
    }
}
