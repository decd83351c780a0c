//! Whose signature is wanted.

use regex::Regex;

use super::chain::Leaf;
use super::error::{Check, VerifyError};
use super::statement::VerifiedStatement;

/// The most bytes of a compiled expression.
const REGEX_BYTES: usize = 1 << 20;

/// Whose signature is wanted, and of what kind.
///
/// Both who signed and who vouches for that are always compared: an issuer that anybody can log in
/// with says nothing by itself, and neither does a name without the issuer that gave it.
#[derive(Clone, Debug)]
pub struct Policy {
    identity: Pattern,
    issuer: Pattern,
    predicate_type: Option<String>,
}

/// A text, or an expression for texts.
#[derive(Clone, Debug)]
pub struct Pattern(Wanted);

#[derive(Clone, Debug)]
enum Wanted {
    Exact(String),
    /// What matches as a whole. Nobody else can make one, so no expression looks for a part.
    Matching {
        /// As it was given, for messages.
        expression: String,
        whole: Regex,
    },
}

/// Why a text is no regular expression that is taken.
#[derive(Debug, thiserror::Error)]
#[error("it is no regular expression: {0}")]
pub struct PatternError(#[from] Box<regex::Error>);

impl Pattern {
    /// Wants this text, in upper and lower case as it is.
    #[must_use]
    pub fn exact(text: impl Into<String>) -> Self {
        Self(Wanted::Exact(text.into()))
    }

    /// Wants a text that matches as a whole, as if the expression had `^` before and `$` behind it.
    ///
    /// # Errors
    /// [`PatternError`] if it is no expression, or too large.
    pub fn matching(expression: &str) -> Result<Self, PatternError> {
        let compile = |text: &str| {
            regex::RegexBuilder::new(text)
                .size_limit(REGEX_BYTES)
                .build()
        };
        // By itself first: a parenthesis that it closes must be one that it opened.
        compile(expression).map_err(Box::new)?;
        let whole = compile(&format!(r"\A(?:{expression})\z")).map_err(Box::new)?;
        Ok(Self(Wanted::Matching {
            expression: expression.to_owned(),
            whole,
        }))
    }

    fn takes(&self, text: &str) -> bool {
        match &self.0 {
            Wanted::Exact(wanted) => wanted == text,
            Wanted::Matching { whole, .. } => whole.is_match(text),
        }
    }

    fn wanted(&self) -> &str {
        match &self.0 {
            Wanted::Exact(wanted) => wanted,
            Wanted::Matching { expression, .. } => expression,
        }
    }
}

impl Policy {
    /// Wants a signature by `identity`, an e-mail address, URI or user name of the certificate, who
    /// logged in with `issuer`.
    ///
    /// Any statement about the artifact counts as well, whatever it says: also one that a check of
    /// it failed. Who goes by what is stated wants a type with [`Policy::with_predicate_type`], and
    /// reads the statement.
    #[must_use]
    pub fn new(identity: Pattern, issuer: Pattern) -> Self {
        Self {
            identity,
            issuer,
            predicate_type: None,
        }
    }

    /// Wants an in-toto statement of this type, and no signature of the artifact alone.
    #[must_use]
    pub fn with_predicate_type(mut self, predicate_type: impl Into<String>) -> Self {
        self.predicate_type = Some(predicate_type.into());
        self
    }

    pub(super) fn check(
        &self,
        leaf: &Leaf<'_>,
        statement: Option<&VerifiedStatement>,
    ) -> Result<(), VerifyError> {
        let identity = leaf.details.identity.as_str();
        if !self.identity.takes(identity) {
            return Err(Check::Identity.failed(format_args!(
                "it is signed by {identity:?}, and {:?} is wanted",
                self.identity.wanted()
            )));
        }
        let issuer = &leaf.details.extensions.issuer;
        if !self.issuer.takes(issuer) {
            return Err(Check::Issuer.failed(format_args!(
                "the signer logged in with {issuer:?}, and {:?} is wanted",
                self.issuer.wanted()
            )));
        }
        match (&self.predicate_type, statement) {
            (None, _) => Ok(()),
            (Some(wanted), Some(statement)) if wanted == statement.predicate_type() => Ok(()),
            (Some(wanted), Some(statement)) => Err(Check::Statement.failed(format_args!(
                "the statement's type is {:?}, and {wanted:?} is wanted",
                statement.predicate_type()
            ))),
            (Some(_), None) => Err(Check::Statement
                .failed("the artifact alone is signed, and a statement about it is wanted")),
        }
    }
}
