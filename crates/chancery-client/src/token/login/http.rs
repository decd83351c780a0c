//! Lends our HTTP client to `openidconnect`, bounded in size and time.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

use crate::loopback::is_here;

/// The longest answer: a provider's metadata and keys have some kilobytes.
const LONGEST: usize = 1 << 20;

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
    #[error("the answer has more than {LONGEST} bytes")]
    TooLong,
}

impl Http {
    pub(super) fn new(issuer: &str) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("chancery/", env!("CARGO_PKG_VERSION")))
            // A redirect could take codes and tokens elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(20));
        let client = match is_here(issuer) {
            true => client.no_proxy(),
            false => client,
        };
        client.build().map(Self)
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        // Endpoints are what the provider's metadata say.
        let url = request.uri().to_string();
        if !is_safe(&url) {
            return Err(HttpError::Insecure(url));
        }
        let mut response = self.0.execute(request.try_into()?).await?;
        let mut answer = ::http::Response::builder().status(response.status());
        for (name, value) in response.headers() {
            answer = answer.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await? {
            if body.len() + piece.len() > LONGEST {
                return Err(HttpError::TooLong);
            }
            body.extend_from_slice(&piece);
        }
        Ok(answer.body(body)?)
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
