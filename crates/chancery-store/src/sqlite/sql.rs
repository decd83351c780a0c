//! SQLite's statements. The one that writes a batch is made in [`super::write`].

#[path = "../both/sql.rs"]
mod both;

pub(super) use both::{
    AUTHORITIES, BEGIN_TIMESTAMP_CHAIN, COPY, COPY_ISSUERS, COPY_TRUST_METADATA, DELETE_ENTRIES,
    DELIVERIES, DELIVERIES_BEYOND, END_LEDGER, END_LOG, END_TIMESTAMP_CHAIN, ENTRIES,
    ENTRIES_BEYOND, FIND, FINISH_BACKUP, FINISH_RESTORE, GUARD, HEAD, INSERT_AUTHORITY,
    INSERT_COPY, INSERT_GUARD, INSERT_HEAD, INSERT_INSTANCE, INSERT_ISSUER, INSERT_LOG,
    INSERT_TIMESTAMP_CHAIN, INSERT_TRUST_DOCUMENT, INSERT_TRUST_METADATA, INSERT_USED_TOKEN,
    INSTANCE, ISSUER, ISSUERS, LOCK_INSTANCE, LOGS, LOGS_BEYOND, MOVE_GUARD, NEWEST_LOG,
    NEWEST_TRUST, NEXT_LOG, PRUNED_BELOW, PUT_FINAL_CHECKPOINT, REBIND, REBIND_GUARDED,
    REPLACE_GUARD, REPLACE_LOG_GUARD, RETIRE_LOG, SET_PRUNED_BELOW, TERMS, TILES_BEYOND,
    TIMESTAMP_CHAINS, TRUST_DOCUMENTS, TRUST_HISTORY, TRUST_METADATA, USED_TOKENS,
};

/// Begins a transaction that holds the write lock, and reads a log's head.
pub(super) const LOCK_HEAD: &str = "\
    BEGIN IMMEDIATE;
    SELECT tree_size, root_hash, timestamp_ms, ends_ms
      FROM log_head
     WHERE log = $1";

/// Those of several values, in JSON, that the index has.
pub(super) const STORED_VALUES: &str = "\
    SELECT DISTINCT value
      FROM log_term
     WHERE log = $1 AND name = $2 AND value IN (SELECT value FROM json_each($3))";

/// What a lone entry is written through: the entry with up to four terms, a delivery, a tile and
/// the head, of which terms and delivery may be NULL. The statement is a transaction of its own, and
/// writes nothing if the head is another one, or the log has ended. View and trigger are the connection's own, and no part
/// of the schema. For more entries than one it would be slower than a statement for each table: a
/// trigger runs once for each row.
pub(super) const LONE_VIEW: &str = "\
    CREATE TEMP VIEW lone AS
    SELECT NULL AS log, NULL AS leaf_index, NULL AS tile_leaf,
           NULL AS name1, NULL AS value1, NULL AS name2, NULL AS value2,
           NULL AS name3, NULL AS value3, NULL AS name4, NULL AS value4,
           NULL AS delivered, NULL AS sha256, NULL AS body,
           NULL AS level, NULL AS tile_index, NULL AS hashes,
           NULL AS from_size, NULL AS from_root,
           NULL AS tree_size, NULL AS root_hash, NULL AS timestamp_ms;

    CREATE TEMP TRIGGER lone_insert INSTEAD OF INSERT ON lone BEGIN
        UPDATE log_head
           SET tree_size = NEW.tree_size, root_hash = NEW.root_hash, timestamp_ms = NEW.timestamp_ms
         WHERE log = NEW.log AND tree_size = NEW.from_size AND root_hash = NEW.from_root
           AND (ends_ms IS NULL OR ends_ms > NEW.timestamp_ms);
        SELECT CASE
                   WHEN EXISTS (SELECT 1 FROM log_head
                                 WHERE log = NEW.log AND ends_ms <= NEW.timestamp_ms)
                   THEN RAISE(ABORT, 'the log has ended')
                   ELSE RAISE(ABORT, 'the head is another one')
               END
         WHERE changes() <> 1;

        INSERT INTO log_entry (log, leaf_index, tile_leaf)
        VALUES (NEW.log, NEW.leaf_index, NEW.tile_leaf);

        INSERT INTO log_tile (log, level, tile_index, hashes)
        VALUES (NEW.log, NEW.level, NEW.tile_index, NEW.hashes)
            ON CONFLICT (log, level, tile_index) DO UPDATE SET hashes = excluded.hashes;

        INSERT INTO log_term (log, name, value, leaf_index)
        SELECT NEW.log, name, value, NEW.leaf_index
          FROM (SELECT NEW.name1 AS name, NEW.value1 AS value UNION ALL
                SELECT NEW.name2, NEW.value2 UNION ALL
                SELECT NEW.name3, NEW.value3 UNION ALL
                SELECT NEW.name4, NEW.value4)
         WHERE name IS NOT NULL
            ON CONFLICT DO NOTHING;

        INSERT INTO log_delivery (log, leaf_index, sha256, body)
        SELECT NEW.log, NEW.delivered, NEW.sha256, NEW.body WHERE NEW.delivered IS NOT NULL
            ON CONFLICT DO NOTHING;
    END";

/// Writes a lone entry.
pub(super) const WRITE_LONE: &str = "\
    INSERT INTO lone
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

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

/// Lets a session write nothing, but end its transaction.
pub(super) const QUERY_ONLY: &str = "PRAGMA query_only = ON";

/// Lets a session write again.
pub(super) const QUERY_AND_WRITE: &str = "PRAGMA query_only = OFF";

/// Whether any migration has been here.
pub(super) const TABLES_EXIST: &str =
    "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations')";

/// Whether any migration of guards has been here.
pub(super) const GUARD_TABLES_EXIST: &str = "\
    SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'chancery_guard_migrations')";

/// The file.
pub(super) const PLACE: &str = "SELECT file FROM pragma_database_list WHERE name = 'main'";
