//! Lends our HTTP client to `openidconnect`, bounded in size and time.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

use crate::http::{BodyError, Limits, Route, client, read_body};
use crate::loopback::is_here;

/// The longest answer: a provider's metadata and keys have some kilobytes.
const LONGEST: usize = 1 << 20;
const LIMITS: Limits = Limits {
    connecting: Duration::from_secs(20),
    whole: Duration::from_secs(20),
};

#[derive(Clone, Debug)]
pub(super) struct Http(reqwest::Client);

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
    pub(super) fn new(issuer: &str) -> Result<Self, reqwest::Error> {
        client(Route::to(issuer), LIMITS).map(Self)
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        // Endpoints are what the provider's metadata say.
        let url = request.uri().to_string();
        if !is_safe(&url) {
            return Err(HttpError::Insecure(url));
        }
        let response = self.0.execute(request.try_into()?).await?;
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
