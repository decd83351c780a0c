//! Setting an instance up: its root is fetched, and compared with a checksum that came another way.

use bytes::Bytes;
use serde::Deserialize;

use super::download::Downloads;
use super::record::Record;
use super::source::Source;
use super::update::{ALL, Fault, Known, update};
use super::{
    DownloadError, InstanceName, InstanceUrl, Instances, RefusedMetadata, RootChecksum, SetupError,
    Trust, UpdateError,
};

/// How many versions of root before the newest are compared, too: checksums stay in scripts.
const EARLIER: u64 = 64;

/// Which instance is set up.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Its base URL.
    pub url: InstanceUrl,
    /// The SHA-256 of any version of its root.
    pub checksum: RootChecksum,
    /// What it is to be called; by its host, if nothing is said.
    pub name: Option<InstanceName>,
}

impl Instances {
    /// Sets an instance up, and makes it the default if there is none. Doing it again changes
    /// nothing.
    ///
    /// # Errors
    /// [`SetupError`] says what stands in the way. Nothing is stored then but, of an instance that is
    /// set up already, a newer root.
    pub async fn setup(&self, setup: &Setup) -> Result<Trust, SetupError> {
        let name = match &setup.name {
            Some(name) => name.clone(),
            None => InstanceName::of_url(&setup.url).map_err(SetupError::NoName)?,
        };
        let _lock = self.lock(&name).await?;
        let known = match self.read(&name)? {
            None => None,
            Some(record) if record.url == setup.url => Some(record),
            Some(record) => {
                let url = record.url;
                return Err(SetupError::Taken { name, url });
            }
        };
        let downloads = Downloads::from(&setup.url).map_err(|e| setup.away(e))?;
        let root = match &known {
            Some(known) if known.checksum == setup.checksum => known.known.root.clone(),
            _ => setup.fetch_root_in_time(&downloads).await?,
        };
        let before = known.is_some();
        // What was seen must not become older.
        let record = known.unwrap_or_else(|| setup.record(root));
        let updated = match update(&record.known, Source::network(downloads)).await {
            Ok(updated) => updated,
            Err((fault, newer)) if before => {
                self.keep_root(&name, &record, newer)?;
                return Err(setup.failed(fault, name));
            }
            Err((fault, _)) => return Err(UpdateError::new(fault, &name, &setup.url).into()),
        };
        let record = Record {
            checksum: setup.checksum,
            ..record.after(&updated)
        };
        record.write(&self.record_file(&name))?;
        if self.default_name()?.is_none() {
            self.write_default(&name)?;
        }
        Ok(updated.into_trust(record.describe(name), None))
    }
}

impl Setup {
    /// Others wait for the instance meanwhile, so it must not take for ever.
    async fn fetch_root_in_time(&self, downloads: &Downloads) -> Result<String, SetupError> {
        let fetched = tokio::time::timeout(ALL, self.fetch_root(downloads)).await;
        fetched.unwrap_or_else(|_| {
            let url = downloads.repository().to_owned();
            Err(self.away(DownloadError::Slow { url, limit: ALL }))
        })
    }

    /// Fetches the root with the checksum: the newest, or an earlier one.
    async fn fetch_root(&self, downloads: &Downloads) -> Result<String, SetupError> {
        let get = async |name: &str| downloads.get(name).await.map_err(|e| self.away(e));
        let Some(newest) = get("root.json").await? else {
            let url = format!("{}/", self.url);
            return Err(SetupError::NoRoot { url });
        };
        if RootChecksum::of(&newest) == self.checksum {
            return self.text(newest);
        }
        let version = version_of(&newest).unwrap_or(1);
        for version in (version.saturating_sub(EARLIER).max(1)..version).rev() {
            match get(&format!("{version}.root.json")).await? {
                Some(root) if RootChecksum::of(&root) == self.checksum => return self.text(root),
                Some(_) => {}
                None => break,
            }
        }
        Err(SetupError::OtherRoot {
            url: self.url.clone(),
            found: RootChecksum::of(&newest),
            expected: self.checksum,
        })
    }

    fn record(&self, root: String) -> Record {
        Record {
            url: self.url.clone(),
            checksum: self.checksum,
            known: Known::of_root(root),
            failed: None,
        }
    }

    /// Says why an instance that is set up already is not set up again.
    fn failed(&self, fault: Fault, name: InstanceName) -> SetupError {
        match fault {
            Fault::Refused(source) => {
                let url = self.url.clone();
                SetupError::OtherInstance { name, url, source }
            }
            other => UpdateError::new(other, &name, &self.url).into(),
        }
    }

    fn text(&self, root: Bytes) -> Result<String, SetupError> {
        let text = String::from_utf8(root.into());
        text.map_err(|_| {
            let source = RefusedMetadata::NotText("root.json".to_owned());
            let url = self.url.clone();
            UpdateError::Refused { url, source }.into()
        })
    }

    fn away(&self, source: DownloadError) -> SetupError {
        let url = self.url.clone();
        UpdateError::Away { url, source }.into()
    }
}

/// Returns the version that a root claims, before anything of it is trusted.
fn version_of(root: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Claimed {
        signed: Version,
    }
    #[derive(Deserialize)]
    struct Version {
        version: u64,
    }
    let claimed: Claimed = serde_json::from_slice(root).ok()?;
    Some(claimed.signed.version)
}
