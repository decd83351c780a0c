//! SQLite's statements. The one that writes a batch is made in [`super::write`].

#[path = "../both/sql.rs"]
mod both;

pub(super) use both::{
    AUTHORITIES, ENTRIES, HEAD, INSERT_AUTHORITY, INSERT_HEAD, INSERT_INSTANCE, INSERT_ISSUER,
    INSERT_LOG, INSTANCE, ISSUER, LOGS,
};

/// Begins a transaction that holds the write lock, and reads a log's head.
pub(super) const LOCK_HEAD: &str = "\
    BEGIN IMMEDIATE;
    SELECT tree_size, root_hash, timestamp_ms
      FROM log_head
     WHERE log = $1";

/// Hash tiles in the order asked for, NULL where there is none. `$2` is a JSON array of pairs of
/// level and index.
pub(super) const HASH_TILES: &str = "\
    SELECT t.hashes
      FROM json_each($2) AS w
      LEFT JOIN log_tile AS t
        ON t.log = $1 AND t.level = w.value ->> 0 AND t.tile_index = w.value ->> 1
     ORDER BY w.key";

/// Whether any migration has been here.
pub(super) const TABLES_EXIST: &str =
    "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations')";
