//! The two logs of an instance, which are one engine: what holds of one must hold of the other.

use std::fmt;

use super::instance::LOG;

/// Which log is meant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// The log of issued certificates.
    Issuance,
    /// The ledger of signatures.
    Ledger,
}

impl Kind {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Issuance, Self::Ledger];

    /// Returns where something of the log is read.
    pub(crate) fn path(self, what: &str) -> String {
        match self {
            Self::Issuance => format!("/ct/{LOG}/{what}"),
            Self::Ledger => format!("/api/v2/{what}"),
        }
    }

    /// Returns what clients get for what they enter.
    pub(crate) fn receipt(self) -> &'static str {
        match self {
            Self::Issuance => "certificate",
            Self::Ledger => "entry",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Issuance => "issuance",
            Self::Ledger => "ledger",
        })
    }
}
