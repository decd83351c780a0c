//! Who is at fault when an instance does not open: something that is away and may be back at the
//! next try, or what the operator set up.

use std::error::Error;
use std::io;

use chancery_keys::SignError;
use chancery_log::guard::{GuardError, OpenGuardError};
use chancery_log::{OpenLogError, PublishError, ReadError, StoreError};
use chancery_objects::ObjectGuardError;
use chancery_store::{
    ConnectError, DurabilityError, GuardDatabaseError, OpenDatabaseGuardError, SchemaError,
};

/// An error that tells who is at fault. Whoever supervises the process tries again what is away
/// (exit code 1), and leaves the rest to the operator (exit code 3).
pub(crate) trait Away: Error {
    /// Returns whether the next try may succeed without anybody having changed anything.
    fn is_away(&self) -> bool;
}

impl Away for OpenLogError {
    fn is_away(&self) -> bool {
        match self {
            Self::Damaged { .. } => false,
            Self::Guard(error) => error.is_away(),
            Self::Publish(error) => error.is_away(),
            Self::Store(error) => error.is_away(),
        }
    }
}

impl Away for PublishError {
    fn is_away(&self) -> bool {
        match self {
            Self::Encode(_) | Self::Halted(_) => false,
            Self::Guard(error) => error.is_away(),
            Self::Read(error) => error.is_away(),
            Self::Sign(error) => error.is_away(),
            Self::Unfinished(_) | Self::Unwitnessed(_) => true,
        }
    }
}

impl Away for ReadError {
    fn is_away(&self) -> bool {
        match self {
            Self::Inconsistent(_) => false,
            Self::Unpublished(_) => true,
            Self::Store(error) => error.is_away(),
        }
    }
}

impl Away for StoreError {
    fn is_away(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl Away for GuardError {
    fn is_away(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl Away for SignError {
    fn is_away(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

impl Away for ConnectError {
    fn is_away(&self) -> bool {
        match self {
            Self::File(_, error) => error.is_away(),
            // The other process may end.
            Self::InUse(_) => true,
            Self::Missing(_) => false,
            Self::Refused { source, .. } => source.is_away(),
        }
    }
}

impl Away for SchemaError {
    fn is_away(&self) -> bool {
        match self {
            Self::Store(error) => error.is_away(),
            _ => false,
        }
    }
}

impl Away for DurabilityError {
    fn is_away(&self) -> bool {
        match self {
            Self::Store(error) => error.is_away(),
            Self::Setting { .. } | Self::Standby => false,
        }
    }
}

impl Away for GuardDatabaseError {
    fn is_away(&self) -> bool {
        match self {
            Self::Connect(error) => error.is_away(),
            Self::Durability(error) => error.is_away(),
            Self::Guarded(_) => false,
            Self::Schema(error) => error.is_away(),
            Self::Store(error) => error.is_away(),
        }
    }
}

impl Away for OpenDatabaseGuardError {
    fn is_away(&self) -> bool {
        match self {
            Self::Database(error) => error.is_away(),
            Self::Damaged(_) | Self::Unknown { .. } => false,
        }
    }
}

impl Away for ObjectGuardError {
    fn is_away(&self) -> bool {
        self.is_unavailable()
    }
}

impl Away for OpenGuardError {
    fn is_away(&self) -> bool {
        match self {
            Self::Damaged(_) => false,
            Self::Io(_, error) => error.is_away(),
        }
    }
}

/// A wrong path stays wrong; a full disk, too many open files or a server of files that does not
/// answer may pass.
impl Away for io::Error {
    fn is_away(&self) -> bool {
        !matches!(
            self.kind(),
            io::ErrorKind::NotFound
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::IsADirectory
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::ReadOnlyFilesystem
                | io::ErrorKind::InvalidInput
        )
    }
}

#[cfg(test)]
mod tests;
