//! Logging in with a browser on this machine: authorization code, PKCE, and a redirection to a
//! listener on loopback (RFC 8252).

use std::time::Duration;

use chancery_log::causes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use openidconnect::core::{CoreAuthenticationFlow, CoreClient};
use openidconnect::{
    AuthorizationCode, CsrfToken, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    TokenResponse as _,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::{IdentityToken, LoginError, LoginProvider, require_safe};

const PATH: &str = "/auth/callback";
/// How long somebody may take to log in.
const MINUTES: u64 = 5;
/// How long one connection may take to say what it wants, and the longest that it may say.
const REQUEST: Duration = Duration::from_secs(5);
const LONGEST: u64 = 16 * 1024;
/// The most connections that are answered at once.
const AT_ONCE: usize = 32;

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
    /// [`LoginError::Insecure`] if the provider's page is not to be opened, [`LoginError::Listen`] if
    /// nothing can listen here.
    pub async fn begin_in_browser(&self) -> Result<BrowserLogin<'_>, LoginError> {
        require_safe(self.metadata.authorization_endpoint().as_str())?;
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

    /// Answers connections until one brings this login's state. Others, such as a browser's request for
    /// an icon, the connection that it opens to have one later, or a page of a stranger, end nothing and
    /// hold nothing up.
    async fn came_back(&self) -> Result<AuthorizationCode, LoginError> {
        let mut answering = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if answering.len() < AT_ONCE => {
                    let (stream, _) = accepted.map_err(LoginError::Listen)?;
                    answering.push(tokio::time::timeout(REQUEST, self.answer(stream)));
                }
                Some(answered) = answering.next() => {
                    if let Ok(Some(ended)) = answered {
                        return ended;
                    }
                }
            }
        }
    }

    async fn answer(&self, mut stream: TcpStream) -> Option<Result<AuthorizationCode, LoginError>> {
        let stream = &mut stream;
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A provider that says how one logs in, and knows nobody.
    async fn provider() -> LoginProvider {
        provider_with_page(|url| format!("{url}/auth")).await
    }

    async fn provider_with_page(page: impl Fn(&str) -> String) -> LoginProvider {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (issuer, page) = (url.clone(), page(&url));
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let target = read_target(&mut stream).await.unwrap();
                let body = match &*target {
                    "/keys" => json!({ "keys": [] }),
                    _ => json!({
                        "issuer": url,
                        "authorization_endpoint": page,
                        "token_endpoint": format!("{url}/token"),
                        "jwks_uri": format!("{url}/keys"),
                        "response_types_supported": ["code"],
                        "subject_types_supported": ["public"],
                        "id_token_signing_alg_values_supported": ["RS256"],
                    }),
                };
                let body = body.to_string();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
                     connection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        LoginProvider::discover(&issuer, "sigstore").await.unwrap()
    }

    #[tokio::test]
    async fn no_page_is_opened_that_others_could_read_along_or_that_is_none() {
        for page in ["http://login.example.org/auth", "file:///etc/passwd", "x:y"] {
            let provider = provider_with_page(|_| page.to_owned()).await;
            let begun = provider.begin_in_browser().await;
            assert!(matches!(begun, Err(LoginError::Insecure(_))), "{page}");
        }
        provider().await.begin_in_browser().await.unwrap();
    }

    /// Comes back to a login with this query, and returns the page.
    async fn come_back(login: &BrowserLogin<'_>, query: &str) -> String {
        let address = login.listener.local_addr().unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {PATH}?{query} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).await.unwrap();
        page
    }

    #[tokio::test]
    async fn a_connection_that_says_nothing_holds_nobody_up() {
        let provider = provider().await;
        let login = provider.begin_in_browser().await.unwrap();
        let address = login.listener.local_addr().unwrap();
        let _silent = TcpStream::connect(address).await.unwrap();
        let query = format!("state={}&code=c", login.state.secret());
        tokio::time::pause();
        let begun = tokio::time::Instant::now();
        let (code, page) = tokio::join!(login.came_back(), come_back(&login, &query));
        assert_eq!(begun.elapsed().as_secs(), 0);
        assert_eq!(code.unwrap().secret(), "c");
        assert!(page.contains("You are logged in"), "{page}");
    }

    #[tokio::test]
    async fn a_code_for_another_login_is_not_taken() {
        let provider = provider().await;
        let login = provider.begin_in_browser().await.unwrap();
        let query = format!("state={}&error=access_denied", login.state.secret());
        let browser = async {
            let page = come_back(&login, "state=another&code=c").await;
            assert!(page.starts_with("HTTP/1.1 404"), "{page}");
            come_back(&login, &query).await
        };
        let (refused, page) = tokio::join!(login.came_back(), browser);
        let refused = refused.unwrap_err();
        assert!(matches!(refused, LoginError::Refused { .. }), "{refused}");
        assert!(page.contains("Nobody was logged in"), "{page}");
    }
}
