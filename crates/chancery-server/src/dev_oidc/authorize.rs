//! The authorization endpoint: who logs in, and the code for it (RFC 6749, section 4.1; PKCE: RFC
//! 7636).

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use url::{Host, Url};

use super::Provider;
use super::error::OauthError;
use super::params::Params;
use crate::html::{Escaped, page};
use crate::request_body::RequestBody;

/// What a client asks for, checked.
#[derive(Debug)]
pub(super) struct AuthorizationRequest {
    pub(super) client_id: String,
    pub(super) redirect_uri: Url,
    pub(super) nonce: Option<String>,
    /// The S256 challenge.
    pub(super) challenge: String,
    state: Option<String>,
}

/// Somebody who logged in, and what for.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) request: AuthorizationRequest,
    pub(super) email: String,
}

/// `GET /auth`: shows a form, or with `prompt=none` and a `login_hint` logs in without one.
pub(super) async fn ask(
    State(provider): State<Arc<Provider>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let params = Params::parse(query.unwrap_or_default().as_bytes())?;
    let request = AuthorizationRequest::from(&params)?;
    match (params.find("prompt"), params.find("login_hint")) {
        (Some("none"), Some(email)) => Ok(provider.logged_in(request, email)),
        (Some("none"), None) => {
            Err(request.refusal("login_required", "prompt=none needs a login_hint"))
        }
        _ => Ok(form(&request, &params)),
    }
}

/// `POST /auth`: what the form sends.
pub(super) async fn log_in(
    State(provider): State<Arc<Provider>>,
    RequestBody(body): RequestBody,
) -> Result<Response, Refusal> {
    let params = Params::parse(&body)?;
    let request = AuthorizationRequest::from(&params)?;
    let email = params.require("email")?;
    Ok(provider.logged_in(request, email))
}

impl Provider {
    fn logged_in(&self, request: AuthorizationRequest, email: &str) -> Response {
        let (redirect_uri, state) = (request.redirect_uri.clone(), request.state.clone());
        let login = Login {
            request,
            email: email.to_owned(),
        };
        let code = self.pending.insert(login, self.clock.now());
        let to = location(&redirect_uri, &[("code", &code)], state.as_deref());
        Redirect::to(&to).into_response()
    }
}

impl AuthorizationRequest {
    fn from(params: &Params) -> Result<Self, Refusal> {
        // An unknown client and a strange redirection are the only errors that are not redirected:
        // there is nobody to redirect to (RFC 6749, section 4.1.2.1).
        let request = Self {
            client_id: params.require("client_id")?.to_owned(),
            redirect_uri: loopback(params.require("redirect_uri")?)?,
            nonce: params.find("nonce").map(str::to_owned),
            challenge: params.find("code_challenge").unwrap_or_default().to_owned(),
            state: params.find("state").map(str::to_owned),
        };
        if params.find("response_type") != Some("code") {
            return Err(request.refusal("unsupported_response_type", "only code is supported"));
        }
        // 43 characters are a SHA-256; `plain`, which is the default, is no protection.
        if params.find("code_challenge_method") != Some("S256") || request.challenge.len() != 43 {
            return Err(request.refusal("invalid_request", "a PKCE challenge by S256 is required"));
        }
        Ok(request)
    }

    fn refusal(&self, error: &str, description: &str) -> Refusal {
        let params = [("error", error), ("error_description", description)];
        Refusal::Redirected(location(&self.redirect_uri, &params, self.state.as_deref()))
    }
}

/// Why somebody was not logged in.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The client learns it, at this address of its own.
    Redirected(String),
    /// Only who asked learns it.
    Told(OauthError),
}

impl From<OauthError> for Refusal {
    fn from(error: OauthError) -> Self {
        Self::Told(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Redirected(to) => Redirect::to(&to).into_response(),
            Self::Told(error) => error.into_response(),
        }
    }
}

/// Reads a redirection to a native application on this machine (RFC 8252, section 7.3).
fn loopback(uri: &str) -> Result<Url, OauthError> {
    let local = |url: &Url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    };
    let plain =
        |url: &Url| url.scheme() == "http" && url.username().is_empty() && url.fragment().is_none();
    let url = Url::parse(uri).ok().filter(|url| plain(url) && local(url));
    url.ok_or_else(|| OauthError::invalid_request("redirect_uri must be http on loopback"))
}

/// Adds `params` to what the client's address has already.
fn location(redirect_uri: &Url, params: &[(&str, &str)], state: Option<&str>) -> String {
    let mut to = redirect_uri.clone();
    let state = state.map(|state| ("state", state));
    to.query_pairs_mut()
        .extend_pairs(params.iter().copied().chain(state));
    to.into()
}

/// Asks who to log in as, and sends what the client sent along.
fn form(request: &AuthorizationRequest, params: &Params) -> Response {
    let mut kept = String::new();
    for (name, value) in params.iter().filter(|(name, _)| *name != "email") {
        let (name, value) = (Escaped(name), Escaped(value));
        let _ = writeln!(
            kept,
            "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">"
        );
    }
    let body = format!(
        "<p><strong>NOT FOR PRODUCTION:</strong> this identity provider believes everybody. \
         {client} wants to know who you are.\n\
         <form method=\"post\" action=\"auth\">\n{kept}\
         <p><label>E-mail address<br>\
         <input type=\"email\" name=\"email\" value=\"{hint}\" required autofocus></label>\n\
         <p><button>Log in</button>\n</form>\n",
        client = Escaped(&request.client_id),
        hint = Escaped(params.find("login_hint").unwrap_or_default()),
    );
    page("Log in", &body)
}
