//! The way to an external log: RFC 6962's `add-pre-chain` over HTTP, within bounds.
//!
//! No redirect, no retry, no proxy, no cookie; an answer is never held beyond its cap.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_ca::{ExternalLog, ExternalLogError};
use chancery_tlog::ct::{DigitallySigned, LogId, SignedCertificateTimestamp};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode, redirect};
use serde::{Deserialize, Serialize};
use url::Url;

/// The most bytes of an answer: an SCT has some three hundred.
const MAX_ANSWER: usize = 64 * 1024;

/// How much of a refusal is shown to the operator.
const MAX_REASON: usize = 300;

/// An external log that is reached over HTTP.
#[derive(Debug)]
pub struct HttpLog {
    add_pre_chain: Url,
    client: Client,
}

/// Why there is no way to an external log. The operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum HttpLogError {
    /// The URL is not one that submissions can be sent to.
    #[error(
        "{0:?} is not the URL of a log: give http(s)://host[:port]/path, to which `ct/v1/add-pre-chain` \
         is appended, without query and user"
    )]
    Url(String),
    /// No HTTP client could be made.
    #[error("no HTTP client could be made")]
    Client(#[source] reqwest::Error),
}

impl HttpLog {
    /// Takes the log's submission prefix, to which `/ct/v1/add-pre-chain` is appended, and how long
    /// one submission may take, the connection included.
    ///
    /// # Errors
    ///
    /// A URL that is none of a log.
    pub fn new(prefix: &str, timeout: Duration) -> Result<Self, HttpLogError> {
        let refused = || HttpLogError::Url(prefix.to_owned());
        let url = Url::parse(prefix).map_err(|_| refused())?;
        let is_plain = url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || !is_plain {
            return Err(refused());
        }
        let prefix = prefix.trim_end_matches('/');
        let url = Url::parse(&format!("{prefix}/ct/v1/add-pre-chain"));
        let client = Client::builder()
            .user_agent(concat!("chancery/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .referer(false)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .timeout(timeout)
            .pool_max_idle_per_host(8)
            .pool_idle_timeout(Duration::from_secs(30));
        Ok(Self {
            add_pre_chain: url.map_err(|_| refused())?,
            client: client.build().map_err(HttpLogError::Client)?,
        })
    }
}

#[derive(Serialize)]
struct AddChain {
    chain: Vec<String>,
}

/// What a log answers (RFC 6962, section 4.1).
#[derive(Deserialize)]
struct Answer {
    sct_version: u8,
    id: String,
    timestamp: u64,
    #[serde(default)]
    extensions: String,
    signature: String,
}

#[async_trait]
impl ExternalLog for HttpLog {
    async fn add_pre_chain(
        &self,
        chain: &[&[u8]],
    ) -> Result<SignedCertificateTimestamp, ExternalLogError> {
        let chain = chain.iter().map(|der| STANDARD.encode(der)).collect();
        let body = serde_json::to_vec(&AddChain { chain }).map_err(away)?;
        let request = self
            .client
            .post(self.add_pre_chain.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        let response = request.send().await.map_err(away)?;
        let status = response.status();
        let body = read(response).await?;
        match status {
            StatusCode::OK => sct(&body).map_err(ExternalLogError::BadAnswer),
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Err(away(said(status, &body)))
            }
            status => Err(ExternalLogError::Refused(said(status, &body))),
        }
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, ExternalLogError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(away)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            let what = format!("it is longer than {MAX_ANSWER} bytes");
            return Err(ExternalLogError::BadAnswer(what));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Reads the SCT; the errors say what is wrong with it.
fn sct(body: &[u8]) -> Result<SignedCertificateTimestamp, String> {
    let answer: Answer = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    if answer.sct_version != 0 {
        return Err(format!("its SCT has version {}", answer.sct_version));
    }
    let decode = |name: &str, text: &str| {
        let decoded = STANDARD.decode(text);
        decoded.map_err(|_| format!("its {name} is not base64"))
    };
    let id = <[u8; 32]>::try_from(decode("id", &answer.id)?);
    let id = id.map_err(|id| format!("its id has {} bytes, not 32", id.len()))?;
    let signature = DigitallySigned::parse(&decode("signature", &answer.signature)?);
    SignedCertificateTimestamp::from_parts(
        LogId::from_bytes(id),
        answer.timestamp,
        decode("extensions", &answer.extensions)?,
        signature.map_err(|e| e.to_string())?,
    )
    .map_err(|e| e.to_string())
}

fn away(cause: impl Into<Box<dyn Error + Send + Sync>>) -> ExternalLogError {
    ExternalLogError::Away(cause.into())
}

/// Writes a refusal on one line, without what could move a terminal's cursor.
fn said(status: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text: String = text.chars().take(MAX_REASON).collect();
    let text = text.replace(char::is_control, " ");
    format!("it answered {status}: {}", text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_is_no_logs_is_refused() {
        let new = |url| HttpLog::new(url, Duration::from_secs(1));
        let url = |log: HttpLog| log.add_pre_chain.to_string();
        let below = "https://log.test/2026/ct/v1/add-pre-chain";
        assert_eq!(url(new("https://log.test/2026").unwrap()), below);
        assert_eq!(url(new("https://log.test/2026/").unwrap()), below);
        for wrong in [
            "",
            "log.test/2026",
            "ftp://log.test/",
            "https://log.test/?a",
            "https://u:p@log.test/",
        ] {
            assert!(new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_answer_that_is_no_sct_is_told_apart() {
        let answer = |id: &str, signature: &str| {
            sct(format!(
                r#"{{"sct_version":0,"id":"{id}","timestamp":5,"extensions":"","signature":"{signature}"}}"#
            )
            .as_bytes())
        };
        let id = STANDARD.encode([7; 32]);
        let signature = STANDARD.encode(b"\x04\x03\x00\x03DER");
        let good = answer(&id, &signature).unwrap();
        assert_eq!(good.timestamp_ms(), 5);
        assert!(answer(&STANDARD.encode([7; 31]), &signature).is_err());
        assert!(answer(&id, &STANDARD.encode(b"\x04\x01\x00\x03RSA")).is_err());
        assert!(answer("?", &signature).is_err());
        for text in ["", "{}", "[]", "{\"sct_version\":1}"] {
            assert!(sct(text.as_bytes()).is_err(), "{text}");
        }
    }
}
