//! The check of `Host` and `Origin`: who gives tokens for any identity must not be tricked by pages
//! in a browser, be it by a post across sites or by rebinding a name of theirs to 127.0.0.1.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName};
use url::Url;

use super::Provider;
use super::error::OauthError;

/// The names that the provider answers to.
#[derive(Debug)]
pub(super) struct Guard {
    scheme: String,
    authorities: BTreeSet<String>,
}

impl Guard {
    /// Knows the public URL and every way to write the loopback listener.
    pub(super) fn new(url: &Url, listen: SocketAddr) -> Self {
        let port = listen.port();
        let mut authorities: BTreeSet<String> = ["127.0.0.1", "localhost", "[::1]"]
            .into_iter()
            .map(|host| format!("{host}:{port}"))
            .collect();
        authorities.insert(listen.to_string());
        authorities.extend(url.host_str().map(|host| match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }));
        Self {
            scheme: url.scheme().to_owned(),
            authorities,
        }
    }

    fn admits(&self, request: &Request) -> Result<(), OauthError> {
        // HTTP/2 has the host in the URI, HTTP/1 in a header, and an absolute URI with HTTP/1 both.
        let uri = request
            .uri()
            .authority()
            .map(|authority| authority.as_str());
        let header = single(request.headers(), HOST)?;
        if uri.is_none() && header.is_none() {
            return Err(OauthError::access_denied("the request names no host"));
        }
        if !uri.into_iter().chain(header).all(|host| self.is_ours(host)) {
            return Err(OauthError::access_denied("the request is for another host"));
        }
        match single(request.headers(), ORIGIN)? {
            Some(origin) if !self.is_our_origin(origin) => Err(OauthError::access_denied(
                "the request comes from another origin",
            )),
            _ => Ok(()),
        }
    }

    fn is_ours(&self, authority: &str) -> bool {
        self.authorities.contains(&authority.to_ascii_lowercase())
    }

    fn is_our_origin(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        origin.split_once("://").is_some_and(|(scheme, authority)| {
            scheme == self.scheme && self.authorities.contains(authority)
        })
    }
}

/// Lets a request pass that was meant for us and that no other site made.
pub(super) async fn check(
    State(provider): State<Arc<Provider>>,
    request: Request,
    next: Next,
) -> Response {
    match provider.guard.admits(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn single(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, OauthError> {
    let mut values = headers.get_all(&name).iter();
    let value = values.next().map(|value| value.to_str());
    match (value.transpose(), values.next()) {
        (Ok(value), None) => Ok(value),
        _ => Err(OauthError::access_denied(format!(
            "the {name} header is unreadable"
        ))),
    }
}
