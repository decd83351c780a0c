//! Logging in as a person would, at any OpenID Connect provider: authorization code and PKCE.

use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata};
use openidconnect::{
    AuthorizationCode, ClientId, CsrfToken, HttpRequest, HttpResponse, IssuerUrl, Nonce,
    PkceCodeChallenge, RedirectUrl, Scope, TokenResponse,
};
use url::Url;

use crate::failure::{Causes, Failure};

/// Where a browser would be sent back to. Nothing listens: the redirect is read, not followed.
const REDIRECT: &str = "http://127.0.0.1:1/auth/callback";

/// Logs in as `who` and returns the identity token, verified as the client verifies it.
pub(super) async fn log_in(
    http: &reqwest::Client,
    url: &str,
    who: &str,
) -> Result<String, Failure> {
    let issuer = IssuerUrl::new(format!("{url}/dev-oidc")).map_err(Failure::from_error)?;
    let send = |request: HttpRequest| send(http, request);
    let provider = CoreProviderMetadata::discover_async(issuer, &send)
        .await
        .map_err(Failure::from_error)?;
    let redirect = RedirectUrl::new(REDIRECT.to_owned()).map_err(Failure::from_error)?;
    let client =
        CoreClient::from_provider_metadata(provider, ClientId::new("sigstore".into()), None)
            .set_redirect_uri(redirect);

    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (page, state, nonce) = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .add_scope(Scope::new("email".into()))
        .set_pkce_challenge(challenge)
        // The development issuer asks nobody for a password, so no page needs to be shown.
        .add_extra_param("prompt", "none")
        .add_extra_param("login_hint", who)
        .url();
    let code = authorize(http, page, &state).await?;

    let tokens = client
        .exchange_code(code)
        .map_err(Failure::from_error)?
        .set_pkce_verifier(verifier)
        .request_async(&send)
        .await
        .map_err(Failure::from_error)?;
    let token = tokens
        .id_token()
        .ok_or_else(|| Failure::failed("the login gave no ID token"))?;
    token
        .claims(&client.id_token_verifier(), &nonce)
        .map_err(|e| Failure::verification(format!("the ID token: {}", Causes(&e))))?;
    Ok(token.to_string())
}

/// Asks for the authorization page and reads the code from the redirect.
async fn authorize(
    http: &reqwest::Client,
    page: Url,
    state: &CsrfToken,
) -> Result<AuthorizationCode, Failure> {
    let response = http.get(page).send().await.map_err(Failure::from_error)?;
    let location = response
        .headers()
        .get(http::header::LOCATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| Url::parse(text).ok())
        .ok_or_else(|| {
            Failure::failed(format!(
                "the login answered {} and no redirect",
                response.status()
            ))
        })?;
    let find = |name: &str| {
        location
            .query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    if find("state").as_ref() != Some(state.secret()) {
        return Err(Failure::verification(
            "the login came back with another state",
        ));
    }
    find("code")
        .map(AuthorizationCode::new)
        .ok_or_else(|| Failure::failed(format!("the login was refused: {:?}", find("error"))))
}

/// Lends our HTTP client to openidconnect.
async fn send(http: &reqwest::Client, request: HttpRequest) -> Result<HttpResponse, SendError> {
    let request = reqwest::Request::try_from(request)?;
    let response = http.execute(request).await?;
    let mut answer = http::Response::builder().status(response.status());
    for (name, value) in response.headers() {
        answer = answer.header(name, value);
    }
    let body = response.bytes().await?.to_vec();
    Ok(answer.body(body)?)
}

#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error(transparent)]
    Answer(#[from] http::Error),
    #[error(transparent)]
    Request(#[from] reqwest::Error),
}
