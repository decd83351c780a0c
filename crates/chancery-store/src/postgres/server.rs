//! Which server holds the database.

use super::{Connection, sql};
use crate::server::{DatabaseServer, ServerChange};

/// Notes the server that answers, and returns how it differs from the one noted before.
pub(super) async fn note(connection: &mut Connection) -> sqlx::Result<Option<ServerChange>> {
    type Row = (Option<String>, Option<i64>, String, i64);
    let (old_identifier, old_timeline, system_identifier, timeline): Row =
        sqlx::query_as(sql::NOTE_SERVER)
            .fetch_one(connection)
            .await?;
    let now = DatabaseServer {
        system_identifier,
        timeline,
    };
    let before = old_identifier
        .zip(old_timeline)
        .map(|(system_identifier, timeline)| DatabaseServer {
            system_identifier,
            timeline,
        });
    Ok(before
        .filter(|before| *before != now)
        .map(|before| ServerChange { before, now }))
}
