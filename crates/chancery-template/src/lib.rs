//! Go's [text/template] as Fulcio's CI provider configurations use it: claims in, one string out.
//!
//! The data is a map of strings, and a claim that is named as `.claim` and is missing is an error
//! (Go's `missingkey=error`), while `index . "claim"` then gives the empty string. All of the
//! grammar and all built-in functions are here, with Go 1.26 as the measure; imaginary numbers and
//! the verb `%p` of `printf` are refused when a template is read. Strings are bytes as in Go, but
//! a result that is not UTF-8 is an error.
//!
//! Pure: no I/O, no clock. Whatever the template and the claims are, reading and rendering end
//! within the limits below.
//!
//! Own code, because no crate has these rules: gtmpl 0.7 gives what Go gives for 79 of the 125
//! templates that were recorded from Go (no short-circuit, `break`, `continue`, `else with`,
//! newline in an action; a missing key is `<no value>`), and minijinja and its like have another
//! grammar.
//!
//! [text/template]: https://pkg.go.dev/text/template

mod ast;
mod error;
mod eval;
mod format;
mod functions;
mod lex;
mod number;
mod parse;
mod printf;
mod quote;
mod text;
mod value;

use std::collections::BTreeMap;

pub use error::{ParseError, Position, RenderError};

/// The longest source that is read, in bytes.
pub const MAX_SOURCE: usize = 64 << 10;

/// The longest text that is rendered, and the longest string on the way to it, in bytes.
pub const MAX_OUTPUT: usize = 64 << 10;

/// How deep blocks and parentheses can stand inside each other.
pub const MAX_DEPTH: usize = 64;

/// How much work rendering may be: nodes, commands, arguments and iterations, and one more for
/// every 64 bytes that a function reads or writes.
pub const MAX_STEPS: usize = 100_000;

/// How deep lists of nodes and pipelines can be evaluated inside each other, through templates
/// that invoke templates.
const MAX_RENDER_DEPTH: usize = 128;

/// A template that has been read.
#[derive(Clone, Debug)]
pub struct Template {
    parsed: parse::Parsed,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// When Go would refuse the source too, when it uses what this crate does not do, and when it
    /// passes [`MAX_SOURCE`] or [`MAX_DEPTH`].
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        let parsed = parse::parse(source)?;
        Ok(Self { parsed })
    }

    /// Returns the text that the template makes of claims.
    ///
    /// # Errors
    ///
    /// When Go would fail too, when the text is not UTF-8, and when it or the work passes
    /// [`MAX_OUTPUT`] or [`MAX_STEPS`].
    pub fn render(&self, claims: &BTreeMap<String, String>) -> Result<String, RenderError> {
        eval::render(&self.parsed, claims)
    }

    /// Returns the names of the claims that the template looks up, in order: those of `.name`,
    /// `$.name` and `index . "name"`.
    ///
    /// A name that is made while rendering is not among them.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.parsed.keys.iter().map(String::as_str)
    }
}
