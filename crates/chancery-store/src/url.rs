//! Where the database is.
//!
//! ```text
//! sqlite:chancery.db                       a path, taken literally, relative to the working folder
//! sqlite:///var/lib/chancery/chancery.db   an absolute path
//! postgres://user@host:5432/database?sslmode=verify-full&sslrootcert=/etc/ca.pem
//! postgresql:///database?host=/run/postgresql
//! ```
//!
//! What a PostgreSQL URL leaves out comes from where libpq would take it: `PGHOST`, `PGUSER`,
//! `PGPASSWORD`, … and the password file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use url::Url;

/// The parameters that a PostgreSQL URL may have. A misspelt one must not pass for nothing: it
/// could be the one that asks for TLS.
const PARAMETERS: [&str; 11] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
];

/// The database's URL. Prints itself without the password.
#[derive(Clone)]
pub struct DatabaseUrl(Kind);

#[derive(Clone)]
enum Kind {
    Postgres {
        options: Box<PgConnectOptions>,
        redacted: String,
        has_password: bool,
    },
    Sqlite(PathBuf),
}

/// What a URL leads to.
pub(crate) enum Target<'a> {
    Postgres(&'a PgConnectOptions),
    Sqlite(&'a Path),
}

/// Why a text is no database URL. Never repeats the text, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseUrlError {
    /// The text is not a URL at all.
    #[error("the database URL cannot be parsed: {0}")]
    Malformed(#[source] url::ParseError),
    /// The SQLite path is missing, or asks for a database in memory.
    #[error("the SQLite URL names no file: write sqlite:PATH")]
    NoFile,
    /// SQLite has no parameters here.
    #[error("the SQLite URL has parameters, and there are none: write sqlite:PATH, without '?'")]
    SqliteParameters,
    /// A parameter has a value that the driver refuses.
    #[error("the PostgreSQL URL has a parameter with an unusable value")]
    UnusableParameter,
    /// The parameter is not known.
    #[error("the PostgreSQL URL has the unknown parameter {0:?}")]
    UnknownParameter(String),
    /// The text begins with no scheme of a database that is supported.
    #[error("a database URL begins with sqlite:, postgres:// or postgresql://")]
    UnknownScheme,
}

impl DatabaseUrl {
    /// Parses a URL.
    pub fn parse(text: &str) -> Result<Self, DatabaseUrlError> {
        if let Some(rest) = text.strip_prefix("sqlite:") {
            return parse_sqlite(rest.strip_prefix("//").unwrap_or(rest));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return parse_postgres(text);
        }
        Err(DatabaseUrlError::UnknownScheme)
    }

    /// Tells whether the URL itself holds a password, which then does not belong into an argument.
    pub fn has_password(&self) -> bool {
        matches!(
            self.0,
            Kind::Postgres {
                has_password: true,
                ..
            }
        )
    }

    pub(crate) fn target(&self) -> Target<'_> {
        match &self.0 {
            Kind::Postgres { options, .. } => Target::Postgres(options),
            Kind::Sqlite(path) => Target::Sqlite(path),
        }
    }
}

fn parse_sqlite(path: &str) -> Result<DatabaseUrl, DatabaseUrlError> {
    if path.contains('?') {
        return Err(DatabaseUrlError::SqliteParameters);
    }
    if path.is_empty() || path.ends_with('/') || path.starts_with(':') {
        return Err(DatabaseUrlError::NoFile);
    }
    Ok(DatabaseUrl(Kind::Sqlite(PathBuf::from(path))))
}

fn parse_postgres(text: &str) -> Result<DatabaseUrl, DatabaseUrlError> {
    let url = Url::parse(text).map_err(DatabaseUrlError::Malformed)?;
    let mut has_password = url.password().is_some();
    for (name, _) in url.query_pairs() {
        if !PARAMETERS.contains(&&*name) {
            return Err(DatabaseUrlError::UnknownParameter(name.into_owned()));
        }
        has_password |= name == "password";
    }
    let options =
        PgConnectOptions::from_str(text).map_err(|_| DatabaseUrlError::UnusableParameter)?;
    Ok(DatabaseUrl(Kind::Postgres {
        options: Box::new(options),
        redacted: redact(url),
        has_password,
    }))
}

fn redact(mut url: Url) -> String {
    if url.password().is_some() {
        // Fails for URLs without a host only, and those have no password either.
        let _ = url.set_password(Some("redacted"));
    }
    if url.query().is_some() {
        let shown: Vec<_> = url
            .query_pairs()
            .map(|(name, value)| match &*name {
                "password" => (name, "redacted".into()),
                _ => (name, value),
            })
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.query_pairs_mut().clear().extend_pairs(shown);
    }
    url.into()
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Postgres { redacted, .. } => f.write_str(redacted),
            Kind::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqlite_path(text: &str) -> PathBuf {
        let url = DatabaseUrl::parse(text).unwrap();
        match url.target() {
            Target::Sqlite(path) => path.to_owned(),
            Target::Postgres(_) => panic!("{text} leads to PostgreSQL"),
        }
    }

    #[test]
    fn a_sqlite_url_is_a_path() {
        assert_eq!(
            sqlite_path("sqlite:///var/lib/a%20b.db"),
            Path::new("/var/lib/a%20b.db")
        );
        assert_eq!(
            sqlite_path("sqlite:/var/lib/c.db"),
            Path::new("/var/lib/c.db")
        );
        assert_eq!(sqlite_path("sqlite:c.db"), Path::new("c.db"));
        assert_eq!(sqlite_path("sqlite://d/c.db"), Path::new("d/c.db"));
    }

    #[test]
    fn a_url_that_names_no_durable_database_is_refused() {
        for text in [
            "sqlite:",
            "sqlite://",
            "sqlite::memory:",
            "sqlite:///folder/",
        ] {
            assert!(
                matches!(DatabaseUrl::parse(text), Err(DatabaseUrlError::NoFile)),
                "{text}"
            );
        }
        for text in ["", "c.db", "mysql://h/d", "postgres:d", "/c.db"] {
            let parsed = DatabaseUrl::parse(text);
            assert!(
                matches!(parsed, Err(DatabaseUrlError::UnknownScheme)),
                "{text}"
            );
        }
        assert!(matches!(
            DatabaseUrl::parse("sqlite:c.db?mode=memory"),
            Err(DatabaseUrlError::SqliteParameters)
        ));
    }

    #[test]
    fn a_misspelt_parameter_is_refused() {
        let error = DatabaseUrl::parse("postgres://u@h/d?ssl_mode=require").unwrap_err();
        assert!(error.to_string().contains("ssl_mode"));
        assert!(DatabaseUrl::parse("postgres://u@h/d?sslmode=sometimes").is_err());
    }

    #[test]
    fn a_password_is_never_printed() {
        for text in [
            "postgres://u:hunter2@h/d?sslmode=require",
            "postgresql://u@h/d?password=hunter2&sslmode=require",
        ] {
            let url = DatabaseUrl::parse(text).unwrap();
            assert!(url.has_password());
            let printed = format!("{url} {url:?}");
            assert!(!printed.contains("hunter2"), "{printed}");
            assert!(printed.contains("sslmode=require"), "{printed}");
        }
        for text in [
            "postgres://u:hunter2@h:port/d",
            "postgres://u:hunter2@h/d?sslmode=hunter2",
        ] {
            let error = DatabaseUrl::parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
        assert!(
            !DatabaseUrl::parse("postgres://u@h/d?sslmode=require")
                .unwrap()
                .has_password()
        );
    }
}
