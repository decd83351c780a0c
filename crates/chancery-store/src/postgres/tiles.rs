//! Reading hash tiles.

use chancery_tlog::TileId;
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::QueryScalar;

use super::sql;

/// Reads `tiles`, in their order.
pub(super) fn query(
    log: i64,
    tiles: &[TileId],
) -> QueryScalar<'static, Postgres, Option<Vec<u8>>, PgArguments> {
    sqlx::query_scalar(sql::HASH_TILES)
        .bind(log)
        .bind(
            tiles
                .iter()
                .map(|tile| i64::from(tile.level))
                .collect::<Vec<_>>(),
        )
        .bind(
            tiles
                .iter()
                .map(|tile| tile.index.cast_signed())
                .collect::<Vec<_>>(),
        )
}
