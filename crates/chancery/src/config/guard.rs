//! Where the guard is: one of several back ends, and the id that chooses among the guards in it.
//!
//! The id stands in the configuration, not only in the database: an older database may name an older
//! guard, which would have seen nothing of what came after.

use std::path::{Path, PathBuf};

use chancery_store::DatabaseUrl;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::load::relative_sqlite;

/// The guard against rollback of the database.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "GuardSettings", into = "GuardSettings")]
#[cfg_attr(test, schemars(with = "GuardSettings"))]
pub(crate) struct GuardConfig {
    pub(crate) place: GuardPlace,
    /// The guard's id. Without one, the place holds one guard only, as a file does.
    pub(crate) id: Option<String>,
}

/// Where a guard is kept.
#[derive(Clone, Debug)]
pub(crate) enum GuardPlace {
    /// A file of its own.
    File(PathBuf),
    /// A second database, by its URL, which holds no password.
    Database(String),
    /// A second database, by a file that holds the URL.
    DatabaseFile(PathBuf),
    /// A bucket of an object store.
    ObjectStore(ObjectStorePlace),
    /// A witness, which somebody else runs.
    Witness(WitnessPlace),
}

/// A witness, as whoever runs it tells it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct WitnessPlace {
    /// The prefix to which checkpoints are submitted.
    pub(crate) url: String,
    /// Its verifier key: `NAME+ID+KEY` (c2sp.org/signed-note), of type 0x04.
    pub(crate) vkey: String,
}

/// A bucket of an object store, and how to reach it.
#[derive(Clone, Debug)]
pub(crate) struct ObjectStorePlace {
    /// `s3://BUCKET/PREFIX`.
    pub(crate) url: String,
    /// The service, unless it is AWS's own.
    pub(crate) endpoint: Option<String>,
    /// The region.
    pub(crate) region: Option<String>,
    /// A file of `AWS_…=…` lines, instead of the environment.
    pub(crate) credentials_file: Option<PathBuf>,
}

/// The guard against rollback of the database: exactly one of `file`, `database`, `database-file`,
/// `object-store` and `witness`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("oneOf" = [
    {"required": ["file"]},
    {"required": ["database"]},
    {"required": ["database-file"]},
    {"required": ["object-store"]},
    {"required": ["witness"]},
])))]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct GuardSettings {
    /// The guard's file, on another disk than the database if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    /// A second database, on another server: `postgres://…` or `sqlite:PATH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    /// A file that holds the URL of a second database.
    #[serde(skip_serializing_if = "Option::is_none")]
    database_file: Option<PathBuf>,
    /// A bucket: `s3://BUCKET/PREFIX`. Its store must have conditional writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    object_store: Option<String>,
    /// The URL of the object store's service, unless it is AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    /// The object store's region.
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    /// A file of lines such as `AWS_ACCESS_KEY_ID=…`, instead of the environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials_file: Option<PathBuf>,
    /// A witness (c2sp.org/tlog-witness) that somebody else runs, and that knows this log.
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<WitnessPlace>,
    /// The guard's id, as `init` wrote it. Needed everywhere but with `file` and `witness`. A ledger's
    /// is left out until `chancery ledger new` says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

/// Why a guard's section makes no sense.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GuardConfigError {
    #[error("guard: say exactly one of file, database, database-file, object-store and witness")]
    NotOne,
    #[error("guard: {0} belongs to object-store")]
    NotHere(&'static str),
    #[error("guard: say the guard's id, which `chancery init` wrote beside its place")]
    NoId,
    #[error(
        "guard: a database URL with a password belongs into a file of mode 0600: say database-file"
    )]
    Password,
}

impl TryFrom<GuardSettings> for GuardConfig {
    type Error = GuardConfigError;

    fn try_from(settings: GuardSettings) -> Result<Self, Self::Error> {
        let GuardSettings {
            file,
            database,
            database_file,
            object_store,
            endpoint,
            region,
            credentials_file,
            witness,
            id,
        } = settings;
        let of_objects = [
            ("endpoint", endpoint.is_some()),
            ("region", region.is_some()),
            ("credentials-file", credentials_file.is_some()),
        ];
        let place = match (file, database, database_file, object_store, witness) {
            (Some(path), None, None, None, None) => GuardPlace::File(path),
            (None, Some(url), None, None, None) => GuardPlace::Database(url),
            (None, None, Some(path), None, None) => GuardPlace::DatabaseFile(path),
            (None, None, None, None, Some(witness)) => GuardPlace::Witness(witness),
            (None, None, None, Some(url), None) => GuardPlace::ObjectStore(ObjectStorePlace {
                url,
                endpoint,
                region,
                credentials_file,
            }),
            _ => return Err(GuardConfigError::NotOne),
        };
        let is_object_store = matches!(place, GuardPlace::ObjectStore(_));
        if let Some((name, _)) = of_objects.into_iter().find(|(_, given)| *given)
            && !is_object_store
        {
            return Err(GuardConfigError::NotHere(name));
        }
        place.refuse_password()?;
        Ok(Self { place, id })
    }
}

impl GuardConfig {
    /// Tells whether it is clear which guard is meant: only some places hold several.
    pub(crate) fn says_which(&self) -> bool {
        self.id.is_some() || matches!(self.place, GuardPlace::File(_) | GuardPlace::Witness(_))
    }
}

/// Reads the guard of a log that was made together with its configuration. Only a ledger's is
/// configured first, and made, with its id, by `chancery ledger new`.
pub(super) fn with_id<'de, D: Deserializer<'de>>(from: D) -> Result<GuardConfig, D::Error> {
    let config = GuardConfig::deserialize(from)?;
    match config.says_which() {
        true => Ok(config),
        false => Err(D::Error::custom(GuardConfigError::NoId)),
    }
}

impl From<GuardConfig> for GuardSettings {
    fn from(config: GuardConfig) -> Self {
        let mut settings = Self {
            id: config.id,
            ..Self::default()
        };
        match config.place {
            GuardPlace::File(path) => settings.file = Some(path),
            GuardPlace::Database(url) => settings.database = Some(url),
            GuardPlace::DatabaseFile(path) => settings.database_file = Some(path),
            GuardPlace::ObjectStore(place) => {
                settings.object_store = Some(place.url);
                settings.endpoint = place.endpoint;
                settings.region = place.region;
                settings.credentials_file = place.credentials_file;
            }
            GuardPlace::Witness(place) => settings.witness = Some(place),
        }
        settings
    }
}

impl GuardPlace {
    /// Makes its paths those of files in `folder`.
    pub(crate) fn resolve(&mut self, folder: &Path) {
        match self {
            Self::File(path) | Self::DatabaseFile(path) => *path = folder.join(&*path),
            Self::Database(url) => {
                if let Some(relative) = relative_sqlite(url) {
                    *url = format!("sqlite:{}", folder.join(relative).display());
                }
            }
            Self::ObjectStore(place) => {
                if let Some(path) = &mut place.credentials_file {
                    *path = folder.join(&*path);
                }
            }
            Self::Witness(_) => (),
        }
    }

    /// Refuses a password where everybody who reads the configuration sees it.
    pub(crate) fn refuse_password(&self) -> Result<(), GuardConfigError> {
        match self {
            Self::Database(url) if DatabaseUrl::parse(url).is_ok_and(|url| url.has_password()) => {
                Err(GuardConfigError::Password)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A guard as that of a log of certificates is read.
    #[derive(Deserialize)]
    struct Guarded {
        #[serde(deserialize_with = "with_id")]
        guard: GuardConfig,
    }

    fn read(text: &str) -> Result<GuardConfig, String> {
        let tree: yaml_serde::Value = yaml_serde::from_str(text).unwrap();
        let tree = std::collections::BTreeMap::from([("guard", tree)]);
        let text = yaml_serde::to_string(&tree).unwrap();
        let read: Result<Guarded, _> = yaml_serde::from_str(&text);
        read.map(|read| read.guard).map_err(|e| e.to_string())
    }

    #[test]
    fn a_ledgers_guard_needs_no_id_before_it_is_made() {
        let config: GuardConfig = yaml_serde::from_str("database: 'sqlite:b'").unwrap();
        assert!(!config.says_which());
    }

    #[test]
    fn each_back_end_reads_back_as_it_was_written() {
        for text in [
            "file: guard\n",
            "database: postgres://u@h/d\nid: 0f\n",
            // Digits alone are a text all the same, and so is what could be 10 to the power of 3.
            "database-file: secrets/guard-url\nid: '12'\n",
            "object-store: s3://b/p\nendpoint: https://s3.example.org\nregion: x\nid: '1e3'\n",
            "witness:\n  url: https://w.example/\n  vkey: w.example+00000000+AAAA\n",
        ] {
            let config = read(text).unwrap();
            assert_eq!(yaml_serde::to_string(&config).unwrap(), text);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_reason() {
        for (text, reason) in [
            ("{}", "exactly one"),
            ("{file: a, database: 'sqlite:b', id: x}", "exactly one"),
            ("{database: 'sqlite:b'}", "the guard's id"),
            ("{object-store: 's3://b/p'}", "the guard's id"),
            ("{file: a, region: x}", "region belongs to object-store"),
            (
                "{database: 'postgres://u:hunter2@h/d', id: x}",
                "database-file",
            ),
            ("{fil: a}", "unknown field"),
        ] {
            let refused = read(text).unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }
}
