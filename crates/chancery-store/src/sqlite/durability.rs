//! Whether a commit to this file can be lost.

use super::Connection;
use crate::error::DurabilityError;
use crate::limits::{OPERATION, within};

/// Reads back what the connection was opened with: a file system without shared memory, for one,
/// cannot have WAL.
pub(super) async fn check(connection: &mut Connection) -> Result<(), DurabilityError> {
    let query = sqlx::query_scalar::<_, String>("PRAGMA journal_mode");
    let value = within(OPERATION, query.fetch_one(&mut *connection)).await?;
    if value != "wal" {
        return Err(DurabilityError::Setting {
            name: "journal_mode",
            value,
            wanted: "wal",
        });
    }

    let query = sqlx::query_scalar::<_, i64>("PRAGMA synchronous");
    let value = within(OPERATION, query.fetch_one(connection)).await?;
    // 0 OFF, 1 NORMAL, 2 FULL, 3 EXTRA
    if value < 2 {
        let value = value.to_string();
        return Err(DurabilityError::Setting {
            name: "synchronous",
            value,
            wanted: "2 (FULL)",
        });
    }
    Ok(())
}
