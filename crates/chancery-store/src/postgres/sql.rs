//! PostgreSQL's statements.

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

/// Locks a log's head and reads it. The clock is read outside the sub-select, thus after the lock
/// was granted: a wait for it must not look like a clock that is behind. When the server was started
/// tells one run of it from another, and a standby from the primary before it, also through a
/// connection pooler.
pub(super) const LOCK_HEAD: &str = "\
    WITH head AS MATERIALIZED (
          SELECT tree_size, root_hash, timestamp_ms, binding, ends_ms
            FROM log_head
           WHERE log = $1
             FOR UPDATE)
    SELECT tree_size, root_hash, timestamp_ms,
           (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT,
           (EXTRACT(EPOCH FROM pg_postmaster_start_time()) * 1000000)::BIGINT,
           binding, ends_ms
      FROM head";

/// The server's time, in milliseconds since the Unix epoch.
pub(super) const TIME: &str = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT";

/// Hash tiles in the order asked for, NULL where there is none.
pub(super) const HASH_TILES: &str = "\
    SELECT t.hashes
      FROM UNNEST($2::BIGINT[], $3::BIGINT[]) WITH ORDINALITY AS w (level, tile_index, place)
      LEFT JOIN log_tile AS t
        ON t.log = $1 AND t.level = w.level AND t.tile_index = w.tile_index
     ORDER BY w.place";

/// Those of several values that the index has.
pub(super) const STORED_VALUES: &str = "\
    SELECT DISTINCT value
      FROM log_term
     WHERE log = $1 AND name = $2 AND value = ANY($3::TEXT[])";

/// A whole batch in one round trip. Its row count is that of the UPDATE.
pub(super) const WRITE: &str = "\
    WITH entry AS (
          INSERT INTO log_entry (log, leaf_index, tile_leaf)
          SELECT $1, leaf_index, tile_leaf
            FROM UNNEST($2::BIGINT[], $3::BYTEA[]) AS e (leaf_index, tile_leaf)),
         tile AS (
          INSERT INTO log_tile (log, level, tile_index, hashes)
          SELECT $1, level, tile_index, hashes
            FROM UNNEST($4::BIGINT[], $5::BIGINT[], $6::BYTEA[]) AS t (level, tile_index, hashes)
              ON CONFLICT (log, level, tile_index) DO UPDATE SET hashes = EXCLUDED.hashes),
         term AS (
          INSERT INTO log_term (log, name, value, leaf_index)
          SELECT $1, name, value, leaf_index
            FROM UNNEST($7::TEXT[], $8::TEXT[], $9::BIGINT[]) AS i (name, value, leaf_index)
              ON CONFLICT DO NOTHING),
         delivery AS (
          INSERT INTO log_delivery (log, leaf_index, sha256, body)
          SELECT $1, leaf_index, sha256, body
            FROM UNNEST($10::BIGINT[], $11::BYTEA[], $12::BYTEA[]) AS d (leaf_index, sha256, body)
              ON CONFLICT DO NOTHING)
    UPDATE log_head
       SET tree_size = $15, root_hash = $16, timestamp_ms = $17
     WHERE log = $1 AND tree_size = $13 AND root_hash = $14";

/// Records the use of a token, and returns a row unless it was recorded before: a second session
/// with the same token waits here for the first to end. Forgets some that expired an hour ago or
/// more, but none that another session is about to forget.
pub(super) const CLAIM_TOKEN: &str = "\
    WITH expired AS (
          DELETE FROM used_token
           WHERE digest IN (
                     SELECT digest
                       FROM used_token
                      WHERE expires_ms < (EXTRACT(EPOCH FROM clock_timestamp())::BIGINT - 3600) * 1000
                      ORDER BY expires_ms
                      LIMIT 100
                        FOR UPDATE SKIP LOCKED))
    INSERT INTO used_token (digest, expires_ms)
    VALUES ($1, $2)
        ON CONFLICT (digest) DO NOTHING
 RETURNING expires_ms";

/// Notes the server that answers, and returns the one noted before with it. The timeline is the
/// first part of the name of the WAL file that is being written: `pg_control_checkpoint` knows a
/// promotion only after the next checkpoint.
pub(super) const NOTE_SERVER: &str = "\
    WITH now AS MATERIALIZED (
          SELECT system_identifier::TEXT AS system_identifier,
                 ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::BIT(32)::BIGINT AS timeline
            FROM pg_control_system()),
         before AS MATERIALIZED (
          SELECT system_identifier, timeline
            FROM database_server
           WHERE id = 1),
         noted AS (
          INSERT INTO database_server (id, system_identifier, timeline)
          SELECT 1, system_identifier, timeline
            FROM now
              ON CONFLICT (id) DO UPDATE
             SET system_identifier = EXCLUDED.system_identifier, timeline = EXCLUDED.timeline)
    SELECT before.system_identifier, before.timeline, now.system_identifier, now.timeline
      FROM now
      LEFT JOIN before ON TRUE";

/// Whether any migration has been here.
pub(super) const TABLES_EXIST: &str = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";

/// The settings that durability depends on.
pub(super) const DURABILITY: &str = "\
    SELECT pg_is_in_recovery(),
           current_setting('fsync'),
           current_setting('full_page_writes'),
           current_setting('synchronous_commit')";

/// Whether any migration of guards has been here.
pub(super) const GUARD_TABLES_EXIST: &str =
    "SELECT to_regclass('chancery_guard_migrations') IS NOT NULL";

/// The server's identity, and the database's.
pub(super) const PLACE: &str = "\
    SELECT system_identifier, (SELECT oid::BIGINT FROM pg_database WHERE datname = current_database())
      FROM pg_control_system()";
