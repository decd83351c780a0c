//! Whether a commit on this server can be lost.

use super::{Connection, sql};
use crate::error::DurabilityError;
use crate::limits::{OPERATION, within};

/// Refuses a standby, and settings that give durability up.
pub(super) async fn check(connection: &mut Connection) -> Result<(), DurabilityError> {
    let query = sqlx::query_as::<_, (bool, String, String, String)>(sql::DURABILITY);
    let (standby, fsync, full_page_writes, synchronous_commit) =
        within(OPERATION, query.fetch_one(connection)).await?;
    if standby {
        return Err(DurabilityError::Standby);
    }
    for (name, value) in [
        ("fsync", fsync),
        ("full_page_writes", full_page_writes),
        ("synchronous_commit", synchronous_commit),
    ] {
        if value == "off" {
            return Err(DurabilityError::Setting {
                name,
                value,
                wanted: "on",
            });
        }
    }
    Ok(())
}
