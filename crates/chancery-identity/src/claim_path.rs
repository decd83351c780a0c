//! Paths to one claim, for `issuer-claim` and `identity-claim`: the part of `JSONPath` that names one
//! value.
//!
//! ```text
//! path  = "$" 1*step                          singular queries (RFC 9535, section 2.3.5.1)
//! step  = "." name / "['" text "']" / "[" index "]"
//! ```
//! A path with wildcards, slices or filters may find several values, of which Fulcio would write the
//! list; here it is refused when the configuration is loaded.

use std::fmt;

use serde_json::Value;

use crate::token::claims::Claims;

/// The most steps of a path; a token is no deeper.
const MAX_STEPS: usize = 32;

/// Why a text is no path to a claim.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a JSONPath to one claim, such as \"$.federated_claims.connector_id\" or \
     \"$['name with-dashes']\""
)]
pub struct ClaimPathError {
    text: String,
}

/// Where in a token a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClaimPath {
    text: String,
    first: String,
    further: Vec<String>,
}

impl ClaimPath {
    /// Reads a `JSONPath`.
    pub(crate) fn parse(text: &str) -> Result<Self, ClaimPathError> {
        let error = || ClaimPathError {
            text: text.to_owned(),
        };
        let mut rest = text.trim().strip_prefix('$').ok_or_else(error)?;
        let mut steps = Vec::new();
        while !rest.is_empty() && steps.len() < MAX_STEPS {
            let (step, after) = step(rest).ok_or_else(error)?;
            steps.push(step.to_owned());
            rest = after;
        }
        let mut steps = steps.into_iter();
        match steps.next() {
            Some(first) if rest.is_empty() => Ok(Self {
                text: text.trim().to_owned(),
                first,
                further: steps.collect(),
            }),
            _ => Err(error()),
        }
    }

    /// Reads the name of a claim, or a `JSONPath` if it begins with `$`.
    pub(crate) fn parse_name_or_path(text: &str) -> Result<Self, ClaimPathError> {
        if text.starts_with('$') {
            return Self::parse(text);
        }
        Ok(Self {
            text: text.to_owned(),
            first: text.to_owned(),
            further: Vec::new(),
        })
    }

    /// Returns the value, unless it is missing or null.
    pub(crate) fn find<'a>(&self, claims: &'a Claims) -> Option<&'a Value> {
        let mut value = claims.get(&self.first)?;
        for step in &self.further {
            value = match value {
                Value::Array(elements) => elements.get(step.parse::<usize>().ok()?)?,
                other => other.get(step)?,
            };
        }
        Some(value).filter(|value| !value.is_null())
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Splits off the first step.
fn step(text: &str) -> Option<(&str, &str)> {
    if let Some(rest) = text.strip_prefix('.') {
        let name = |character: char| character.is_alphanumeric() || character == '_';
        let (step, rest) = rest.split_at(rest.find(|found| !name(found)).unwrap_or(rest.len()));
        let begins_well = step.starts_with(|first: char| name(first) && !first.is_numeric());
        return begins_well.then_some((step, rest));
    }
    let rest = text.strip_prefix('[')?;
    let Some(quote) = rest.chars().next().filter(|first| "'\"".contains(*first)) else {
        let (index, rest) = rest.split_once(']')?;
        let is_number = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
        return is_number.then_some((index, rest));
    };
    let (step, rest) = rest.strip_prefix(quote)?.split_once(quote)?;
    // An escape could mean another name to another reader.
    (!step.contains('\\')).then_some((step, rest.strip_prefix(']')?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(path: &str) -> Option<String> {
        let members = json!({
            "a": {"b": "1", "c-d.e": "2", "list": ["x", {"y": "3"}], "none": null},
            "0": "4",
        });
        let claims = Claims::new(members.as_object().unwrap().clone());
        let path = ClaimPath::parse(path).unwrap();
        Some(path.find(&claims)?.as_str()?.to_owned())
    }

    #[test]
    fn a_path_finds_one_value() {
        assert_eq!(found("$.a.b").as_deref(), Some("1"));
        assert_eq!(found("$['a'][\"b\"]").as_deref(), Some("1"));
        assert_eq!(found("$.a['c-d.e']").as_deref(), Some("2"));
        assert_eq!(found("$.a.list[0]").as_deref(), Some("x"));
        assert_eq!(found("$.a.list[1].y").as_deref(), Some("3"));
        assert_eq!(found("$['0']").as_deref(), Some("4"));
        for missing in ["$.b", "$.a.x", "$.a.none", "$.a.b.c", "$.a.list[2]"] {
            assert_eq!(found(missing), None, "{missing}");
        }
    }

    #[test]
    fn what_may_find_several_values_or_none_is_no_path() {
        for text in [
            "",
            "a",
            "$",
            "$.",
            "$..a",
            "$.*",
            "$.a[*]",
            "$.a[0:1]",
            "$.a[-1]",
            "$.a[?(@.x)]",
            "$.a['b','c']",
            "$.a-b",
            "$.a b",
            "$.1",
            "$.a['b\\'c']",
            "$.a['b'",
            "$a",
            "@.a",
        ] {
            assert!(ClaimPath::parse(text).is_err(), "{text}");
        }
        assert!(ClaimPath::parse(&"$.a".replace(".a", &".a".repeat(33))).is_err());
    }
}
