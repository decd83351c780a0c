//! One witness, as a log asks it: a request, an answer within bounds, and its verification.

use std::time::{Duration, SystemTime};

use chancery_tlog::{AddCheckpoint, NoteSignature, VerifierKey, parse_witnessed_size};
use reqwest::{Client, Response, StatusCode, redirect};
use url::Url;

use crate::verify::{BadCosignature, CosignatureKey};

/// The longest answer that is read: room for sixty cosignatures, and for post-quantum ones beside.
const MAX_ANSWER: usize = 32 << 10;

/// For a connection.
const CONNECT: Duration = Duration::from_secs(2);

/// A witness and how to reach it. Cloning is cheap, and clones share connections.
#[derive(Clone, Debug)]
pub struct WitnessClient {
    name: String,
    endpoint: Url,
    key: CosignatureKey,
    http: Client,
}

/// Why a witness cannot be asked, whatever it would say.
#[derive(Debug, thiserror::Error)]
pub enum MakeClientError {
    /// The HTTP client could not be made, which is this machine's fault.
    #[error("no HTTP client can be made")]
    Http(#[source] reqwest::Error),
    /// The key is not one that verifies cosignatures.
    #[error("witness {name}: {fault}")]
    Key {
        /// The witness.
        name: String,
        /// What is wrong with its key.
        fault: BadCosignature,
    },
    /// The URL is not one that a request can go to.
    #[error("witness {name}: {url:?} is no http or https URL, or has user, query or fragment")]
    Url {
        /// The witness.
        name: String,
        /// What stands in the place of a URL.
        url: String,
    },
}

/// What an honest witness answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// It has cosigned the checkpoint; the line was verified.
    Cosigned(NoteSignature),
    /// The size of the tree that it saw last is another than the request said. Nobody vouches for
    /// the number.
    StandsAt(u64),
}

/// Why a witness has not cosigned. Messages are for the operator's log.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// Its answer is none: too long, unreadable, or without a line by its key.
    #[error("it answered what is no cosignature: {0}")]
    Answer(String),
    /// Its line is not what it should be.
    #[error("its cosignature is refused: {0}")]
    Cosignature(#[from] BadCosignature),
    /// It says that the checkpoint does not extend what it saw before.
    #[error(
        "it says that the log's tree of {size} entries does not extend the one of {old_size} that \
         it saw before: {said:?}"
    )]
    Inconsistent {
        /// The tree that the proof began with.
        old_size: u64,
        /// The tree of the checkpoint.
        size: u64,
        /// The beginning of what it said.
        said: String,
    },
    /// No answer came.
    #[error("it does not answer")]
    Request(#[source] reqwest::Error),
    /// It refuses: it does not know this log or its key, or is itself in trouble.
    #[error("it answered {status}: {said:?}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// The beginning of what it said.
        said: String,
    },
}

impl WitnessClient {
    /// Makes a client for the witness with this key, to which `url` is the submission prefix.
    ///
    /// # Errors
    ///
    /// When URL or key are not a witness's.
    pub fn new(name: &str, url: &str, key: &VerifierKey) -> Result<Self, MakeClientError> {
        let name = name.to_owned();
        let key = CosignatureKey::new(key).map_err(|fault| MakeClientError::Key {
            name: name.clone(),
            fault,
        })?;
        let endpoint = endpoint(url).ok_or_else(|| MakeClientError::Url {
            name: name.clone(),
            url: url.to_owned(),
        })?;
        let http = Client::builder()
            .user_agent(concat!("chancery/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .referer(false)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(Duration::from_secs(90))
            .build()
            .map_err(MakeClientError::Http)?;
        Ok(Self {
            name,
            endpoint,
            key,
            http,
        })
    }

    /// Returns the name that the witness has here.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the witness's key.
    pub fn key(&self) -> &VerifierKey {
        &self.key.verifier_key
    }

    /// Sends a checkpoint of `size` entries, and verifies what comes back. The caller bounds the time.
    ///
    /// # Errors
    ///
    /// Says why there is no cosignature.
    pub async fn add_checkpoint(
        &self,
        request: &AddCheckpoint,
        size: u64,
    ) -> Result<Answer, WitnessError> {
        let sent = self.http.post(self.endpoint.clone());
        let sent = sent.header("content-type", "text/plain; charset=utf-8");
        let answer = sent.body(request.encode()).send().await;
        let answer = answer.map_err(WitnessError::Request)?;
        let status = answer.status();
        let body = bounded(answer).await?;
        match status {
            StatusCode::OK => self.cosignature(request, &body).map(Answer::Cosigned),
            StatusCode::CONFLICT => match parse_witnessed_size(&body) {
                // An earlier version of the protocol says so that the roots differ.
                Some(stands) if stands == request.old_size => {
                    Err(inconsistent(request, size, &body))
                }
                Some(stands) => Ok(Answer::StandsAt(stands)),
                None => Err(WitnessError::Answer("409 without a size".to_owned())),
            },
            StatusCode::UNPROCESSABLE_ENTITY => Err(inconsistent(request, size, &body)),
            status => Err(WitnessError::Refused {
                status,
                said: beginning(&body),
            }),
        }
    }

    /// Takes the witness's own line, and no other: whatever else it sends stays out of the note.
    fn cosignature(
        &self,
        request: &AddCheckpoint,
        body: &[u8],
    ) -> Result<NoteSignature, WitnessError> {
        let lines = NoteSignature::parse_lines(body);
        let lines = lines.map_err(|e| WitnessError::Answer(e.to_string()))?;
        let line = lines.into_iter().find(|line| self.key.made(line));
        let line = line.ok_or_else(|| WitnessError::Answer("no line by its key".to_owned()))?;
        let text = request.checkpoint.text();
        self.key.verify_fresh(text, &line, SystemTime::now())?;
        Ok(line)
    }
}

fn endpoint(url: &str) -> Option<Url> {
    let mut url = Url::parse(url).ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let path = format!("{}/add-checkpoint", url.path().trim_end_matches('/'));
    url.set_path(&path);
    plain.then_some(url)
}

async fn bounded(mut answer: Response) -> Result<Vec<u8>, WitnessError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(WitnessError::Request)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(WitnessError::Answer("more than 32 KiB".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn inconsistent(request: &AddCheckpoint, size: u64, body: &[u8]) -> WitnessError {
    WitnessError::Inconsistent {
        old_size: request.old_size,
        size,
        said: beginning(body),
    }
}

/// Takes what fits into a line of the operator's log.
fn beginning(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..200).unwrap_or(body));
    text.trim().to_owned()
}
