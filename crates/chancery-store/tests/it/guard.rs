//! Guards in a second database do what every guard does, and keep apart from what they guard.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chancery_log::Guard;
use chancery_log::guard::Advance;
use chancery_log::guard::conformance::{TestBed, check};
use chancery_store::{
    ConnectOptions, DatabaseGuard, DatabaseUrl, GuardDatabaseError, OpenDatabaseGuardError,
    Separation, Store,
};
use chancery_tlog::{TreeHead, leaf_hash};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Executor, SqliteConnection};

use crate::harness::{TestDatabase, on_postgres, on_sqlite};

on_both_databases!(
    a_database_is_a_guard,
    a_database_does_not_guard_itself,
    a_database_without_guards_is_left_as_it_is,
    anybody_elses_tables_are_left_alone,
);

/// A database for guards, beside an instance in a SQLite file.
struct Guards {
    database: TestDatabase,
    instance: Store,
    _folder: tempfile::TempDir,
    /// A connection that holds the SQLite file's write lock.
    holder: Mutex<Option<SqliteConnection>>,
}

impl Guards {
    async fn beside_an_instance(database: TestDatabase) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("instance.db").display());
        let url = DatabaseUrl::parse(&url).unwrap();
        let instance = Store::connect(
            &url,
            ConnectOptions {
                create: true,
                ..ConnectOptions::default()
            },
        )
        .await
        .unwrap();
        Self {
            database,
            instance,
            _folder: folder,
            holder: Mutex::default(),
        }
    }

    async fn open(&self, id: &str) -> Result<DatabaseGuard, OpenDatabaseGuardError> {
        DatabaseGuard::open(&self.database.url, id, &self.instance).await
    }
}

#[async_trait]
impl TestBed for Guards {
    async fn create(&self) -> Arc<dyn Guard> {
        let made = DatabaseGuard::create(&self.database.url, &self.instance).await;
        Arc::new(made.unwrap())
    }

    async fn create_at(&self, head: &TreeHead) -> Arc<dyn Guard> {
        let made = DatabaseGuard::create_at(&self.database.url, &self.instance, head).await;
        Arc::new(made.unwrap())
    }

    async fn open(&self, id: &str) -> Result<Arc<dyn Guard>, String> {
        match self.open(id).await {
            Ok(guard) => Ok(Arc::new(guard)),
            Err(e) => Err(e.to_string()),
        }
    }

    /// Somebody sets it back by hand.
    async fn damage(&self, id: &str) {
        self.database
            .execute(&format!(
                "UPDATE chancery_guard SET tree_size = 5 WHERE id = '{id}'"
            ))
            .await;
    }

    async fn take_away(&self) {
        if self.database.is_sqlite() {
            let options = SqliteConnectOptions::new().filename(self.database.path());
            let mut holder = options.connect().await.unwrap();
            holder.execute("BEGIN IMMEDIATE").await.unwrap();
            *self.holder.lock().unwrap() = Some(holder);
        } else {
            self.database.go_away().await;
        }
    }

    async fn bring_back(&self) {
        if self.database.is_sqlite() {
            self.holder.lock().unwrap().take();
        } else {
            self.database.come_back().await;
        }
    }
}

async fn a_database_is_a_guard(database: TestDatabase) {
    check(&Guards::beside_an_instance(database).await).await;
}

async fn a_database_does_not_guard_itself(database: TestDatabase) {
    let store = database.store().await;
    let refused = DatabaseGuard::create(&database.url, &store).await;
    assert!(
        matches!(refused, Err(GuardDatabaseError::Guarded(_))),
        "{refused:?}"
    );
    // Nothing was made there, and none is opened there either.
    for kind in ["chancery_guard", "chancery_guard_migrations"] {
        let query = format!("SELECT 'x' FROM {kind}");
        assert!(database.try_column(&query).await.is_err(), "{kind}");
    }
    let refused = DatabaseGuard::open(&database.url, "0", &store).await;
    assert!(
        matches!(
            refused,
            Err(OpenDatabaseGuardError::Database(
                GuardDatabaseError::Guarded(_)
            ))
        ),
        "{refused:?}"
    );
}

async fn a_database_without_guards_is_left_as_it_is(database: TestDatabase) {
    let guards = Guards::beside_an_instance(database).await;
    if !guards.database.is_sqlite() {
        let refused = guards.open("0").await;
        assert!(
            matches!(
                refused,
                Err(OpenDatabaseGuardError::Database(
                    GuardDatabaseError::Schema(_)
                ))
            ),
            "{refused:?}"
        );
        return;
    }
    assert!(guards.open("0").await.is_err());
    assert!(!guards.database.path().exists());
}

async fn anybody_elses_tables_are_left_alone(database: TestDatabase) {
    // Another instance's, with sqlx's own table of migrations.
    drop(database.store().await);
    let guards = Guards::beside_an_instance(database).await;
    let guard = guards.create().await;
    let to = TreeHead {
        tree_size: 1,
        root_hash: leaf_hash(b"1"),
    };
    let moved = guard.advance(&TreeHead::EMPTY, &to).await.unwrap();
    assert_eq!(moved, Advance::Moved);
    drop(guard);
    let store = guards.database.connect().await;
    store.check_schema().await.unwrap();
    assert!(store.instance().await.unwrap().is_some());
}

#[tokio::test]
async fn a_link_to_the_guarded_file_is_that_file() {
    on_sqlite(|database| async move {
        let store = database.store().await;
        let folder = database.path().parent().unwrap();
        for (name, symbolic) in [("hard", false), ("symbolic", true)] {
            let link = folder.join(name);
            if symbolic {
                std::os::unix::fs::symlink(database.path(), &link).unwrap();
            } else {
                std::fs::hard_link(database.path(), &link).unwrap();
            }
            let url = DatabaseUrl::parse(&format!("sqlite:{}", link.display())).unwrap();
            let refused = DatabaseGuard::create(&url, &store).await;
            assert!(
                matches!(refused, Err(GuardDatabaseError::Guarded(_))),
                "{name}: {refused:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn another_database_of_one_server_is_told_from_another_server() {
    on_postgres(|guarded| async move {
        on_postgres(|second| async move {
            let store = guarded.store().await;
            let guard = DatabaseGuard::create(&second.url, &store).await.unwrap();
            assert_eq!(guard.separation(), Separation::SameServer);
            let beside = Guards::beside_an_instance(second).await;
            let guard = beside.open(guard.id()).await.unwrap();
            assert_eq!(guard.separation(), Separation::Apart);
        })
        .await;
    })
    .await;
}

/// A process that freezes within a move holds its row until the server ends the statement, or
/// never got a lock at all: there is no transaction that waits for the process.
#[tokio::test]
async fn a_session_of_a_guard_has_its_time_outs_and_no_open_transaction() {
    on_postgres(|database| async move {
        database
            .execute(
                "CREATE TABLE seen (name TEXT, setting TEXT);
             CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN INSERT INTO seen SELECT name, setting FROM pg_settings;
                    RETURN NULL; END $$;",
            )
            .await;
        let guards = Guards::beside_an_instance(database).await;
        let guard = guards.create().await;
        guards
            .database
            .execute("CREATE TRIGGER look AFTER UPDATE ON chancery_guard EXECUTE FUNCTION look()")
            .await;
        let to = TreeHead {
            tree_size: 1,
            root_hash: leaf_hash(b"1"),
        };
        guard.advance(&TreeHead::EMPTY, &to).await.unwrap();
        for (name, expected) in [
            ("statement_timeout", "2000"),
            ("lock_timeout", "2000"),
            ("idle_in_transaction_session_timeout", "2000"),
            ("application_name", "chancery"),
        ] {
            let query = format!("SELECT setting FROM seen WHERE name = '{name}'");
            assert_eq!(guards.database.column(&query).await, [expected], "{name}");
        }
        let open = "SELECT pid::TEXT FROM pg_stat_activity
                     WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
        assert!(guards.database.column(open).await.is_empty());

        // Another session that hangs on the row stops a move for a bounded time only.
        let mut holder = guards.database.postgres_session().await;
        holder
            .execute("BEGIN; SELECT id FROM chancery_guard FOR UPDATE")
            .await
            .unwrap();
        let after = TreeHead {
            tree_size: 2,
            root_hash: leaf_hash(b"2"),
        };
        let moved = tokio::time::timeout(Duration::from_secs(6), guard.advance(&to, &after)).await;
        assert!(moved.unwrap().is_err());
        assert_eq!(guard.read().await.unwrap(), to);
        holder.execute("ROLLBACK").await.unwrap();
        assert_eq!(guard.advance(&to, &after).await.unwrap(), Advance::Moved);
    })
    .await;
}
