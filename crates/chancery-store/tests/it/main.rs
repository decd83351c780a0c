//! The store on real databases: the same tests over SQLite and PostgreSQL.
//!
//! SQLite needs nothing. The PostgreSQL half runs where `CHANCERY_TEST_POSTGRES` names a server,
//! such as `postgres://user@localhost/postgres?host=/socket/folder`, in databases that it creates
//! and drops. Without it those tests say so and pass, or fail if `CHANCERY_REQUIRE_POSTGRES` is
//! set.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

/// Runs each test on both databases.
macro_rules! on_both_databases {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() {
                crate::harness::on_sqlite(super::$name).await;
            })*
        }
        mod postgres {
            $(#[tokio::test] async fn $name() {
                crate::harness::on_postgres(super::$name).await;
            })*
        }
    };
}

mod access;
mod append;
mod copies;
mod cut_off;
mod damage;
mod guard;
mod harness;
mod instance;
mod logs;
mod postgres;
mod schema;
mod sqlite;
mod test_log;
mod timestamp_chains;
mod trust;
mod used_tokens;
mod whole;
