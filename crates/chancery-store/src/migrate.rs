//! The schema: making it, and refusing one that this program does not know.
//!
//! Migrations go forward only and are never edited once they have landed.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};

use crate::error::SchemaError;

/// One file of `migrations/`: version, description, text.
pub(crate) type Embedded = (i64, &'static str, &'static str);

/// Makes the migrator of one database's migrations.
pub(crate) fn migrator(embedded: &[Embedded]) -> Migrator {
    let migrations = embedded.iter().map(|&(version, description, sql)| {
        let sql = sql.into_sql_str();
        Migration::new(
            version,
            description.into(),
            MigrationType::Simple,
            sql,
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

/// Applies what is missing. A database of a later program is refused.
pub(crate) async fn apply<C: Migrate>(
    migrator: &Migrator,
    connection: &mut C,
) -> Result<(), SchemaError> {
    let applied = migrator.run_direct(None, connection, false).await;
    applied.map_err(|error| SchemaError::of(error, newest(migrator)))
}

/// Compares the database's schema with what this program was built for.
pub(crate) async fn check<C: Migrate>(
    migrator: &Migrator,
    connection: &mut C,
) -> Result<(), SchemaError> {
    let known = newest(migrator);
    let failed = |error: MigrateError| SchemaError::of(error, known);
    let table = &migrator.table_name;
    if let Some(version) = connection.dirty_version(table).await.map_err(failed)? {
        return Err(SchemaError::Unfinished(version));
    }
    let applied = connection
        .list_applied_migrations(table)
        .await
        .map_err(failed)?;

    let found = applied.iter().map(|m| m.version).max().unwrap_or(0);
    if found == 0 {
        return Err(SchemaError::Missing);
    }
    if found > known {
        return Err(SchemaError::Newer { found, known });
    }
    for migration in migrator.iter() {
        match applied.iter().find(|m| m.version == migration.version) {
            Some(applied) if applied.checksum == migration.checksum => {}
            Some(_) => return Err(SchemaError::Altered(migration.version)),
            None => return Err(SchemaError::Older { found, known }),
        }
    }
    Ok(())
}

fn newest(migrator: &Migrator) -> i64 {
    migrator.iter().map(|m| m.version).max().unwrap_or(0)
}
