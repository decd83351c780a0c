//! SQLite's statements. The one that writes a batch is made in [`super::write`].

#[path = "../both/sql.rs"]
mod both;

pub(super) use both::{
    AUTHORITIES, COPY, DELIVERIES, ENTRIES, FINISH_BACKUP, FINISH_RESTORE, GUARD, HEAD,
    INSERT_AUTHORITY, INSERT_COPY, INSERT_GUARD, INSERT_HEAD, INSERT_INSTANCE, INSERT_ISSUER,
    INSERT_LOG, INSERT_USED_TOKEN, INSTANCE, ISSUER, ISSUERS, LOGS, MOVE_GUARD, REPLACE_GUARD,
    RETIRE_LOG, TERMS, USED_TOKENS,
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

/// Records the use of a token, and returns a row unless it was recorded before. Forgets some that
/// expired an hour ago or more.
pub(super) const CLAIM_TOKEN: &str = "\
    DELETE FROM used_token
     WHERE digest IN (
               SELECT digest
                 FROM used_token
                WHERE expires_ms < (unixepoch() - 3600) * 1000
                ORDER BY expires_ms
                LIMIT 100);
    INSERT INTO used_token (digest, expires_ms)
    VALUES (?, ?)
        ON CONFLICT (digest) DO NOTHING
 RETURNING expires_ms";

/// Whether any migration has been here.
pub(super) const TABLES_EXIST: &str =
    "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations')";

/// Whether any migration of guards has been here.
pub(super) const GUARD_TABLES_EXIST: &str = "\
    SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'chancery_guard_migrations')";

/// The file.
pub(super) const PLACE: &str = "SELECT file FROM pragma_database_list WHERE name = 'main'";
