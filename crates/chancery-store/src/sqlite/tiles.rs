//! Reading hash tiles.

use chancery_tlog::TileId;
use sqlx::Sqlite;
use sqlx::query::QueryScalar;
use sqlx::sqlite::SqliteArguments;

use super::sql;

/// Reads `tiles`, in their order.
pub(super) fn query(
    log: i64,
    tiles: &[TileId],
) -> QueryScalar<'static, Sqlite, Option<Vec<u8>>, SqliteArguments> {
    let pairs: Vec<_> = tiles
        .iter()
        .map(|tile| format!("[{},{}]", tile.level, tile.index))
        .collect();
    sqlx::query_scalar(sql::HASH_TILES)
        .bind(log)
        .bind(format!("[{}]", pairs.join(",")))
}
