//! Where and why a template is refused, when it is read and when it is rendered.

use std::fmt;

/// A place in the source of a template.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// The line, counted from 1.
    pub line: u32,
    /// The byte in the line, counted from 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a source is not a template; the fault of whoever wrote it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseError {
    /// It goes against Go's grammar of templates.
    #[error("{at}: {problem}")]
    Syntax {
        /// The place of the first offending piece.
        at: Position,
        /// What was found, and where it cannot stand.
        problem: String,
    },
    /// It is larger or deeper than any honest template.
    #[error("{at}: the template {exceeds}")]
    TooLarge {
        /// The place where the limit is passed.
        at: Position,
        /// The limit.
        exceeds: &'static str,
    },
    /// A variable is used that is declared nowhere before.
    #[error("{at}: the variable {name} is not declared; declare it with {{{{ {name} := … }}}}")]
    UndefinedVariable {
        /// The place of the use.
        at: Position,
        /// The name, with its dollar sign.
        name: String,
    },
    /// A function is called that Go's templates do not have; Fulcio adds none.
    #[error(
        "{at}: there is no function {name:?}; a claim is written {{{{ .{name} }}}}, and the \
         functions are {}",
        crate::ast::Function::names()
    )]
    UnknownFunction {
        /// The place of the call.
        at: Position,
        /// The name.
        name: String,
    },
    /// Go has it, this crate does not.
    #[error("{at}: {what} is not supported")]
    Unsupported {
        /// The place of its use.
        at: Position,
        /// What it is.
        what: String,
    },
}

/// Why a template gives no text for these claims.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RenderError {
    /// The token, or the template that demands it: a claim is named as `.key` and is not there.
    #[error("{at}: there is no claim {key:?}, nor a default for it")]
    MissingKey {
        /// The place where it is named.
        at: Position,
        /// The name of the claim.
        key: String,
    },
    /// The template: a value of one type stands where only another can.
    #[error("{at}: {problem}")]
    Type {
        /// The place of the value.
        at: Position,
        /// What it is, and why it cannot stand there; the value itself is not told.
        problem: String,
    },
    /// The template, or the claims that it was written for: a function refuses its arguments.
    #[error("{at}: {function}: {problem}")]
    Function {
        /// The place of the call.
        at: Position,
        /// The name of the function.
        function: &'static str,
        /// What is wrong with the arguments; their values are not told.
        problem: String,
    },
    /// The template: it invokes a template that it does not define.
    #[error("{at}: the template {name:?} is not defined")]
    UndefinedTemplate {
        /// The place of the invocation.
        at: Position,
        /// The name.
        name: String,
    },
    /// The template: a variable is used outside the branch that declares it.
    #[error("{at}: the variable {name} has no value here")]
    UndefinedVariable {
        /// The place of the use.
        at: Position,
        /// The name, with its dollar sign.
        name: String,
    },
    /// The template or the token: the text would cut a character in two. Go gives out the halves.
    #[error("the result is not UTF-8")]
    NotUtf8,
    /// The template or the token: the work or the text passes a limit of this crate.
    #[error("{at}: rendering {exceeds}")]
    TooMuch {
        /// The place that was reached.
        at: Position,
        /// The limit.
        exceeds: &'static str,
    },
    /// The template: Go has it, this crate does not.
    #[error("{at}: {what} is not supported")]
    Unsupported {
        /// The place of its use.
        at: Position,
        /// What it is.
        what: String,
    },
}
