//! Where `tough` gets a repository's files from, and which it got.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::stream;
use tough::{Transport, TransportError, TransportErrorKind, TransportStream, async_trait};
use url::Url;

use super::download::{DownloadError, Downloads};

/// A repository's files by their paths in it.
pub(super) type Files = BTreeMap<String, String>;

/// Brings files, and remembers them.
#[derive(Clone, Debug)]
pub(super) struct Source {
    from: From,
    brought: Arc<Mutex<Brought>>,
}

#[derive(Clone, Debug)]
enum From {
    Network(Downloads),
    Stored { base: String, files: Arc<Files> },
}

/// What was brought.
#[derive(Debug, Default)]
pub(super) struct Brought {
    pub(super) files: BTreeMap<String, Bytes>,
    /// The first file that could not be had, although it should be there.
    pub(super) failure: Option<DownloadError>,
}

impl Source {
    /// Files from the network.
    pub(super) fn network(downloads: Downloads) -> Self {
        Self::new(From::Network(downloads))
    }

    /// Files that were brought before, under the URL that they came from.
    pub(super) fn stored(base: String, files: Files) -> Self {
        let files = Arc::new(files);
        Self::new(From::Stored { base, files })
    }

    fn new(from: From) -> Self {
        let brought = Arc::default();
        Self { from, brought }
    }

    /// Returns what was brought, and begins anew.
    pub(super) fn take(&self) -> Brought {
        std::mem::take(&mut *self.brought())
    }

    fn brought(&self) -> MutexGuard<'_, Brought> {
        self.brought.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn base(&self) -> &str {
        match &self.from {
            From::Network(downloads) => downloads.repository(),
            From::Stored { base, .. } => base,
        }
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>, DownloadError> {
        match &self.from {
            From::Network(downloads) => downloads.get(name).await,
            From::Stored { files, .. } => {
                let file = files.get(name);
                Ok(file.map(|text| Bytes::copy_from_slice(text.as_bytes())))
            }
        }
    }
}

#[async_trait]
impl Transport for Source {
    /// Whatever fails is reported through the stream: `tough` takes an error of this method for the
    /// end of the chain of roots, and a server that is away must not look like that.
    async fn fetch(&self, url: Url) -> Result<TransportStream, TransportError> {
        let Some(name) = url.as_str().strip_prefix(self.base()) else {
            return Err(TransportError::new(TransportErrorKind::Other, &url));
        };
        let item = match self.get(name).await {
            Ok(Some(bytes)) => {
                // Of a name that is asked for twice, the first counts: a delegated role may have a
                // root's file name, and is fetched after the roots.
                let mut brought = self.brought();
                brought
                    .files
                    .entry(name.to_owned())
                    .or_insert_with(|| bytes.clone());
                Ok(bytes)
            }
            Ok(None) => {
                // One root after the other is asked for until there is none.
                let must_be_there = !name.ends_with(".root.json");
                if must_be_there && matches!(self.from, From::Network(_)) {
                    let url = url.to_string();
                    let missing = DownloadError::Status { url, status: 404 };
                    self.brought().failure.get_or_insert(missing);
                }
                Err(TransportError::new(TransportErrorKind::FileNotFound, &url))
            }
            Err(failure) => {
                let said = failure.to_string();
                self.brought().failure.get_or_insert(failure);
                let kind = TransportErrorKind::Other;
                Err(TransportError::new_with_cause(kind, &url, said))
            }
        };
        Ok(Box::pin(stream::iter([item])))
    }
}
