//! Files of an instance's TUF repository, from the network: bounded in size and time.

use std::time::Duration;

use bytes::Bytes;

use super::InstanceUrl;
use crate::http::{BodyError, Limits, Route, client, read_body};

/// The most bytes of one file. Chancery's are a hundredth of it; the public Sigstore's trusted root
/// has some hundred kilobytes with all its certificates.
const MOST: usize = 4 << 20;
const LIMITS: Limits = Limits {
    connecting: Duration::from_secs(5),
    whole: Duration::from_secs(10),
};

/// Asks one instance for its files.
#[derive(Clone, Debug)]
pub(super) struct Downloads {
    http: reqwest::Client,
    repository: String,
}

/// A file could not be had. Nothing is said about its content.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The server could not be asked, or broke off.
    #[error("{url} cannot be fetched")]
    Away {
        /// What was asked for.
        url: String,
        /// What stood in the way.
        source: Box<reqwest::Error>,
    },
    /// The server answered, but not with the file. A redirect is not followed.
    #[error("{url} answered {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The status of HTTP.
        status: u16,
    },
    /// The server sent more than any such file has.
    #[error("{url} has more than {MOST} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
    },
    /// All files together took too long.
    #[error("{url} did not answer all that was asked within {} seconds", .limit.as_secs())]
    Slow {
        /// Where the files are.
        url: String,
        /// How long was waited.
        limit: Duration,
    },
}

impl Downloads {
    /// Prepares to ask an instance.
    ///
    /// # Errors
    /// [`DownloadError::Away`] if this machine's certificates or proxy cannot be used.
    pub(super) fn from(instance: &InstanceUrl) -> Result<Self, DownloadError> {
        let repository = instance.repository();
        match client(Route::to(&repository), LIMITS) {
            Ok(http) => Ok(Self { http, repository }),
            Err(source) => Err(away(&repository, source)),
        }
    }

    /// Fetches a file; `None` if there is none of that name.
    ///
    /// Storage such as S3 answers 403 for what is not there to whoever may not list it. Roots are asked
    /// for until there is none, so of these that counts as 404, as with other clients of TUF.
    ///
    /// # Errors
    /// [`DownloadError`] says what stood in the way.
    pub(super) async fn get(&self, name: &str) -> Result<Option<Bytes>, DownloadError> {
        let url = format!("{}{name}", self.repository);
        let asked = self.http.get(&url).send().await;
        let answer = asked.map_err(|source| away(&url, source))?;
        match answer.status().as_u16() {
            200 => {}
            404 => return Ok(None),
            403 if is_numbered_root(name) => return Ok(None),
            status => return Err(DownloadError::Status { url, status }),
        }
        match read_body(answer, MOST).await {
            Ok(body) => Ok(Some(body.into())),
            Err(BodyError::BrokenOff(source)) => Err(away(&url, source)),
            Err(BodyError::TooLong { .. }) => Err(DownloadError::TooLarge { url }),
        }
    }

    /// Returns where the files are.
    pub(super) fn repository(&self) -> &str {
        &self.repository
    }
}

/// Tells whether this is `N.root.json`.
fn is_numbered_root(name: &str) -> bool {
    let version = name.strip_suffix(".root.json");
    version.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn away(url: &str, source: reqwest::Error) -> DownloadError {
    DownloadError::Away {
        url: url.to_owned(),
        // It would say the URL a second time.
        source: Box::new(source.without_url()),
    }
}
