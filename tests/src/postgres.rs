//! Throw-away databases on the PostgreSQL server that the tests were given.

use anyhow::Context;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// A new, empty database.
#[derive(Debug)]
pub struct TestPostgres {
    server: String,
    name: String,
    url: String,
}

impl TestPostgres {
    /// Makes a database, or returns nothing where there is no server and none is demanded.
    ///
    /// `CHANCERY_TEST_POSTGRES` names the server; with `CHANCERY_REQUIRE_POSTGRES` a missing one
    /// is a failure.
    pub async fn create() -> anyhow::Result<Option<Self>> {
        let Some(server) = server()? else {
            return Ok(None);
        };
        let name = format!("chancery_test_{:016x}", rand::random::<u64>());
        let url = with_database(&server, &name)?;
        let database = Self { server, name, url };
        database
            .administer(&format!("CREATE DATABASE {}", database.name))
            .await?;
        Ok(Some(database))
    }

    /// Returns the URL of the database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends every session and lets none in: to its clients the database is away.
    pub async fn go_away(&self) -> anyhow::Result<()> {
        let name = &self.name;
        self.administer(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
            .await?;
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname";
        self.administer(&format!("{end} = '{name}'")).await
    }

    /// Lets clients in again.
    pub async fn come_back(&self) -> anyhow::Result<()> {
        self.administer(&format!(
            "ALTER DATABASE {} ALLOW_CONNECTIONS true",
            self.name
        ))
        .await
    }

    /// Drops the database.
    pub async fn drop(self) -> anyhow::Result<()> {
        self.administer(&format!("DROP DATABASE {} WITH (FORCE)", self.name))
            .await
    }

    async fn administer(&self, statement: &str) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.server).await?;
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
            .execute(&mut connection)
            .await?;
        Ok(connection.close().await?)
    }
}

#[expect(clippy::disallowed_methods, reason = "where the tests' server is")]
fn server() -> anyhow::Result<Option<String>> {
    if let Ok(server) = std::env::var("CHANCERY_TEST_POSTGRES") {
        return Ok(Some(server));
    }
    anyhow::ensure!(
        std::env::var("CHANCERY_REQUIRE_POSTGRES").is_err(),
        "CHANCERY_REQUIRE_POSTGRES is set, but not CHANCERY_TEST_POSTGRES"
    );
    println!("left out: needs PostgreSQL, see `cargo xtask test`");
    Ok(None)
}

fn with_database(server: &str, name: &str) -> anyhow::Result<String> {
    let mut url = url::Url::parse(server).context("CHANCERY_TEST_POSTGRES")?;
    url.set_path(name);
    Ok(url.into())
}
