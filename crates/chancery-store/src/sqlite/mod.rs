//! SQLite.
//!
//! One process, one connection that writes, a few that read. Every transaction that writes begins
//! with BEGIN IMMEDIATE, and is on the disk when COMMIT returns (WAL, `synchronous = FULL`).
//!
//! Each statement crosses to the connection's own thread, and its end comes back, which costs more
//! than most of them do: so one entry alone is written by one statement, and more by three texts,
//! whatever their number.

mod claim;
mod durability;
mod lone;
mod place;
mod server;
mod sql;
mod tiles;
mod write;

#[path = "../both/appending.rs"]
mod appending;
#[path = "../both/copies.rs"]
mod copies;
#[path = "../both/database.rs"]
mod database;
#[path = "../both/endings.rs"]
mod endings;
#[path = "../both/guard.rs"]
mod guard;
#[path = "../both/log.rs"]
mod log;
#[path = "../both/logs.rs"]
mod logs;
#[path = "../both/timestamp_chains.rs"]
mod timestamp_chains;
#[path = "../both/trust.rs"]
mod trust;
#[path = "../both/used_tokens.rs"]
mod used_tokens;
#[path = "../both/writers.rs"]
mod writers;

use std::path::Path;
use std::sync::Arc;

use chancery_log::StoreError;
use sqlx::sqlite::{
    SqliteArguments as Arguments, SqliteConnectOptions as Options, SqliteJournalMode,
    SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{
    ConnectOptions as _, Executor, Sqlite as Driver, SqliteConnection as Connection,
    SqlitePool as Pool,
};

pub(crate) use self::claim::{Claim, claim, make};
use self::database::Database;
use self::guard::GuardRows;
pub(crate) use self::place::at as place_at;
use self::writers::Writers;
use crate::Access;
use crate::limits::{ACQUIRE, READERS, STATEMENT};
use crate::migrate::{Embedded, migrator};

const MIGRATIONS: &[Embedded] = &[
    (
        1,
        "log",
        include_str!("../../../../migrations/sqlite/0001_log.sql"),
    ),
    (
        2,
        "used_token",
        include_str!("../../../../migrations/sqlite/0002_used_token.sql"),
    ),
    (
        3,
        "database_server",
        include_str!("../../../../migrations/sqlite/0003_database_server.sql"),
    ),
    (
        4,
        "recovery",
        include_str!("../../../../migrations/sqlite/0004_recovery.sql"),
    ),
    (
        5,
        "binding",
        include_str!("../../../../migrations/sqlite/0005_binding.sql"),
    ),
    (
        6,
        "leaf_hash",
        include_str!("../../../../migrations/sqlite/0006_leaf_hash.sql"),
    ),
    (
        7,
        "shard",
        include_str!("../../../../migrations/sqlite/0007_shard.sql"),
    ),
    (
        8,
        "prune",
        include_str!("../../../../migrations/sqlite/0008_prune.sql"),
    ),
    (
        9,
        "prune_comment",
        include_str!("../../../../migrations/sqlite/0009_prune_comment.sql"),
    ),
    (
        10,
        "ledger",
        include_str!("../../../../migrations/sqlite/0010_ledger.sql"),
    ),
    (
        11,
        "trust",
        include_str!("../../../../migrations/sqlite/0011_trust.sql"),
    ),
    (
        12,
        "timestamp_chain",
        include_str!("../../../../migrations/sqlite/0012_timestamp_chain.sql"),
    ),
];

const GUARD_MIGRATIONS: &[Embedded] = &[(
    1,
    "guard",
    include_str!("../../../../migrations/guard/sqlite/0001_guard.sql"),
)];

const BEGIN: &str = "BEGIN IMMEDIATE";

const WRITERS: usize = 1;

/// The file is claimed, and there is one connection that writes.
const SOLE_WRITER: bool = true;

/// Opens a file that was [claimed](claim()).
pub(crate) async fn connect(
    path: &Path,
    claim: Claim,
    access: Access,
) -> Result<Database, StoreError> {
    let options = options(path);
    let writers = Writers::open(writing(options.clone(), access), Some(claim), access).await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .connect_lazy_with(options.read_only(true));
    Ok(Database {
        migrator: migrator(MIGRATIONS),
        readers,
        writers: Arc::new(writers),
    })
}

/// Opens a file for guards. Nobody claims it: several processes may move one guard.
pub(crate) async fn guard_rows(path: &Path) -> Result<GuardRows, StoreError> {
    let access = Access::ReadWrite;
    let writers = Writers::open(writing(options(path), access), None, access).await?;
    Ok(GuardRows::new(migrator(GUARD_MIGRATIONS), writers))
}

fn options(path: &Path) -> Options {
    Options::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(STATEMENT)
        .disable_statement_logging()
}

/// Adds what a connection that writes needs. One that only reads takes the file as it is.
fn writing(options: Options, access: Access) -> Options {
    if access == Access::ReadOnly {
        return options.read_only(true);
    }
    options
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // macOS: fsync alone leaves the data in the disk's own cache.
        .pragma("fullfsync", "1")
        .pragma("checkpoint_fullfsync", "1")
        // A statement of many rows keeps the pages that it changes, in case it fails half-way: in a
        // temporary file otherwise, which is a quarter of all that is written.
        .pragma("temp_store", "MEMORY")
}

/// Moves all into the one file, which can then be copied, and read without a folder to write to.
async fn one_file(connection: &mut Connection) -> sqlx::Result<()> {
    connection.execute("PRAGMA journal_mode = DELETE").await?;
    Ok(())
}

/// Moves what the write-ahead log holds into the file, and makes the view through which a lone entry
/// is written.
///
/// After a sync that failed, what a commit wrote may be in memory only, and taken for committed by
/// whoever opens the file next. A later sync would not write it; moving it does, before anything is
/// built on it. A connection on which a commit failed is never used again, so this comes in between.
async fn begin_session(connection: &mut Connection, access: Access) -> sqlx::Result<()> {
    if access == Access::ReadWrite {
        connection
            .execute("PRAGMA wal_checkpoint(TRUNCATE)")
            .await?;
        connection.execute(sql::LONE_VIEW).await?;
    }
    if access == Access::AddLog {
        connection.execute(sql::QUERY_ONLY).await?;
    }
    Ok(())
}

/// Lets a session that may add a log write, or forbids it again, also before COMMIT.
async fn permit_log_record(
    connection: &mut Connection,
    access: Access,
    permitted: bool,
) -> sqlx::Result<()> {
    if access == Access::AddLog {
        let pragma = if permitted {
            sql::QUERY_AND_WRITE
        } else {
            sql::QUERY_ONLY
        };
        connection.execute(pragma).await?;
    }
    Ok(())
}

/// One process at a time has the file, and no clock is nearer to it than that process's own.
async fn time_ms(_: &Pool, process_ms: i64) -> sqlx::Result<i64> {
    Ok(process_ms)
}

async fn tables_exist(connection: &mut Connection) -> sqlx::Result<bool> {
    sqlx::query_scalar(sql::TABLES_EXIST)
        .fetch_one(connection)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ConnectOptions;

    #[tokio::test]
    async fn four_strangers_who_read_leave_connections_for_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chancery.db");
        let options = ConnectOptions {
            create: true,
            ..ConnectOptions::default()
        };
        let claim = claim(&path, options).unwrap();
        let database = connect(&path, claim, options.access).await.unwrap();
        let mut held = Vec::new();
        for _ in 0..4 + 4 {
            held.push(database.readers.acquire().await.unwrap());
        }
    }
}
