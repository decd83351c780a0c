//! How a command fails: one line for the operator, and an exit code that scripts can rely on.

use std::fmt;
use std::process::ExitCode;

use crate::away::Away;

/// A command's failure.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Failed = 1,
    Usage = 2,
    Configuration = 3,
    Verification = 4,
}

impl Failure {
    /// The command could not do its work (exit code 1).
    pub(crate) fn failed(message: impl fmt::Display) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// The command was asked for something that makes no sense (exit code 2).
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Something that the operator set up is wrong or missing (exit code 3).
    pub(crate) fn configuration(message: impl fmt::Display) -> Self {
        Self::new(Kind::Configuration, message)
    }

    /// A check found something wrong (exit code 4).
    pub(crate) fn verification(message: impl fmt::Display) -> Self {
        Self::new(Kind::Verification, message)
    }

    /// Takes an error with its causes as a failure of the command.
    pub(crate) fn from_error<E: std::error::Error>(error: E) -> Self {
        Self::failed(Causes(&error))
    }

    /// Takes an error of opening something, by who is at fault: exit code 1 for what is away and
    /// may be back at the next try, 3 for what the operator set up.
    pub(crate) fn by_fault<E: Away>(error: E) -> Self {
        match error.is_away() {
            true => Self::from_error(error),
            false => Self::configuration(Causes(&error)),
        }
    }

    /// Puts words before the message.
    pub(crate) fn after(self, words: impl fmt::Display) -> Self {
        Self::new(self.kind, format!("{words}{}", self.message))
    }

    /// Returns whether something that the operator set up is to blame.
    pub(crate) fn is_configuration(&self) -> bool {
        matches!(self.kind, Kind::Configuration)
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }

    fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self {
            kind,
            message: message.to_string(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// An error with its causes, on one line.
pub(crate) struct Causes<'a>(pub(crate) &'a dyn std::error::Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&chancery_log::causes(self.0))
    }
}
