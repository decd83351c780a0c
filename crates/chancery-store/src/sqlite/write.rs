//! Locking a head, and writing a batch.
//!
//! A batch is written by one text of several statements, each of which inserts up to a fixed
//! number of rows:
//!
//! ```text
//! INSERT INTO log_entry … SELECT … FROM (VALUES (?, ?), …) WHERE column1 IS NOT NULL …;
//! INSERT INTO log_tile …; INSERT INTO log_term …; INSERT INTO log_delivery …;
//! UPDATE log_head … RETURNING tree_size
//! ```
//!
//! There is one such text for each [`Class`] of batches, so that the driver's cache of prepared
//! statements holds them all; rows that a batch does not fill are NULL, and skipped. A batch that
//! is larger than the largest class is written in several rounds.

use std::sync::{Arc, LazyLock};
use std::vec;

use chancery_log::{Delivery, IndexTerm, NewEntry};
use chancery_tlog::TileWrite;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite};

use super::appending::LockedHead;
use super::{Connection, sql};
use crate::rows::{HeadSwap, Rows};

/// Begins a transaction and reads the log's head in it.
pub(super) async fn lock_head(connection: &mut Connection, log: i64) -> sqlx::Result<LockedHead> {
    let found = sqlx::query_as::<_, (i64, Vec<u8>, i64, Option<i64>)>(sql::LOCK_HEAD)
        .bind(log)
        .fetch_optional(connection)
        .await?;
    let ends_ms = found.as_ref().and_then(|(_, _, _, ends_ms)| *ends_ms);
    let row =
        found.map(|(tree_size, root_hash, timestamp_ms, _)| (tree_size, root_hash, timestamp_ms));
    Ok(LockedHead {
        row,
        ends_ms,
        database_time_ms: None,
        server: None,
    })
}

/// Returns those of `values` that the index has: hexadecimal digits, which JSON has as they are.
pub(super) async fn stored_values(
    connection: &mut Connection,
    log: i64,
    name: &str,
    values: &[String],
) -> sqlx::Result<Vec<String>> {
    let quoted: Vec<_> = values.iter().map(|value| format!("\"{value}\"")).collect();
    let query = sqlx::query_scalar(sql::STORED_VALUES);
    let query = query
        .bind(log)
        .bind(name)
        .bind(format!("[{}]", quoted.join(",")));
    query.fetch_all(connection).await
}

/// Writes all rows but issuers and returns how many heads were replaced.
pub(super) async fn write(connection: &mut Connection, log: i64, rows: Rows) -> sqlx::Result<u64> {
    let mut rest = Rest::of(rows);
    loop {
        let class = rest.class();
        let query = sqlx::query(AssertSqlSafe(Arc::clone(&class.text)));
        let query = rest.bind_round(query, log, class);
        let swapped = query.fetch_all(&mut *connection).await?;
        if rest.is_empty() {
            return Ok(swapped.len() as u64);
        }
    }
}

/// A size of batch, and the text that writes it.
struct Class {
    entries: usize,
    text: Arc<str>,
}

/// An entry of the issuance log has a serial number, a name, an issuer and its leaf hash.
const TERMS_PER_ENTRY: usize = 4;

/// A round of up to 256 entries changes at most two level-0 tiles and seldom two others.
const TILES: usize = 4;

static CLASSES: LazyLock<[Class; 9]> =
    LazyLock::new(|| [1, 2, 4, 8, 16, 32, 64, 128, 256].map(Class::new));

impl Class {
    fn new(entries: usize) -> Self {
        let mut class = Self {
            entries,
            text: Arc::default(),
        };
        class.text = class.write_text().into();
        class
    }

    fn terms(&self) -> usize {
        TERMS_PER_ENTRY * self.entries
    }

    fn deliveries(&self) -> usize {
        self.entries
    }

    /// Parameters have no numbers. The driver gives each statement as many of the bound values as
    /// it has parameters, in the order in which [`Rest::bind_round`] binds them; numbers that do
    /// not begin at 1 would mislead it.
    fn write_text(&self) -> String {
        let entries = values(self.entries, 2);
        let tiles = values(TILES, 3);
        let terms = values(self.terms(), 3);
        let deliveries = values(self.deliveries(), 3);
        format!(
            "INSERT INTO log_entry (log, leaf_index, tile_leaf)
             SELECT ?, column1, column2 FROM ({entries}) WHERE column1 IS NOT NULL;

             INSERT INTO log_tile (log, level, tile_index, hashes)
             SELECT ?, column1, column2, column3 FROM ({tiles}) WHERE column1 IS NOT NULL
                 ON CONFLICT (log, level, tile_index) DO UPDATE SET hashes = excluded.hashes;

             INSERT INTO log_term (log, name, value, leaf_index)
             SELECT ?, column1, column2, column3 FROM ({terms}) WHERE column1 IS NOT NULL
                 ON CONFLICT DO NOTHING;

             INSERT INTO log_delivery (log, leaf_index, sha256, body)
             SELECT ?, column1, column2, column3 FROM ({deliveries}) WHERE column1 IS NOT NULL
                 ON CONFLICT DO NOTHING;

             UPDATE log_head
                SET tree_size = ?, root_hash = ?, timestamp_ms = ?
              WHERE log = ? AND tree_size = ? AND root_hash = ?
          RETURNING tree_size"
        )
    }
}

/// Writes `VALUES (?, ?), (?, ?)`, and so on.
fn values(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    format!("VALUES {}", vec![row; rows].join(", "))
}

/// What is still to be written.
struct Rest {
    entries: vec::IntoIter<NewEntry>,
    tiles: vec::IntoIter<TileWrite>,
    terms: vec::IntoIter<(IndexTerm, u64)>,
    deliveries: vec::IntoIter<Delivery>,
    head: Option<HeadSwap>,
}

type BatchQuery = Query<'static, Sqlite, SqliteArguments>;

impl Rest {
    fn of(rows: Rows) -> Self {
        let Rows {
            mut entries,
            tiles,
            deliveries,
            issuers: _,
            head,
        } = rows;
        let terms = entries.iter_mut().flat_map(|entry| {
            let leaf_index = entry.leaf_index;
            std::mem::take(&mut entry.terms)
                .into_iter()
                .map(move |term| (term, leaf_index))
        });
        let terms: Vec<_> = terms.collect();
        Self {
            entries: entries.into_iter(),
            tiles: tiles.into_iter(),
            terms: terms.into_iter(),
            deliveries: deliveries.into_iter(),
            head,
        }
    }

    fn is_empty(&self) -> bool {
        self.entries.len() + self.tiles.len() + self.terms.len() + self.deliveries.len() == 0
    }

    /// The smallest class that takes all, or the largest that there is.
    fn class(&self) -> &'static Class {
        let [.., largest] = &*CLASSES;
        CLASSES
            .iter()
            .find(|class| self.fits(class))
            .unwrap_or(largest)
    }

    fn fits(&self, class: &Class) -> bool {
        self.entries.len() <= class.entries
            && self.tiles.len() <= TILES
            && self.terms.len() <= class.terms()
            && self.deliveries.len() <= class.deliveries()
    }

    /// Binds as many rows as the class takes, and the heads if these are the last.
    fn bind_round(&mut self, mut query: BatchQuery, log: i64, class: &Class) -> BatchQuery {
        let head = if self.fits(class) { self.head } else { None };
        query = query.bind(log);
        for _ in 0..class.entries {
            let (leaf_index, tile_leaf) = match self.entries.next() {
                Some(entry) => (Some(entry.leaf_index.cast_signed()), Some(entry.tile_leaf)),
                None => (None, None),
            };
            query = query.bind(leaf_index).bind(tile_leaf);
        }
        query = query.bind(log);
        for _ in 0..TILES {
            let tile = self.tiles.next();
            query = query
                .bind(tile.as_ref().map(|tile| i64::from(tile.level)))
                .bind(tile.as_ref().map(|tile| tile.index.cast_signed()))
                .bind(tile.map(|tile| tile.hashes));
        }
        query = query.bind(log);
        for _ in 0..class.terms() {
            let term = self.terms.next();
            query = query
                .bind(term.as_ref().map(|(term, _)| term.name))
                .bind(
                    term.as_ref()
                        .map(|(term, _)| term.stored_value().into_owned()),
                )
                .bind(term.map(|(_, leaf_index)| leaf_index.cast_signed()));
        }
        query = query.bind(log);
        for _ in 0..class.deliveries() {
            let delivery = self.deliveries.next();
            query = query
                .bind(
                    delivery
                        .as_ref()
                        .map(|delivery| delivery.leaf_index.cast_signed()),
                )
                .bind(delivery.as_ref().map(|delivery| delivery.sha256.to_vec()))
                .bind(delivery.map(|delivery| Vec::from(delivery.body)));
        }
        bind_head(query, log, head)
    }
}

fn bind_head(query: BatchQuery, log: i64, head: Option<HeadSwap>) -> BatchQuery {
    let from = head.map(|head| head.from);
    let to = head.map(|head| head.to);
    query
        .bind(to.map(|head| head.tree.tree_size.cast_signed()))
        .bind(to.map(|head| head.tree.root_hash.as_bytes().to_vec()))
        .bind(to.map(|head| head.timestamp_ms.cast_signed()))
        .bind(log)
        .bind(from.map(|tree| tree.tree_size.cast_signed()))
        .bind(from.map(|tree| tree.root_hash.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use sqlx::{ConnectOptions, Executor, SqlSafeStr};

    use super::*;
    use crate::sqlite::{MIGRATIONS, Options};

    #[tokio::test]
    async fn the_text_of_every_class_prepares() {
        let mut connection = Options::new().in_memory(true).connect().await.unwrap();
        for (_, _, migration) in MIGRATIONS {
            sqlx::raw_sql(*migration)
                .execute(&mut connection)
                .await
                .unwrap();
        }
        for class in &*CLASSES {
            for statement in class.text.split(';') {
                let statement = AssertSqlSafe(statement.to_owned()).into_sql_str();
                connection.prepare(statement).await.unwrap();
            }
        }
    }

    #[test]
    fn a_batch_is_written_by_the_smallest_class_that_takes_it() {
        let class_of = |entries: u64, deliveries: u64| {
            let entry = |leaf_index| NewEntry {
                leaf_index,
                tile_leaf: vec![],
                terms: vec![],
            };
            let delivery = |leaf_index| Delivery {
                leaf_index,
                body: bytes::Bytes::new(),
                sha256: [0; 32],
            };
            let rows = Rows {
                entries: (0..entries).map(entry).collect(),
                tiles: vec![],
                deliveries: (0..deliveries).map(delivery).collect(),
                issuers: vec![],
                head: None,
            };
            Rest::of(rows).class().entries
        };
        assert_eq!([class_of(0, 0), class_of(1, 1), class_of(1, 9)], [1, 1, 16]);
        assert_eq!(
            [class_of(16, 3), class_of(17, 3), class_of(1000, 3)],
            [16, 32, 256]
        );
    }
}
