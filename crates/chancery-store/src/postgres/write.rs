//! Locking a head, and writing a batch.

use sqlx::Executor;
use sqlx::postgres::PgBindIterExt;

use super::appending::LockedHead;
use super::{BEGIN, Connection, sql};
use crate::rows::Rows;

/// Begins a transaction and locks the log's head in it.
pub(super) async fn lock_head(connection: &mut Connection, log: i64) -> sqlx::Result<LockedHead> {
    connection.execute(BEGIN).await?;
    let found =
        sqlx::query_as::<_, (i64, Vec<u8>, i64, i64, i64, i64, Option<i64>)>(sql::LOCK_HEAD)
            .bind(log)
            .fetch_optional(connection)
            .await?;
    Ok(match found {
        Some((tree_size, root_hash, timestamp_ms, now_ms, started_us, binding, ends_ms)) => {
            LockedHead {
                row: Some((tree_size, root_hash, timestamp_ms)),
                ends_ms,
                database_time_ms: Some(now_ms),
                server: Some((started_us, binding)),
            }
        }
        None => LockedHead {
            row: None,
            ends_ms: None,
            database_time_ms: None,
            server: None,
        },
    })
}

/// Returns those of `values` that the index has.
pub(super) async fn stored_values(
    connection: &mut Connection,
    log: i64,
    name: &str,
    values: &[String],
) -> sqlx::Result<Vec<String>> {
    let query = sqlx::query_scalar(sql::STORED_VALUES);
    let query = query.bind(log).bind(name).bind(values);
    query.fetch_all(connection).await
}

/// Writes all rows but issuers and returns how many heads were replaced.
pub(super) async fn write(connection: &mut Connection, log: i64, rows: Rows) -> sqlx::Result<u64> {
    let Rows {
        entries,
        tiles,
        deliveries,
        issuers: _,
        head,
    } = &rows;
    let terms: Vec<_> = entries
        .iter()
        .flat_map(|entry| {
            entry
                .terms
                .iter()
                .map(|term| (term, entry.leaf_index.cast_signed()))
        })
        .collect();
    let from = head.map(|head| head.from);
    let to = head.map(|head| head.to);

    let written = sqlx::query(sql::WRITE)
        .bind(log)
        .bind(
            entries
                .iter()
                .map(|entry| entry.leaf_index.cast_signed())
                .bind_iter(),
        )
        .bind(entries.iter().map(|entry| &entry.tile_leaf).bind_iter())
        .bind(tiles.iter().map(|tile| i64::from(tile.level)).bind_iter())
        .bind(
            tiles
                .iter()
                .map(|tile| tile.index.cast_signed())
                .bind_iter(),
        )
        .bind(tiles.iter().map(|tile| &tile.hashes).bind_iter())
        .bind(terms.iter().map(|(term, _)| term.name).bind_iter())
        .bind(
            terms
                .iter()
                .map(|(term, _)| term.stored_value())
                .bind_iter(),
        )
        .bind(terms.iter().map(|(_, leaf_index)| *leaf_index).bind_iter())
        .bind(
            deliveries
                .iter()
                .map(|delivery| delivery.leaf_index.cast_signed())
                .bind_iter(),
        )
        .bind(
            deliveries
                .iter()
                .map(|delivery| delivery.sha256)
                .bind_iter(),
        )
        .bind(
            deliveries
                .iter()
                .map(|delivery| &delivery.body[..])
                .bind_iter(),
        )
        .bind(from.map(|tree| tree.tree_size.cast_signed()))
        .bind(from.map(|tree| *tree.root_hash.as_bytes()))
        .bind(to.map(|head| head.tree.tree_size.cast_signed()))
        .bind(to.map(|head| *head.tree.root_hash.as_bytes()))
        .bind(to.map(|head| head.timestamp_ms.cast_signed()))
        .execute(connection)
        .await?;
    Ok(written.rows_affected())
}
