//! SQLite has no server.

use super::Connection;
use crate::server::ServerChange;

/// Notes nothing.
pub(super) async fn note(_: &mut Connection) -> sqlx::Result<Option<ServerChange>> {
    Ok(None)
}
