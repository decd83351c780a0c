//! Fetching one file of a log: bounded in time and size, and tried again where that may help.

use std::io::Read as _;
use std::time::Duration;

use bytes::BytesMut;
use reqwest::{Client, StatusCode, header, redirect};
use url::Url;

/// For a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// For one request.
const REQUEST: Duration = Duration::from_secs(60);

/// How many redirects are followed.
const REDIRECTS: usize = 3;

/// How long to wait before each further try.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(4),
    Duration::from_secs(15),
];

/// Fetches the files below one URL.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: Client,
    base: Url,
}

/// Why a file was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// What came is not what can be asked for.
    #[error("{url} {wrong}")]
    Answer {
        /// The file.
        url: Url,
        /// What is wrong with the answer.
        wrong: String,
    },
    /// It is longer than may be.
    #[error("{url} is longer than {bound} bytes")]
    Long {
        /// The file.
        url: Url,
        /// The most bytes that it may have.
        bound: u64,
    },
    /// The server asks for patience.
    #[error("{url} answers with {status}")]
    Busy {
        /// The file.
        url: Url,
        /// 5xx or 429.
        status: StatusCode,
    },
    /// The server shows this to others, if to anybody.
    #[error("{url} answers with {status}")]
    Refused {
        /// The file.
        url: Url,
        /// 401 or 403.
        status: StatusCode,
    },
    /// No client can be made of these settings.
    #[error("no HTTP client can be made")]
    Client(#[source] reqwest::Error),
    /// The server did not answer.
    #[error("{url} cannot be fetched")]
    Unavailable {
        /// The file.
        url: Url,
        /// Why.
        #[source]
        error: reqwest::Error,
    },
    /// Arguments are seen by every process of the machine, and errors are kept: no place for
    /// passwords.
    #[error("a log's URL has no user name and no password in it")]
    Credentials,
    /// It is no URL below which there can be files.
    #[error("{0} is no http(s) URL of a log")]
    Url(Url),
}

impl FetchError {
    /// Tells whether the next try may succeed.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Unavailable { .. })
    }
}

impl Fetcher {
    /// Makes a client for a log's URL, its monitoring prefix. `roots` are CA certificates that are
    /// trusted besides the system's.
    ///
    /// # Errors
    ///
    /// When it is no such URL, or the client cannot be made.
    pub fn new(mut base: Url, roots: Vec<reqwest::Certificate>) -> Result<Self, FetchError> {
        if !base.username().is_empty() || base.password().is_some() {
            return Err(FetchError::Credentials);
        }
        if !matches!(base.scheme(), "http" | "https") || base.query().is_some() {
            return Err(FetchError::Url(base));
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let client = Client::builder()
            .user_agent(concat!("chancery/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(REQUEST)
            .referer(false)
            .redirect(redirect::Policy::custom(|attempt| {
                match may_follow(attempt.previous(), attempt.url()) {
                    Ok(()) => attempt.follow(),
                    Err(wrong) => attempt.error(wrong),
                }
            }))
            .tls_certs_merge(roots)
            .build()
            .map_err(FetchError::Client)?;
        Ok(Self { client, base })
    }

    /// Returns the log's URL.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Fetches a file of at most `bound` bytes; `None` if there is none. A gzip-compressed one is
    /// unpacked, whether the server says so or has stored it so.
    ///
    /// # Errors
    ///
    /// When the server does not answer for about twenty seconds, or answers something else.
    pub async fn get(&self, name: &str, bound: u64) -> Result<Option<Vec<u8>>, FetchError> {
        let mut pauses = PAUSES.iter();
        loop {
            match (self.try_get(name, bound).await, pauses.next()) {
                (Err(e), Some(pause)) if e.is_away() => tokio::time::sleep(*pause).await,
                (answer, _) => return answer,
            }
        }
    }

    async fn try_get(&self, name: &str, bound: u64) -> Result<Option<Vec<u8>>, FetchError> {
        let url = self.base.join(name);
        let url = url.map_err(|_| FetchError::Url(self.base.clone()))?;
        let wrong = |wrong: String| FetchError::Answer {
            url: url.clone(),
            wrong,
        };
        let unavailable = |error| FetchError::Unavailable {
            url: url.clone(),
            error,
        };
        let request = self.client.get(url.clone());
        let request = request.header(header::ACCEPT_ENCODING, "gzip");
        let mut answer = request.send().await.map_err(|e| match e.is_redirect() {
            true => wrong(std::error::Error::source(&e).map_or_else(
                || "redirects to what is no URL".to_owned(),
                ToString::to_string,
            )),
            false => unavailable(e),
        })?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Err(FetchError::Busy { url, status });
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let status = answer.status();
                return Err(FetchError::Refused { url, status });
            }
            status => return Err(wrong(format!("answers with {status}"))),
        }
        let too_long = || FetchError::Long {
            url: url.clone(),
            bound,
        };
        if answer.content_length().is_some_and(|length| length > bound) {
            return Err(too_long());
        }
        // All at once: growing takes twice as much, and what is not written to takes nothing.
        let announced = answer.content_length().unwrap_or_default();
        let mut body = BytesMut::with_capacity(usize::try_from(announced).unwrap_or_default());
        while let Some(piece) = answer.chunk().await.map_err(unavailable)? {
            if (body.len() + piece.len()) as u64 > bound {
                return Err(too_long());
            }
            body.extend_from_slice(&piece);
        }
        // No tile, checkpoint or certificate begins so: a tile's first bytes are a time or a hash of
        // which nobody knows, so only the former can be mistaken, and years are far from it.
        let packed = answer.headers().get(header::CONTENT_ENCODING);
        let packed = packed.is_some_and(|encoding| encoding == "gzip")
            || name.starts_with("tile/data/") && body.starts_with(&[0x1f, 0x8b]);
        if !packed {
            return Ok(Some(body.into()));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(bound).unwrap_or_default());
        let unpacking = flate2::read::GzDecoder::new(&*body);
        let unpacked = unpacking.take(bound + 1).read_to_end(&mut bytes);
        unpacked.map_err(|e| wrong(format!("is not what gzip makes: {e}")))?;
        match bytes.len() as u64 > bound {
            true => Err(too_long()),
            false => Ok(Some(bytes)),
        }
    }
}

/// Decides on a redirect. Another host is well: logs send readers of old tiles to where they are
/// published, and nothing is believed that is not signed or hashed.
fn may_follow(previous: &[Url], to: &Url) -> Result<(), String> {
    let was_https = previous.iter().any(|url| url.scheme() == "https");
    match to.scheme() {
        _ if previous.len() > REDIRECTS => Err(format!("redirects more than {REDIRECTS} times")),
        "https" => Ok(()),
        "http" if !was_https => Ok(()),
        "http" => Err("redirects from https to http".to_owned()),
        other => Err(format!("redirects to a URL of the scheme {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_few_and_never_leave_tls() {
        let url = |text: &str| Url::parse(text).unwrap();
        let (plain, tls) = (url("http://a.example/x"), url("https://a.example/x"));
        let few = [plain.clone(), plain.clone(), plain.clone()];
        assert!(may_follow(&few, &tls).is_ok());
        assert!(may_follow(&few, &url("http://b.example/x")).is_ok());
        assert!(may_follow(&[&few[..], &few[..1]].concat(), &plain).is_err());
        assert!(may_follow(std::slice::from_ref(&tls), &url("https://b.example/")).is_ok());
        assert!(may_follow(std::slice::from_ref(&tls), &plain).is_err());
        assert!(may_follow(&[tls.clone(), tls], &plain).is_err());
        for other in ["file:///etc/passwd", "ftp://a.example/x", "data:,x"] {
            assert!(may_follow(&few[..1], &url(other)).is_err(), "{other}");
        }
    }
}
