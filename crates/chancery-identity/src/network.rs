//! How an issuer is asked: one bounded GET over HTTP.
//!
//! No proxy, no retry, no cookie, no decompression; redirects stay on the same origin; a body is
//! never held beyond its cap. The time is bounded by the caller, over all requests of one discovery.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{Certificate, Client, StatusCode, redirect};
use url::Url;

use crate::address::{PublicOnly, SystemResolver, host_may_be_public};

/// The most octets of a discovery document or key set.
pub(crate) const MAX_BODY: usize = 512 * 1024;

/// The most redirects that are followed, all on the same origin.
const MAX_REDIRECTS: usize = 3;

/// Why a document could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("its address is not one of the public internet")]
    AddressRefused,
    #[error("it is larger than {MAX_BODY} octets")]
    BodyTooLarge,
    #[error("no HTTP client could be made")]
    Client(#[source] reqwest::Error),
    #[error("it is not on https, and the issuer's entry does not say `allow-http: true`")]
    PlainHttp,
    #[error("the request failed")]
    Request(#[source] reqwest::Error),
    #[error("the answer has status {0}, not 200")]
    Status(StatusCode),
}

/// The way to one issuer, or to all that one wildcard stands for.
pub(crate) struct Network {
    allow_http: bool,
    /// Set where a token chooses the host.
    public_only: bool,
    /// Trusted besides the system's own.
    roots: Vec<Certificate>,
    /// Made when the first document is needed, so that start costs nothing.
    client: OnceLock<Client>,
}

impl Network {
    pub(crate) const fn new(allow_http: bool, public_only: bool, roots: Vec<Certificate>) -> Self {
        Self {
            allow_http,
            public_only,
            roots,
            client: OnceLock::new(),
        }
    }

    /// Fetches the document at `url`, all of it.
    pub(crate) async fn get(&self, url: &Url) -> Result<Vec<u8>, FetchError> {
        if url.scheme() != "https" && !(self.allow_http && url.scheme() == "http") {
            return Err(FetchError::PlainHttp);
        }
        if self.public_only && !host_may_be_public(url) {
            return Err(FetchError::AddressRefused);
        }
        let request = self
            .client()?
            .get(url.clone())
            .header("accept", "application/json");
        let mut response = request.send().await.map_err(FetchError::Request)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(FetchError::Request)? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(FetchError::BodyTooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn client(&self) -> Result<&Client, FetchError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = self.build().map_err(FetchError::Client)?;
        Ok(self.client.get_or_init(|| client))
    }

    fn build(&self) -> Result<Client, reqwest::Error> {
        let builder = Client::builder()
            .user_agent(concat!("chancery/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .referer(false)
            .redirect(redirect::Policy::custom(stay_on_the_origin))
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(Duration::from_secs(30))
            .tls_certs_merge(self.roots.iter().cloned());
        if self.public_only {
            builder
                .dns_resolver(PublicOnly(Arc::new(SystemResolver)))
                .build()
        } else {
            builder.build()
        }
    }
}

fn stay_on_the_origin(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let first = attempt.previous().first().map(Url::origin);
    if first.is_some_and(|origin| origin != attempt.url().origin()) {
        return attempt.error("it redirects to another origin");
    }
    if attempt.previous().len() > MAX_REDIRECTS {
        return attempt.error("it redirects too often");
    }
    attempt.follow()
}
