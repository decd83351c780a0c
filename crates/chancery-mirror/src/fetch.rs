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
    /// The server asks for patience.
    #[error("{url} answers with {status}")]
    Busy {
        /// The file.
        url: Url,
        /// 5xx or 429.
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
            .redirect(redirect::Policy::limited(3))
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
        let mut answer = request.send().await.map_err(unavailable)?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Err(FetchError::Busy { url, status });
            }
            status => return Err(wrong(format!("answers with {status}"))),
        }
        let too_long = || wrong(format!("is longer than {bound} bytes"));
        let mut body = BytesMut::new();
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
        let mut bytes = Vec::new();
        let unpacking = flate2::read::GzDecoder::new(&*body);
        let unpacked = unpacking.take(bound + 1).read_to_end(&mut bytes);
        unpacked.map_err(|e| wrong(format!("is not what gzip makes: {e}")))?;
        match bytes.len() as u64 > bound {
            true => Err(too_long()),
            false => Ok(Some(bytes)),
        }
    }
}
