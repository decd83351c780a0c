//! The server that holds a database, and whether it is still the one of the last start.

use std::fmt;

/// A PostgreSQL server's history.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DatabaseServer {
    /// The cluster's system identifier, which its standbys and copies share.
    pub system_identifier: String,
    /// The WAL timeline. A promotion and a point-in-time restore begin a new one.
    pub timeline: i64,
}

/// The database was moved, restored, or failed over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerChange {
    /// Who held it when a process last opened it.
    pub before: DatabaseServer,
    /// Who holds it now.
    pub now: DatabaseServer,
}

impl fmt::Display for DatabaseServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "system {} timeline {}",
            self.system_identifier, self.timeline
        )
    }
}
