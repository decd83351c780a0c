//! Where the log is published as files: one of two kinds of place, and what of it is.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ObjectStorePlace;

/// Publishing the log as files, for any web server or CDN.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "ExportSettings", into = "ExportSettings")]
#[cfg_attr(test, schemars(with = "ExportSettings"))]
pub(crate) struct ExportConfig {
    pub(crate) place: ExportPlace,
    pub(crate) url: Option<String>,
    pub(crate) interval_ms: u64,
    pub(crate) entries: Option<bool>,
    pub(crate) keep_entries: Option<u64>,
}

/// Where a log is published.
#[derive(Clone, Debug)]
pub(crate) enum ExportPlace {
    /// A folder.
    Directory(PathBuf),
    /// A bucket of an object store.
    ObjectStore(ObjectStorePlace),
}

/// Publishing the log as files, for any web server or CDN: `directory` or `object-store`. Each log is
/// in a folder of its name there.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("oneOf" = [
    {"required": ["directory"]},
    {"required": ["object-store"]},
])))]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct ExportSettings {
    /// A folder that a web server serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<PathBuf>,
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
    /// The URL under which everybody reads the place: readers of pruned entries are sent to
    /// `URL/LOG/tile/data/…`. Without it, they are read through this process.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// How long to wait after an export, in milliseconds. 5000 unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_ms: Option<u64>,
    /// Whether entries are published. With `log.read: restricted` they are not, unless this says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<bool>,
    /// Delete all but so many of the newest entries from the database, once they are published. All
    /// are kept unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_entries: Option<u64>,
}

/// Why an export's section makes no sense.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportConfigError {
    #[error("export: say exactly one of directory and object-store")]
    NotOne,
    #[error("export: {0} belongs to object-store")]
    NotHere(&'static str),
    #[error("export: url is that of a web server, https://HOST/PATH")]
    Url,
    #[error("export: interval-ms is at least 100")]
    Interval,
    #[error("export: keep-entries deletes what is published, but entries: false publishes none")]
    Keep,
}

impl TryFrom<ExportSettings> for ExportConfig {
    type Error = ExportConfigError;

    fn try_from(settings: ExportSettings) -> Result<Self, Self::Error> {
        let of_objects = [
            ("endpoint", settings.endpoint.is_some()),
            ("region", settings.region.is_some()),
            ("credentials-file", settings.credentials_file.is_some()),
        ];
        let place = match (settings.directory, settings.object_store) {
            (Some(path), None) => {
                if let Some((name, _)) = of_objects.into_iter().find(|(_, given)| *given) {
                    return Err(ExportConfigError::NotHere(name));
                }
                ExportPlace::Directory(path)
            }
            (None, Some(url)) => ExportPlace::ObjectStore(ObjectStorePlace {
                url,
                endpoint: settings.endpoint,
                region: settings.region,
                credentials_file: settings.credentials_file,
            }),
            _ => return Err(ExportConfigError::NotOne),
        };
        let is_web = |url: &String| {
            url::Url::parse(url).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.query().is_none()
                    && url.fragment().is_none()
                    && url.password().is_none()
            })
        };
        if !settings.url.as_ref().is_none_or(is_web) {
            return Err(ExportConfigError::Url);
        }
        let interval_ms = settings.interval_ms.unwrap_or(5_000);
        if interval_ms < 100 {
            return Err(ExportConfigError::Interval);
        }
        if settings.entries == Some(false) && settings.keep_entries.is_some() {
            return Err(ExportConfigError::Keep);
        }
        Ok(Self {
            place,
            url: settings.url,
            interval_ms,
            entries: settings.entries,
            keep_entries: settings.keep_entries,
        })
    }
}

impl From<ExportConfig> for ExportSettings {
    fn from(config: ExportConfig) -> Self {
        let mut settings = Self {
            url: config.url,
            interval_ms: Some(config.interval_ms),
            entries: config.entries,
            keep_entries: config.keep_entries,
            ..Self::default()
        };
        match config.place {
            ExportPlace::Directory(path) => settings.directory = Some(path),
            ExportPlace::ObjectStore(place) => {
                settings.object_store = Some(place.url);
                settings.endpoint = place.endpoint;
                settings.region = place.region;
                settings.credentials_file = place.credentials_file;
            }
        }
        settings
    }
}

impl ExportConfig {
    /// Makes its paths those of files in `folder`.
    pub(crate) fn resolve(&mut self, folder: &Path) {
        match &mut self.place {
            ExportPlace::Directory(path) => *path = folder.join(&*path),
            ExportPlace::ObjectStore(place) => {
                if let Some(path) = &mut place.credentials_file {
                    *path = folder.join(&*path);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ExportConfig, String> {
        yaml_serde::from_str(text).map_err(|e| e.to_string())
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_reason() {
        assert!(read("{directory: export}").is_ok());
        for (text, reason) in [
            ("{}", "exactly one"),
            ("{directory: a, object-store: 's3://b/p'}", "exactly one"),
            ("{directory: a, region: x}", "region belongs to"),
            ("{directory: a, url: 'ftp://x'}", "web server"),
            ("{directory: a, interval-ms: 5}", "at least 100"),
            (
                "{directory: a, entries: false, keep-entries: 9}",
                "keep-entries",
            ),
            ("{dir: a}", "unknown field"),
        ] {
            let refused = read(text).unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }
}
