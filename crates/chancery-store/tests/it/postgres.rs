//! What only PostgreSQL does.

use std::error::Error;
use std::time::{Duration, Instant, SystemTime};

use chancery_log::{PlanRefused, SequenceError, StoreError, Tip};
use chancery_store::{ConnectOptions, DatabaseUrl, DurabilityError, Store};
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::harness::{LOG, on_postgres};
use crate::logs::next;
use crate::test_log::{append, check_log};

#[tokio::test]
async fn a_holder_of_the_head_that_hangs_stops_others_for_seconds_only() {
    on_postgres(|database| async move {
        let log = database.store().await.log_store(LOG);
        append(&*log, None, 1).await.unwrap();
        let mut holder = database.postgres_session().await;
        holder
            .execute("BEGIN; SELECT log FROM log_head FOR UPDATE")
            .await
            .unwrap();

        let started = Instant::now();
        let error = append(&*log, None, 1).await.unwrap_err();
        assert!(
            matches!(
                error,
                SequenceError::NotCommitted(StoreError::Unavailable(_))
            ),
            "{error:?}"
        );
        assert!(started.elapsed() < Duration::from_secs(3));
        // Reads go on meanwhile.
        check_log(&*log, 1).await;

        holder.execute("ROLLBACK").await.unwrap();
        append(&*log, None, 1).await.unwrap();
        check_log(&*log, 2).await;
    })
    .await;
}

/// Whoever needs a log's head and its record takes them in this order.
#[tokio::test]
async fn a_log_is_retired_and_its_guard_replaced_beside_who_holds_the_head_and_changes_the_log() {
    on_postgres(|database| async move {
        let store = database.store().await;
        let log = store.add_log(next("2028", LOG)).await.unwrap();
        for replaces in [true, false] {
            let mut holder = database.postgres_session().await;
            holder
                .execute("BEGIN; SELECT log FROM log_head FOR UPDATE")
                .await
                .unwrap();
            let store = store.clone();
            let waits = tokio::spawn(async move {
                match replaces {
                    true => store.replace_guard(log, "guard of 2028", "new").await,
                    false => store.retire_log(log, 7).await,
                }
            });
            let begun = Instant::now();
            let waiting = "SELECT 1 FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
            let mut watcher = database.postgres_session().await;
            while watcher.fetch_optional(waiting).await.unwrap().is_none() {
                assert!(begun.elapsed() < Duration::from_secs(5), "nobody waits");
            }
            holder
                .execute("UPDATE log SET name = name; COMMIT")
                .await
                .unwrap();
            assert!(waits.await.unwrap().unwrap());
        }
    })
    .await;
}

/// A frozen process of ours loses the lock: the server ends its session.
#[tokio::test]
async fn every_session_has_its_time_outs() {
    on_postgres(|database| async move {
        let log = database.store().await.log_store(LOG);
        // The trigger sees the session that writes.
        database
            .execute(
                "CREATE TABLE seen (name TEXT, setting TEXT);
                 CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS
                     $$ BEGIN INSERT INTO seen SELECT name, setting FROM pg_settings;
                        RETURN NULL; END $$;
                 CREATE TRIGGER look AFTER UPDATE ON log_head EXECUTE FUNCTION look()",
            )
            .await;
        append(&*log, None, 1).await.unwrap();
        let mut session = database.postgres_session().await;
        for (name, expected) in [
            ("statement_timeout", "2000"),
            ("lock_timeout", "2000"),
            ("idle_in_transaction_session_timeout", "2000"),
            ("transaction_isolation", "read committed"),
            ("application_name", "chancery"),
        ] {
            let row = sqlx::query("SELECT setting FROM seen WHERE name = $1").bind(name);
            let setting: String = row.fetch_one(&mut session).await.unwrap().get(0);
            assert_eq!(setting, expected, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_clock_of_the_database_is_read_under_the_lock() {
    on_postgres(|database| async move {
        let log = database.store().await.log_store(LOG);
        let mut seen = None;
        let plan = |tip: Tip| {
            seen = tip.database_time_ms;
            Err(PlanRefused::Full)
        };
        log.sequence(None, Box::new(plan)).await.unwrap_err();
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
        assert!(now.abs_diff(u128::from(seen.unwrap())) < 60_000);
    })
    .await;
}

#[tokio::test]
async fn a_database_that_does_not_wait_for_the_disk_is_refused() {
    on_postgres(|database| async move {
        let mut session = database.postgres_session().await;
        session
            .execute(
                "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off',
                 current_database()); END $$",
            )
            .await
            .unwrap();
        let refused = database.store().await.check_durability().await.unwrap_err();
        assert!(
            matches!(
                refused,
                DurabilityError::Setting {
                    name: "synchronous_commit",
                    ..
                }
            ),
            "{refused:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_server_that_gave_durability_up_meanwhile_is_not_written_to() {
    on_postgres(|database| async move {
        let log = database.store().await.log_store(LOG);
        append(&*log, None, 1).await.unwrap();
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()";
        for (setting, written) in [("off", false), ("on", true)] {
            let set = "DO $$ BEGIN EXECUTE format(
                'ALTER DATABASE %I SET synchronous_commit = ";
            database
                .execute(&format!(
                    "{set}{setting}', current_database()); END $$; {end}"
                ))
                .await;
            let appended = append(&*log, None, 1).await;
            assert_eq!(appended.is_ok(), written, "{appended:?}");
        }
        check_log(&*log, 2).await;
    })
    .await;
}

#[tokio::test]
async fn another_server_or_timeline_is_noticed_once_by_any_role() {
    on_postgres(|database| async move {
        let store = database.store().await;
        assert_eq!(store.note_server().await.unwrap(), None);
        assert_eq!(store.note_server().await.unwrap(), None);
        database
            .execute("UPDATE database_server SET timeline = timeline + 1")
            .await;
        let change = store.note_server().await.unwrap().unwrap();
        assert_eq!(change.before.timeline, change.now.timeline + 1);
        assert_eq!(store.note_server().await.unwrap(), None);

        // Nothing of this is for superusers only.
        let role = format!("chancery_test_{:016x}", rand::random::<u64>());
        database.execute(&format!("CREATE ROLE {role}")).await;
        let mut session = database.postgres_session().await;
        let become_it = AssertSqlSafe(format!("SET ROLE {role}"));
        sqlx::raw_sql(become_it)
            .execute(&mut session)
            .await
            .unwrap();
        let asked = session
            .fetch_one(
                "SELECT pg_walfile_name(pg_current_wal_lsn()), pg_postmaster_start_time()::TEXT,
                        system_identifier
                   FROM pg_control_system()",
            )
            .await;
        session.execute("RESET ROLE").await.unwrap();
        database.execute(&format!("DROP ROLE {role}")).await;
        asked.unwrap();
    })
    .await;
}

#[tokio::test]
async fn two_processes_that_create_at_once_create_one() {
    on_postgres(|database| async move {
        let (one, two) = (database.connect().await, database.connect().await);
        let (first, second) = tokio::join!(one.migrate(), two.migrate());
        first.unwrap();
        second.unwrap();
        let new = crate::harness::new_instance;
        let outcomes = tokio::join!(one.create_instance(new()), two.create_instance(new()));
        assert!(outcomes.0.is_ok() != outcomes.1.is_ok(), "{outcomes:?}");
        assert_eq!(one.instance().await.unwrap().unwrap().logs.len(), 1);
    })
    .await;
}

/// Needs no server: nothing listens there.
#[tokio::test]
async fn a_password_is_in_no_error() {
    for url in [
        "postgres://user:hunter2@127.0.0.1:1/chancery",
        "postgres://user@127.0.0.1:1/chancery?password=hunter2",
        "postgres://user:hunter2@localhost/chancery?host=/nowhere",
    ] {
        let url = DatabaseUrl::parse(url).unwrap();
        let error = Store::connect(&url, ConnectOptions::default())
            .await
            .unwrap_err();
        let mut said = format!("{error:?} {error}");
        let mut source = error.source();
        while let Some(error) = source {
            said += &format!(" {error:?} {error}");
            source = error.source();
        }
        assert!(!said.contains("hunter2"), "{said}");
        assert!(said.contains("user"), "{said}");
    }
}
