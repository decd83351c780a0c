//! PostgreSQL.
//!
//! Several processes may share a database: the row of a log's head is the lock between them. All
//! sessions are READ COMMITTED, so that a statement after the lock sees what the holder before
//! committed. A process that froze or vanished with the lock loses it by one of the session's
//! time-outs.

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

use std::sync::Arc;
use std::time::Duration;

use chancery_log::StoreError;
use sqlx::postgres::{PgArguments as Arguments, PgConnectOptions as Options, PgPoolOptions};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor, PgConnection as Connection,
    PgPool as Pool, Postgres as Driver,
};

use self::database::Database;
use self::guard::GuardRows;
use self::writers::Writers;
use crate::Access;
use crate::limits::{ACQUIRE, READERS, STATEMENT};
use crate::migrate::{Embedded, migrator};

const MIGRATIONS: &[Embedded] = &[
    (
        1,
        "log",
        include_str!("../../../../migrations/postgres/0001_log.sql"),
    ),
    (
        2,
        "used_token",
        include_str!("../../../../migrations/postgres/0002_used_token.sql"),
    ),
    (
        3,
        "database_server",
        include_str!("../../../../migrations/postgres/0003_database_server.sql"),
    ),
    (
        4,
        "recovery",
        include_str!("../../../../migrations/postgres/0004_recovery.sql"),
    ),
    (
        5,
        "binding",
        include_str!("../../../../migrations/postgres/0005_binding.sql"),
    ),
    (
        6,
        "leaf_hash",
        include_str!("../../../../migrations/postgres/0006_leaf_hash.sql"),
    ),
    (
        7,
        "shard",
        include_str!("../../../../migrations/postgres/0007_shard.sql"),
    ),
    (
        8,
        "prune",
        include_str!("../../../../migrations/postgres/0008_prune.sql"),
    ),
    (
        9,
        "prune_comment",
        include_str!("../../../../migrations/postgres/0009_prune_comment.sql"),
    ),
    (
        10,
        "ledger",
        include_str!("../../../../migrations/postgres/0010_ledger.sql"),
    ),
    (
        11,
        "trust",
        include_str!("../../../../migrations/postgres/0011_trust.sql"),
    ),
    (
        12,
        "timestamp_chain",
        include_str!("../../../../migrations/postgres/0012_timestamp_chain.sql"),
    ),
];

const GUARD_MIGRATIONS: &[Embedded] = &[(
    1,
    "guard",
    include_str!("../../../../migrations/guard/postgres/0001_guard.sql"),
)];

const BEGIN: &str = "BEGIN";

/// One log's sequencer needs one connection; the other is for a second log.
const WRITERS: usize = 2;

/// Any number of processes share a database.
const SOLE_WRITER: bool = false;

/// How long a pooled connection may have been idle and still be taken for alive.
const SURELY_ALIVE: Duration = Duration::from_secs(1);

/// Nobody claims a database of a server.
enum Claim {}

impl Claim {
    fn check(&self) -> Result<(), StoreError> {
        match *self {}
    }
}

pub(crate) async fn connect(options: &Options, access: Access) -> Result<Database, StoreError> {
    let options = named(options);
    let writers = Writers::open(options.clone(), None, access).await?;
    let readers = PgPoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .before_acquire(|connection, usage| {
            Box::pin(async move {
                if usage.idle_for > SURELY_ALIVE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(move |connection, _| Box::pin(begin_session(connection, access)))
        .connect_lazy_with(options);
    Ok(Database {
        migrator: migrator(MIGRATIONS),
        readers,
        writers: Arc::new(writers),
    })
}

/// Opens a database for guards.
pub(crate) async fn guard_rows(options: &Options) -> Result<GuardRows, StoreError> {
    let writers = Writers::open(named(options), None, Access::ReadWrite).await?;
    Ok(GuardRows::new(migrator(GUARD_MIGRATIONS), writers))
}

fn named(options: &Options) -> Options {
    options
        .clone()
        .application_name("chancery")
        .disable_statement_logging()
}

/// Bounds what a session can hold, also when its process or machine is gone. Set by statement, not
/// as a connection parameter, which connection poolers refuse.
async fn begin_session(connection: &mut Connection, access: Access) -> sqlx::Result<()> {
    let (ms, s) = (STATEMENT.as_millis(), STATEMENT.as_secs());
    let statements = format!(
        "SET default_transaction_isolation = 'read committed';
         SET statement_timeout = {ms};
         SET lock_timeout = {ms};
         SET idle_in_transaction_session_timeout = {ms};
         SET tcp_user_timeout = {ms};
         SET tcp_keepalives_idle = {s};
         SET tcp_keepalives_interval = 1;
         SET tcp_keepalives_count = 2"
    );
    connection.execute(AssertSqlSafe(statements)).await?;
    if access == Access::ReadOnly {
        let read_only = "SET default_transaction_read_only = on";
        connection.execute(read_only).await?;
    }
    Ok(())
}

/// Any number of processes may write to a server's database.
async fn permit_log_record(_: &mut Connection, _: Access, _: bool) -> sqlx::Result<()> {
    Ok(())
}

/// Servers keep their own files.
async fn one_file(_: &mut Connection) -> sqlx::Result<()> {
    Ok(())
}

/// Reads the server's clock, which all processes share, in milliseconds since the Unix epoch.
async fn time_ms(readers: &Pool, _: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar(sql::TIME).fetch_one(readers).await
}

async fn tables_exist(connection: &mut Connection) -> sqlx::Result<bool> {
    sqlx::query_scalar(sql::TABLES_EXIST)
        .fetch_one(connection)
        .await
}
