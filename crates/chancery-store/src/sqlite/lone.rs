//! Writing one entry alone, by one statement that is a transaction of its own.

use chancery_log::{Delivery, IndexTerm, NewEntry};
use chancery_tlog::TileWrite;

use super::{Connection, sql};
use crate::rows::{HeadSwap, Rows};

/// An entry of the issuance log has a serial number, a name, an issuer and its leaf hash.
const TERMS: usize = 4;

/// A batch of one entry and all that goes with it.
pub(super) struct Lone {
    entry: NewEntry,
    delivery: Option<Delivery>,
    tile: TileWrite,
    head: HeadSwap,
}

impl Lone {
    /// Takes a batch that is small enough, or gives it back.
    pub(super) fn of(mut rows: Rows) -> Result<Self, Box<Rows>> {
        let is_lone = rows.entries.len() == 1
            && rows.entries.iter().all(|entry| entry.terms.len() <= TERMS)
            && rows.tiles.len() == 1
            && rows.deliveries.len() <= 1
            && rows.issuers.is_empty();
        match (is_lone, rows.entries.pop(), rows.tiles.pop(), rows.head) {
            (true, Some(entry), Some(tile), Some(head)) => Ok(Self {
                entry,
                delivery: rows.deliveries.pop(),
                tile,
                head,
            }),
            (_, entry, tile, _) => {
                rows.entries.extend(entry);
                rows.tiles.extend(tile);
                Err(Box::new(rows))
            }
        }
    }

    /// Tells whether an error is the statement's own, which says that the log has ended. Nothing is
    /// written then.
    pub(super) fn found_ended(error: &sqlx::Error) -> bool {
        let error = error.as_database_error();
        error.is_some_and(|error| error.message() == "the log has ended")
    }

    /// Writes it. Where the head is another one than it builds on, it writes nothing and fails.
    pub(super) async fn write(self, connection: &mut Connection, log: i64) -> sqlx::Result<()> {
        let Self {
            entry,
            delivery,
            tile,
            head: HeadSwap { from, to },
        } = self;
        let mut query = sqlx::query(sql::WRITE_LONE)
            .bind(log)
            .bind(entry.leaf_index.cast_signed())
            .bind(entry.tile_leaf);
        let mut terms = entry.terms.into_iter();
        for _ in 0..TERMS {
            let term: Option<IndexTerm> = terms.next();
            query = query
                .bind(term.as_ref().map(|term| term.name))
                .bind(term.as_ref().map(|term| term.stored_value().into_owned()));
        }
        let delivered = delivery.as_ref().map(|d| d.leaf_index.cast_signed());
        query
            .bind(delivered)
            .bind(delivery.as_ref().map(|d| d.sha256.to_vec()))
            .bind(delivery.map(|d| Vec::from(d.body)))
            .bind(i64::from(tile.level))
            .bind(tile.index.cast_signed())
            .bind(tile.hashes)
            .bind(from.tree_size.cast_signed())
            .bind(from.root_hash.as_bytes().to_vec())
            .bind(to.tree.tree_size.cast_signed())
            .bind(to.tree.root_hash.as_bytes().to_vec())
            .bind(to.timestamp_ms.cast_signed())
            .execute(connection)
            .await?;
        Ok(())
    }
}
