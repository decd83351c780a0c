//! Logging in with a browser on this machine: authorization code, PKCE, and a redirection to a
//! listener on loopback (RFC 8252).

use std::time::Duration;

use chancery_log::causes;
use openidconnect::core::{CoreAuthenticationFlow, CoreClient};
use openidconnect::{
    AuthorizationCode, CsrfToken, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    TokenResponse as _,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::{IdentityToken, LoginError, LoginProvider};

const PATH: &str = "/auth/callback";
/// How long somebody may take to log in.
const MINUTES: u64 = 5;
/// How long one connection may take to say what it wants, and the longest that it may say.
const REQUEST: Duration = Duration::from_secs(5);
const LONGEST: u64 = 16 * 1024;

/// A login that waits for somebody to open its page.
#[derive(Debug)]
pub struct BrowserLogin<'a> {
    provider: &'a LoginProvider,
    listener: TcpListener,
    page: Url,
    redirect: RedirectUrl,
    state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

impl LoginProvider {
    /// Begins a login in a browser on this machine: listens on loopback, and makes the page's URL.
    ///
    /// # Errors
    /// [`LoginError::Listen`] if nothing can listen here.
    pub async fn begin_in_browser(&self) -> Result<BrowserLogin<'_>, LoginError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.map_err(LoginError::Listen)?;
        let port = listener.local_addr().map_err(LoginError::Listen)?.port();
        // Sigstore's providers know this client by `localhost` and this path, with any port.
        let redirect = RedirectUrl::new(format!("http://localhost:{port}{PATH}"))
            .map_err(|error| self.refused(error.to_string()))?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client =
            CoreClient::from_provider_metadata(self.metadata.clone(), self.client_id.clone(), None)
                .set_redirect_uri(redirect.clone());
        let (page, state, nonce) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("email".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        Ok(BrowserLogin {
            provider: self,
            listener,
            page,
            redirect,
            state,
            nonce,
            verifier,
        })
    }
}

impl BrowserLogin<'_> {
    /// Returns the page to open.
    #[must_use]
    pub fn page(&self) -> &Url {
        &self.page
    }

    /// Waits for the browser to come back, and takes the token.
    ///
    /// # Errors
    /// [`LoginError::TooLate`] after five minutes, [`LoginError::Refused`] if the provider says no,
    /// [`LoginError::Foreign`] if its token is not for this login.
    pub async fn finish(self) -> Result<IdentityToken, LoginError> {
        let limit = Duration::from_secs(60 * MINUTES);
        let came_back = tokio::time::timeout(limit, self.came_back()).await;
        let code = came_back.map_err(|_| LoginError::TooLate { minutes: MINUTES })??;
        let provider = self.provider;
        let (metadata, id) = (provider.metadata.clone(), provider.client_id.clone());
        let client =
            CoreClient::from_provider_metadata(metadata, id, None).set_redirect_uri(self.redirect);
        let request = client
            .exchange_code(code)
            .map_err(|error| provider.refused(error.to_string()))?;
        let request = request.set_pkce_verifier(self.verifier);
        let tokens = request.request_async(&provider.http).await;
        let tokens = tokens.map_err(|error| provider.refused(causes(&error)))?;
        provider.verified(tokens.id_token(), Some(&self.nonce))
    }

    /// Answers connections one after the other until one brings this login's state. Others, such as a
    /// browser's request for an icon or a page of a stranger, end nothing.
    async fn came_back(&self) -> Result<AuthorizationCode, LoginError> {
        loop {
            let accepted = self.listener.accept().await;
            let (mut stream, _) = accepted.map_err(LoginError::Listen)?;
            let answered = tokio::time::timeout(REQUEST, self.answer(&mut stream)).await;
            if let Ok(Some(ended)) = answered {
                return ended;
            }
        }
    }

    async fn answer(
        &self,
        stream: &mut TcpStream,
    ) -> Option<Result<AuthorizationCode, LoginError>> {
        let target = read_target(stream).await?;
        let url = Url::parse("http://localhost").ok()?.join(&target).ok()?;
        let find = |name: &str| {
            let mut pairs = url.query_pairs();
            pairs.find(|(key, _)| key == name).map(|(_, value)| value)
        };
        let ours = url.path() == PATH && find("state").as_deref() == Some(self.state.secret());
        if !ours {
            say(stream, "404 Not Found", "Nothing is here.").await;
            return None;
        }
        let Some(code) = find("code") else {
            let error = find("error").unwrap_or_default();
            let description = find("error_description").unwrap_or_default();
            say(
                stream,
                "200 OK",
                "Nobody was logged in. The terminal says more.",
            )
            .await;
            return Some(Err(self.provider.refused(format!("{error} {description}"))));
        };
        say(
            stream,
            "200 OK",
            "You are logged in. Close this page and go back to the terminal.",
        )
        .await;
        Some(Ok(AuthorizationCode::new(code.into_owned())))
    }
}

/// Reads the head of a request, and returns what it asks for.
async fn read_target(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut from = stream.take(LONGEST);
    while !head.ends_with(b"\r\n\r\n") {
        let mut piece = [0; 1024];
        let read = from.read(&mut piece).await.ok()?;
        head.extend_from_slice(piece.get(..read).filter(|piece| !piece.is_empty())?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut words = head.split(' ');
    match (words.next(), words.next()) {
        (Some("GET"), Some(target)) if target.starts_with('/') => Some(target.to_owned()),
        _ => None,
    }
}

/// Answers a page of our own: nothing that came with the request is in it.
async fn say(stream: &mut TcpStream, status: &str, text: &str) {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Chancery</title>\
         <p>{text}</p></html>\n"
    );
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\
         content-security-policy: default-src 'none'\r\nreferrer-policy: no-referrer\r\n\
         cache-control: no-store\r\nconnection: close\r\n\r\n{page}",
        page.len()
    );
    // The browser may have gone; the code has come.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}
