//! Throw-away databases.

use std::future::Future;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use chancery_store::{ConnectOptions, DatabaseUrl, NewInstance, NewLog, Purpose, Readers, Store};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection, PgConnection};
use tempfile::TempDir;
use url::Url;

/// The log that [`TestDatabase::store`] creates.
pub(crate) const LOG: i64 = 1;

/// A database of a test's own.
pub(crate) struct TestDatabase {
    pub(crate) url: DatabaseUrl,
    place: Place,
}

enum Place {
    Sqlite { path: PathBuf, _folder: TempDir },
    Postgres { url: String },
}

/// Runs a test on a new SQLite file.
pub(crate) async fn on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(TestDatabase) -> F) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("chancery.db");
    let url = DatabaseUrl::parse(&format!("sqlite:{}", path.display())).unwrap();
    test(TestDatabase {
        url,
        place: Place::Sqlite {
            path,
            _folder: folder,
        },
    })
    .await;
}

/// Runs a test on a new PostgreSQL database, if there is a server, and drops it in any case.
pub(crate) async fn on_postgres<F>(test: impl FnOnce(TestDatabase) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let Some(server) = postgres_server() else {
        return;
    };
    let name = format!("chancery_test_{:016x}", rand::random::<u64>());
    let mut admin = PgConnection::connect(&server).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut admin)
        .await
        .unwrap();

    let mut url = Url::parse(&server).unwrap();
    url.set_path(&name);
    let url = String::from(url);
    let place = Place::Postgres { url: url.clone() };
    let database = TestDatabase {
        url: DatabaseUrl::parse(&url).unwrap(),
        place,
    };
    let outcome = tokio::spawn(test(database)).await;

    let drop = format!("DROP DATABASE {name} WITH (FORCE)");
    sqlx::raw_sql(AssertSqlSafe(drop))
        .execute(&mut admin)
        .await
        .unwrap();
    if let Err(failed) = outcome {
        resume_unwind(failed.into_panic());
    }
}

#[expect(clippy::disallowed_methods, reason = "where the tests' server is")]
fn postgres_server() -> Option<String> {
    if let Ok(server) = std::env::var("CHANCERY_TEST_POSTGRES") {
        return Some(server);
    }
    let required = std::env::var("CHANCERY_REQUIRE_POSTGRES").is_ok();
    assert!(
        !required,
        "CHANCERY_REQUIRE_POSTGRES is set, but not CHANCERY_TEST_POSTGRES"
    );
    println!("skipped: needs PostgreSQL, set CHANCERY_TEST_POSTGRES to a server's URL");
    None
}

impl TestDatabase {
    /// Opens the database, without tables.
    pub(crate) async fn connect(&self) -> Store {
        Store::connect(
            &self.url,
            ConnectOptions {
                create: true,
                ..ConnectOptions::default()
            },
        )
        .await
        .unwrap()
    }

    /// Opens the database with its tables and an installation with an empty log.
    pub(crate) async fn store(&self) -> Store {
        let store = self.connect().await;
        store.migrate().await.unwrap();
        store.create_instance(new_instance()).await.unwrap();
        store
    }

    /// As another process would have it. SQLite allows one process only, so it is the same there.
    pub(crate) async fn another(&self, store: &Store) -> Store {
        match self.place {
            Place::Sqlite { .. } => store.clone(),
            Place::Postgres { .. } => self.connect().await,
        }
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.place, Place::Sqlite { .. })
    }

    /// The SQLite file.
    pub(crate) fn path(&self) -> &Path {
        match &self.place {
            Place::Sqlite { path, .. } => path,
            Place::Postgres { .. } => panic!("PostgreSQL has no path"),
        }
    }

    /// Runs statements behind the store's back.
    pub(crate) async fn execute(&self, statements: &str) {
        let statements = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
        match &self.place {
            Place::Sqlite { path, .. } => {
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .foreign_keys(false);
                let mut connection = options.connect().await.unwrap();
                statements.execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
            Place::Postgres { url } => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                statements.execute(&mut connection).await.unwrap();
            }
        }
    }

    /// Reads one column of text behind the store's back.
    pub(crate) async fn column(&self, query: &str) -> Vec<String> {
        self.try_column(query).await.unwrap()
    }

    /// As [`TestDatabase::column`], for a query that may fail.
    pub(crate) async fn try_column(&self, query: &str) -> sqlx::Result<Vec<String>> {
        let query = AssertSqlSafe(query.to_owned());
        match &self.place {
            Place::Sqlite { path, .. } => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut connection = options.connect().await?;
                sqlx::query_scalar(query).fetch_all(&mut connection).await
            }
            Place::Postgres { url } => {
                let mut connection = self.session(url).await;
                sqlx::query_scalar(query).fetch_all(&mut connection).await
            }
        }
    }

    /// Ends every session of the PostgreSQL database and lets none in.
    pub(crate) async fn go_away(&self) {
        self.administer("ALTER DATABASE {} ALLOW_CONNECTIONS false")
            .await;
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'";
        self.administer(end).await;
    }

    /// Lets sessions in again.
    pub(crate) async fn come_back(&self) {
        self.administer("ALTER DATABASE {} ALLOW_CONNECTIONS true")
            .await;
    }

    /// Runs a statement in another database of the server, with this one's name for `{}`.
    async fn administer(&self, statement: &str) {
        let Place::Postgres { url } = &self.place else {
            panic!("SQLite has no server");
        };
        let url = Url::parse(url).unwrap();
        let statement = statement.replace("{}", url.path().trim_start_matches('/'));
        let mut admin = PgConnection::connect(&postgres_server().unwrap())
            .await
            .unwrap();
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut admin)
            .await
            .unwrap();
    }

    /// A PostgreSQL session of the test's own.
    pub(crate) async fn postgres_session(&self) -> PgConnection {
        match &self.place {
            Place::Sqlite { .. } => panic!("SQLite has no sessions"),
            Place::Postgres { url } => self.session(url).await,
        }
    }

    async fn session(&self, url: &str) -> PgConnection {
        sqlx::postgres::PgConnectOptions::from_str(url)
            .unwrap()
            .connect()
            .await
            .unwrap()
    }
}

/// An installation to record.
pub(crate) fn new_instance() -> NewInstance {
    NewInstance {
        purpose: Purpose::Development,
        guard_id: "c0ffee".into(),
        url: "https://ca.example.com".into(),
        chain: vec![
            b"issuing certificate".to_vec(),
            b"root certificate".to_vec(),
        ],
        log: NewLog {
            name: "2026".into(),
            origin: "ca.example.com/ct/2026".into(),
            log_id: [7; 32],
            public_key: b"public key".to_vec(),
            witness_key: b"witness key".to_vec(),
            readers: Readers::Restricted,
        },
        now_ms: 1_000,
    }
}
