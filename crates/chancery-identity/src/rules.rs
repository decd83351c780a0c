//! Allow and deny rules over claims: which of an issuer's tokens may have a certificate here.
//!
//! ```text
//! allow:
//!   - name: releases                        shown in refusals
//!     claims:                               all must match
//!       repository_owner: acme              equal to the letter
//!       ref: {glob: "refs/tags/v*"}         `*` and `?` stop at `/`, `**` does not
//!       event_name: [push, release]         any of; also {any-of: […]}
//!       /kubernetes.io/namespace: builds    a member of a claim, by JSON pointer (RFC 6901)
//! ```
//! A token that a deny rule matches is refused. Where there are allow rules, one of them must match.
//! Numbers and truth values compare by the text that templates see; of a list, one element suffices; objects, null
//! and claims that are missing match nothing.

mod glob;
mod parse;

use serde_json::Value;

use crate::claim_texts::scalar;
use crate::quoted::quoted;
use crate::rules::glob::Glob;
use crate::token::claims::Claims;

pub(crate) use crate::rules::parse::RuleList;

/// The most rules that a refusal names.
const NAMED: usize = 8;

/// Why the rules refuse a token. The operator's decision; the text names rules, and no values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleRefusal {
    /// A deny rule matches.
    #[error("the token is refused by the deny rule {rule}")]
    Denied {
        /// The rule's name, quoted.
        rule: String,
    },
    /// No allow rule matches.
    #[error("the token is accepted by none of the allow rules: {}", .rules.join(", "))]
    NotAllowed {
        /// The names of the first eight, quoted.
        rules: Vec<String>,
    },
}

impl RuleRefusal {
    /// Returns the stable code of the reason.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Denied { .. } => "rule-denied",
            Self::NotAllowed { .. } => "rule-not-allowed",
        }
    }
}

/// The rules of one entry.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    allow: RuleList,
    deny: RuleList,
}

/// One rule: all of its claims must match.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) name: String,
    claims: Vec<(ClaimPath, Vec<Pattern>)>,
}

/// Where a claim is: its name, and the names of the members within.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ClaimPath(Vec<String>);

/// What the text of a claim is compared with.
#[derive(Debug, Clone)]
pub(crate) enum Pattern {
    Equal(String),
    Glob(Glob),
}

impl Rules {
    /// Takes the rules of an entry, or returns the name that two of them have.
    pub(crate) fn new(allow: RuleList, deny: RuleList) -> Result<Self, String> {
        let mut names: Vec<&str> = allow.iter().chain(deny.iter()).map(Rule::name).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair.first() == pair.last()) {
            Some([name, ..]) => Err((*name).to_owned()),
            _ => Ok(Self { allow, deny }),
        }
    }

    /// Refuses claims that a rule denies, or that no rule allows.
    pub(crate) fn check(&self, claims: &Claims) -> Result<(), RuleRefusal> {
        if let Some(rule) = self.deny.iter().find(|rule| rule.matches(claims)) {
            return Err(RuleRefusal::Denied {
                rule: quoted(&rule.name),
            });
        }
        if self.allow.is_empty() || self.allow.iter().any(|rule| rule.matches(claims)) {
            return Ok(());
        }
        let names = self.allow.iter().take(NAMED);
        Err(RuleRefusal::NotAllowed {
            rules: names.map(|rule| quoted(&rule.name)).collect(),
        })
    }

    /// Tells whether any rule could refuse a token.
    pub(crate) const fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }
}

impl Rule {
    fn name(&self) -> &str {
        &self.name
    }

    fn matches(&self, claims: &Claims) -> bool {
        self.claims
            .iter()
            .all(|(path, patterns)| match path.of(claims) {
                Some(Value::Array(elements)) => {
                    let mut texts = elements.iter().filter_map(scalar);
                    texts.any(|text| any(patterns, &text))
                }
                Some(value) => {
                    // All digits, where the value has lost some.
                    let exact = path.only_name().and_then(|name| claims.number(name));
                    let text = exact.or_else(|| scalar(value));
                    text.is_some_and(|text| any(patterns, &text))
                }
                None => false,
            })
    }

    /// Returns what a claim of that name is compared with, if it is.
    pub(crate) fn patterns(&self, claim: &str) -> impl Iterator<Item = &[Pattern]> {
        let own = self.claims.iter();
        own.filter(move |(path, _)| path.only_name() == Some(claim))
            .map(|(_, patterns)| patterns.as_slice())
    }

    /// Tells whether only tokens match in which a claim is one of these texts.
    pub(crate) fn demands(&self, claim: &str, texts: &[&str]) -> bool {
        let is_one = |pattern: &Pattern| matches!(pattern, Pattern::Equal(text) if texts.contains(&text.as_str()));
        self.patterns(claim)
            .any(|patterns| patterns.iter().all(is_one))
    }
}

fn any(patterns: &[Pattern], text: &str) -> bool {
    patterns.iter().any(|pattern| match pattern {
        Pattern::Equal(equal) => equal == text,
        Pattern::Glob(glob) => glob.matches(text),
    })
}

impl ClaimPath {
    /// Returns the claim's name if no member within it is meant.
    fn only_name(&self) -> Option<&str> {
        match self.0.as_slice() {
            [name] => Some(name),
            _ => None,
        }
    }

    fn of<'a>(&self, claims: &'a Claims) -> Option<&'a Value> {
        let (name, members) = self.0.split_first()?;
        members
            .iter()
            .try_fold(claims.get(name)?, |value, member| value.get(member))
    }
}

#[cfg(test)]
mod tests;
