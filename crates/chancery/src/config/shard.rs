//! `logs/NAME.yaml`: a log that follows the first one, as `chancery log new` writes it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Config, GuardConfig, LogConfig, read_text};
use crate::failure::Failure;

/// A log of an instance besides the one in `chancery.yaml`. Relative paths are relative to that file's
/// folder.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ShardConfig {
    /// From when it takes entries (RFC 3339); the database says the same.
    pub(crate) from: String,
    /// The log, as in `chancery.yaml`.
    pub(crate) log: LogConfig,
    /// Its own guard.
    #[serde(deserialize_with = "super::guard::with_id")]
    pub(crate) guard: GuardConfig,
}

impl ShardConfig {
    /// Reads the file of the log of that name, if there is one, and makes its paths absolute.
    pub(crate) fn load(config: &Config, name: &str) -> Result<Option<Self>, Failure> {
        let path = config.shard_file(name);
        let wrong = |what: &dyn std::fmt::Display| {
            Failure::configuration(format!("{}: {what}", path.display()))
        };
        let text = match read_text(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(wrong(&e)),
        };
        let mut shard: Self = yaml_serde::from_str(&text).map_err(|e| wrong(&e))?;
        if shard.log.name != name {
            return Err(wrong(&format!(
                "it is for the log {:?}, and each log's file has its name",
                shard.log.name
            )));
        }
        let folder = &config.folder;
        shard.log.key = folder.join(&shard.log.key);
        shard.log.witness_key = folder.join(&shard.log.witness_key);
        if let Some(witnesses) = &mut shard.log.witnesses {
            witnesses.policy = folder.join(&witnesses.policy);
        }
        shard.guard.place.resolve(folder);
        Ok(Some(shard))
    }

    /// Returns when the log begins, in milliseconds since the Unix epoch.
    pub(crate) fn begins_ms(&self) -> Result<u64, Failure> {
        parse_time(&self.from).ok_or_else(|| {
            Failure::configuration(format!(
                "{:?} is no time as 2027-01-01T00:00:00Z is",
                self.from
            ))
        })
    }

    /// Writes it as YAML.
    pub(crate) fn to_yaml(&self) -> Result<String, Failure> {
        yaml_serde::to_string(self).map_err(Failure::from_error)
    }
}

/// Reads a time (RFC 3339) as milliseconds since the Unix epoch: one of which the year still has four
/// digits when it is rounded up to a second, in UTC.
pub(crate) fn parse_time(text: &str) -> Option<u64> {
    const LAST_SECOND_MS: u64 = 253_402_300_799_000;
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let ms = u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok();
    ms.filter(|ms| *ms <= LAST_SECOND_MS)
}

impl Config {
    /// Returns the configuration as it is for a log that follows the first one.
    pub(crate) fn with_log(&self, shard: &ShardConfig) -> Self {
        Self {
            log: shard.log.clone(),
            guard: shard.guard.clone(),
            ..self.clone()
        }
    }

    /// Returns the path of the file of a log that follows the first one.
    pub(crate) fn shard_file(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.yaml"))
    }

    /// Returns the names of the logs that have files, in order.
    pub(crate) fn shard_names(&self) -> Result<Vec<String>, Failure> {
        let wrong = |e: std::io::Error| {
            Failure::configuration(format!("cannot read {}: {e}", self.logs.display()))
        };
        let found = match std::fs::read_dir(&self.logs) {
            Ok(found) => found,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(wrong(e)),
        };
        let mut names = Vec::new();
        for entry in found {
            let path = entry.map_err(wrong)?.path();
            let is_yaml = path
                .extension()
                .is_some_and(|extension| extension == "yaml");
            let name = path.file_stem().and_then(|name| name.to_str());
            names.extend(name.filter(|_| is_yaml).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// Returns a path as it is written: relative to `chancery.yaml` where it lies below.
    pub(crate) fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.folder)
            .map_or_else(|_| path.to_owned(), Path::to_owned)
    }
}
