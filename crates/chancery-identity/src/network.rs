//! How an issuer is asked: one bounded GET over HTTP.
//!
//! No proxy but the entry's own, no retry, no cookie, no decompression; redirects stay on the same
//! origin; a body is never held beyond its cap. The time is bounded by the caller, over all requests
//! of one discovery.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::header::{DATE, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, Proxy, StatusCode, redirect};
use url::Url;

use crate::address::{SystemResolver, Within};
use crate::certificate;
use crate::config::EntryFault;
use crate::in_cluster::Credentials;
use crate::key_source::{ProxyUrl, Way};

/// The most octets of a discovery document or key set.
pub(crate) const MAX_BODY: usize = 512 * 1024;

/// The most redirects that are followed, all on the same origin.
const MAX_REDIRECTS: usize = 3;

/// Why a document could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("its address is one of an inner network, which this issuer must not lead to")]
    AddressRefused,
    #[error("it is larger than {MAX_BODY} octets")]
    BodyTooLarge,
    #[error("no HTTP client could be made")]
    Client(#[source] reqwest::Error),
    #[error("the cluster's CA or the service account's token cannot be read")]
    Credentials(#[source] std::io::Error),
    #[error("it is not on https, and the issuer's entry does not say `allow-http: true`")]
    PlainHttp,
    #[error("the request failed")]
    Request(#[source] reqwest::Error),
    #[error("the answer has status {0}, not 200")]
    Status(StatusCode),
}

impl FetchError {
    /// Returns the stable code of the reason, in kebab case.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::AddressRefused => "address-refused",
            Self::BodyTooLarge => "body-too-large",
            Self::Client(_) => "client-failed",
            Self::Credentials(_) => "credentials-unreadable",
            Self::PlainHttp => "plain-http",
            Self::Request(error) if certificate::fault(error).is_some() => "certificate-refused",
            Self::Request(error) if error.is_redirect() => "redirect-refused",
            Self::Request(error) if error.is_connect() => "connection-failed",
            Self::Request(_) => "request-failed",
            Self::Status(_) => "status-refused",
        }
    }
}

/// What was fetched.
pub(crate) struct Document {
    pub(crate) body: Vec<u8>,
    /// The server's clock, as it wrote it.
    pub(crate) date: Option<HeaderValue>,
}

/// The way to one issuer, or to all that one wildcard stands for, built.
pub(crate) struct Network {
    way: Way,
    roots: Vec<Certificate>,
    proxy: Option<Proxy>,
    resolver: Arc<dyn Resolve>,
    /// Made when the first document is needed, so that start costs nothing, and made anew when the
    /// cluster's CA, which stands beside it, has been replaced.
    client: Mutex<Option<(Vec<u8>, Client)>>,
}

impl Network {
    pub(crate) fn new(way: Way) -> Result<Self, EntryFault> {
        Ok(Self {
            roots: way.roots()?,
            proxy: way.proxy.as_ref().map(ProxyUrl::parse).transpose()?,
            way,
            resolver: Arc::new(SystemResolver),
            client: Mutex::default(),
        })
    }

    pub(crate) const fn way(&self) -> &Way {
        &self.way
    }

    /// Fetches the document at `url`, all of it.
    pub(crate) async fn get(&self, url: &Url) -> Result<Document, FetchError> {
        if url.scheme() != "https" && !(self.way.allow_http && url.scheme() == "http") {
            return Err(FetchError::PlainHttp);
        }
        if !self.way.bounds.admit(url, self.proxy.is_some()) {
            return Err(FetchError::AddressRefused);
        }
        let credentials = self.credentials(url).await?;
        let mut request = self
            .client(credentials.certificates)?
            .get(url.clone())
            .header("accept", "application/json");
        if let Some(token) = credentials.token {
            request = request.bearer_auth(token);
        }
        let mut response = request.send().await.map_err(FetchError::Request)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let date = response.headers().get(DATE).cloned();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(FetchError::Request)? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(FetchError::BodyTooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Document { body, date })
    }

    /// Reads what the cluster wants to see; the token only for its own origin.
    async fn credentials(&self, url: &Url) -> Result<Credentials, FetchError> {
        let Some((in_cluster, issuer)) = &self.way.in_cluster else {
            return Ok(Credentials::default());
        };
        let mut credentials = in_cluster
            .credentials()
            .await
            .map_err(FetchError::Credentials)?
            .for_issuer(issuer);
        if url.scheme() != "https" || url.origin() != issuer.origin() {
            credentials.token = None;
        }
        Ok(credentials)
    }

    fn client(&self, cluster_ca: Vec<u8>) -> Result<Client, FetchError> {
        let mut made = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = made.as_ref().filter(|(ca, _)| *ca == cluster_ca) {
            return Ok(client.clone());
        }
        let client = self.build(&cluster_ca).map_err(FetchError::Client)?;
        *made = Some((cluster_ca, client.clone()));
        Ok(client)
    }

    fn build(&self, cluster_ca: &[u8]) -> Result<Client, reqwest::Error> {
        self.builder(cluster_ca)?.build()
    }

    /// Looks at the certificate that a server shows, without believing it: what is asked holds no
    /// secret, and what is answered is not read.
    pub(crate) async fn shown_certificate(&self, url: &Url) -> Option<Vec<u8>> {
        let builder = self.builder(&[]).ok()?;
        let client = builder
            .tls_danger_accept_invalid_certs(true)
            .tls_info(true)
            .redirect(redirect::Policy::none())
            .build();
        let response = client.ok()?.get(url.clone()).send().await.ok()?;
        let shown = response.extensions().get::<reqwest::tls::TlsInfo>()?;
        shown.peer_certificate().map(<[u8]>::to_vec)
    }

    fn builder(&self, cluster_ca: &[u8]) -> Result<ClientBuilder, reqwest::Error> {
        let redirects = match self.way.in_cluster {
            // The token goes along with none.
            Some(_) => redirect::Policy::none(),
            None => redirect::Policy::custom(stay_on_the_origin),
        };
        let cluster_ca = Certificate::from_pem_bundle(cluster_ca)?;
        let mut builder = Client::builder()
            .user_agent(concat!("chancery/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .referer(false)
            .redirect(redirects)
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(Duration::from_secs(30))
            .tls_certs_merge(self.roots.iter().cloned().chain(cluster_ca));
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(proxy.clone());
        }
        let resolver = Arc::clone(&self.resolver);
        Ok(builder.dns_resolver(Within(self.way.bounds.clone(), resolver)))
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

#[cfg(test)]
mod tests;
