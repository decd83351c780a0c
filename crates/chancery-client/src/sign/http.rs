//! Requests to the services: bounded in size and time, asked again where that can help.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;

use super::error::{Service, SignError};
use crate::http::{BodyError, Clients, Limits, read_body};

/// The longest answer that is read. Certificate chains and ledger entries have some kilobytes.
const LONGEST: usize = 1 << 20;
/// How much of what a service says is repeated in a message.
const SAID: usize = 300;
const LIMITS: Limits = Limits {
    connecting: Duration::from_secs(5),
    // A ledger answers when its checkpoint is published, which upstream does every ten seconds.
    whole: Duration::from_secs(60),
};
/// How long to wait before asking again, unless the service says how long, and how often.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];
/// What Chancery says of a token that may count once and was sent before.
const TOKEN_USED: &str = "[token-used]";
/// The longest that a service is waited for because it says so.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Asks services, on this machine without a proxy.
#[derive(Clone, Debug)]
pub(super) struct Http(Clients);

/// What is asked of a service.
pub(super) struct Question<'a> {
    pub(super) service: Service,
    /// Where the service is, for messages.
    pub(super) url: &'a str,
    /// The whole URL that is asked.
    pub(super) endpoint: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The statuses that are no refusal.
    pub(super) taken: &'a [u16],
}

/// What a service answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// Why there is no answer.
struct Failed {
    error: SignError,
    /// After how long the service wants to be asked again.
    retry_after: Option<Duration>,
}

impl From<SignError> for Failed {
    fn from(error: SignError) -> Self {
        Self {
            error,
            retry_after: None,
        }
    }
}

impl Http {
    pub(super) fn new() -> Result<Self, SignError> {
        let clients = Clients::new(LIMITS);
        let clients = clients.map_err(|_| SignError::Machine("make connections by HTTP"))?;
        Ok(Self(clients))
    }

    /// Asks, and asks again if the service is away, busy or broken, and may be asked twice for the same.
    ///
    /// An authority may take a token once only, be it in a request that fails later: if it says so when it
    /// is asked again, what went wrong the first time says more.
    pub(super) async fn ask(&self, question: &Question<'_>) -> Result<Answer, SignError> {
        let mut before = None;
        for pause in PAUSES {
            match self.ask_once(question).await {
                Err(failed) if may_be_back(&failed.error) => {
                    tokio::time::sleep(failed.retry_after.unwrap_or(pause)).await;
                    before = Some(failed.error);
                }
                ended => return ended.map_err(|failed| telling(before, failed.error)),
            }
        }
        let ended = self.ask_once(question).await;
        ended.map_err(|failed| telling(before, failed.error))
    }

    async fn ask_once(&self, question: &Question<'_>) -> Result<Answer, Failed> {
        let away = |source| SignError::Away {
            service: question.service,
            url: question.url.to_owned(),
            source: Arc::new(source),
        };
        let client = self.0.to(&question.endpoint);
        let request = client
            .post(&question.endpoint)
            .headers(question.headers.clone())
            .body(question.body.clone());
        let response = request.send().await.map_err(away)?;
        let status = response.status().as_u16();
        let retry_after = retry_after(status, response.headers());
        let body = read_body(response, LONGEST).await;
        let body = Bytes::from(body.map_err(|error| match error {
            BodyError::BrokenOff(source) => away(source),
            BodyError::TooLong { .. } => {
                question.untrusted(format_args!("its answer has more than {LONGEST} bytes"))
            }
        })?);
        if question.taken.contains(&status) {
            return Ok(Answer { status, body });
        }
        let error = SignError::Refused {
            service: question.service,
            url: question.url.to_owned(),
            status,
            said: said(&body),
        };
        Err(Failed { error, retry_after })
    }
}

impl Question<'_> {
    pub(super) fn untrusted(&self, why: impl ToString) -> SignError {
        SignError::Untrusted {
            service: self.service,
            url: self.url.to_owned(),
            why: why.to_string(),
        }
    }
}

/// Makes the headers of a request whose body has this type.
pub(super) fn content(media_type: &'static str) -> HeaderMap {
    let value = http::HeaderValue::from_static(media_type);
    HeaderMap::from_iter([(http::header::CONTENT_TYPE, value)])
}

/// Reads how long a busy service wants to be left alone (RFC 9110, section 10.2.3). It may say a date
/// instead, which the clocks of two machines need not agree on.
fn retry_after(status: u16, headers: &HeaderMap) -> Option<Duration> {
    if !matches!(status, 429 | 503) {
        return None;
    }
    let seconds = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?;
    let seconds = Duration::from_secs(seconds.trim().parse().ok()?);
    Some(seconds.min(LONGEST_PAUSE))
}

fn may_be_back(error: &SignError) -> bool {
    match error {
        // Whoever was reached may have taken the token.
        SignError::Away {
            service: Service::Authority,
            source,
            ..
        } => source.is_connect(),
        SignError::Refused {
            service: Service::Authority,
            status,
            ..
        } => matches!(status, 429 | 503),
        SignError::Away { .. } => true,
        SignError::Refused { status, .. } => *status == 429 || *status >= 500,
        _ => false,
    }
}

/// Chooses what is said of a question that was asked more than once.
fn telling(before: Option<SignError>, last: SignError) -> SignError {
    match (before, &last) {
        (Some(before), SignError::Refused { said, .. }) if said.ends_with(TOKEN_USED) => before,
        _ => last,
    }
}

/// Returns what an error answer says, fit for a message: the `message` of gRPC's gateway, or the text.
fn said(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Told {
        message: String,
    }
    let told: Result<Told, _> = serde_json::from_slice(body);
    let text = match told {
        Ok(told) => told.message,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    let text: String = text.trim().chars().take(SAID).collect();
    match text.is_empty() {
        true => "nothing more".to_owned(),
        false => text.replace(char::is_control, " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_busy_services_say_for_how_long() {
        let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, "7".parse().unwrap())]);
        let seconds = |status| retry_after(status, &headers).map(|time| time.as_secs());
        assert_eq!([500, 503, 429].map(seconds), [None, Some(7), Some(7)]);
    }

    #[test]
    fn what_a_service_says_is_cut_off_and_moves_no_cursor() {
        assert_eq!(said(br#"{"code":3,"message":"no\u001b[2J"}"#), "no [2J");
        assert_eq!(said("x".repeat(5_000).as_bytes()).len(), SAID);
        assert_eq!(said(b" \n"), "nothing more");
    }
}
