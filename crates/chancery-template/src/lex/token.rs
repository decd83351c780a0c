//! The pieces of a template.

use crate::error::Position;

/// A piece of a template.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'s> {
    pub(crate) kind: Kind,
    /// As it stands in the source.
    pub(crate) text: &'s str,
    pub(crate) at: Position,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// `=`
    Assign,
    Bool,
    /// A character constant with its quotes.
    Char,
    /// `:=`
    Declare,
    Dot,
    /// `.name`
    Field,
    /// A name that is neither a keyword nor a truth value: that of a function.
    Identifier,
    Keyword(Keyword),
    LeftDelimiter,
    LeftParenthesis,
    Nil,
    Number,
    Pipe,
    /// Printable ASCII that has no meaning but, at one place, the comma.
    Punctuation,
    RightDelimiter,
    RightParenthesis,
    Space,
    /// A string constant with its quotation marks or backquotes.
    String,
    Text,
    /// `$` or `$name`
    Variable,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Keyword {
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Range,
    Template,
    With,
}

/// Returns what a name stands for that has no sigil.
pub(super) fn word(name: &str) -> Kind {
    match name {
        "block" => Kind::Keyword(Keyword::Block),
        "break" => Kind::Keyword(Keyword::Break),
        "continue" => Kind::Keyword(Keyword::Continue),
        "define" => Kind::Keyword(Keyword::Define),
        "else" => Kind::Keyword(Keyword::Else),
        "end" => Kind::Keyword(Keyword::End),
        "false" | "true" => Kind::Bool,
        "if" => Kind::Keyword(Keyword::If),
        "nil" => Kind::Nil,
        "range" => Kind::Keyword(Keyword::Range),
        "template" => Kind::Keyword(Keyword::Template),
        "with" => Kind::Keyword(Keyword::With),
        _ => Kind::Identifier,
    }
}
