//! Lends our HTTP client to `openidconnect`, bounded in size and time.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

use crate::http::{BodyError, Clients, Limits, read_body};
use crate::loopback::is_here;

/// The longest answer: a provider's metadata and keys have some kilobytes.
const LONGEST: usize = 1 << 20;
const LIMITS: Limits = Limits {
    connecting: Duration::from_secs(20),
    whole: Duration::from_secs(20),
};

#[derive(Clone, Debug)]
pub(super) struct Http(Clients);

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error(transparent)]
    Answer(#[from] ::http::Error),
    #[error("the connection failed")]
    Request(#[from] reqwest::Error),
    #[error("{0} is no place for codes and tokens: it wants https, or http on this machine itself")]
    Insecure(String),
    #[error(transparent)]
    Body(#[from] BodyError),
}

impl Http {
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        Clients::new(LIMITS).map(Self)
    }

    pub(super) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        // Endpoints are what the provider's metadata say.
        let url = request.uri().to_string();
        if !is_safe(&url) {
            return Err(HttpError::Insecure(url));
        }
        // A provider elsewhere may name an endpoint here, and what goes here in clear text goes to no proxy.
        let client = self.0.to(&url);
        let response = client.execute(request.try_into()?).await?;
        let mut answer = ::http::Response::builder().status(response.status());
        for (name, value) in response.headers() {
            answer = answer.header(name, value);
        }
        Ok(answer.body(read_body(response, LONGEST).await?)?)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

pub(super) fn is_safe(url: &str) -> bool {
    url.starts_with("https://") || (url.starts_with("http://") && is_here(url))
}

#[cfg(test)]
mod tests {
    use tokio::process::Command;

    use super::*;
    use crate::http::tests::answer_once;

    /// The variable by which the next test knows that it is the child.
    const CHILD: &str = "CHANCERY_TEST_ENDPOINT";

    #[expect(
        clippy::disallowed_methods,
        reason = "a test hands this to itself in another process"
    )]
    fn endpoint_of_child() -> Option<String> {
        std::env::var(CHILD).ok()
    }

    async fn answer(status: u16) -> String {
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
        answer_once(answer).await.0
    }

    #[tokio::test]
    async fn an_endpoint_on_this_machine_is_asked_past_a_proxy() {
        if let Some(endpoint) = endpoint_of_child() {
            let request = ::http::Request::get(endpoint).body(Vec::new()).unwrap();
            let answer = Http::new().unwrap().send(request).await.unwrap();
            assert_eq!(answer.status(), 200);
            return;
        }
        let (endpoint, proxy) = (answer(200).await, answer(502).await);
        // The proxy is read from the environment of a process, which a test must not change.
        let child = Command::new(std::env::current_exe().unwrap())
            .arg("an_endpoint_on_this_machine_is_asked_past_a_proxy")
            .envs([("HTTP_PROXY", &proxy), ("http_proxy", &proxy)])
            .envs([("NO_PROXY", ""), ("no_proxy", ""), (CHILD, &endpoint)])
            .env_remove("REQUEST_METHOD")
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success(), "{said}");
        assert!(said.contains("1 passed"), "{said}");
    }
}
