//! Tokens that are had by a request: GitHub Actions and Google's metadata server.

use reqwest::RequestBuilder;
use serde::Deserialize;
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use super::{AmbientError, PATIENCE, Places};
use crate::http::{BodyError, Limits, Route, client, read_body};
use crate::token::IdentityToken;

/// The longest answer: a token and some JSON around it.
const LONGEST: usize = IdentityToken::LONGEST + 1024;
const LIMITS: Limits = Limits {
    connecting: PATIENCE,
    whole: PATIENCE,
};

/// `GET $ACTIONS_ID_TOKEN_REQUEST_URL&audience=…`
pub(super) async fn github(
    places: &Places<'_>,
    audience: &str,
) -> Result<Zeroizing<String>, AmbientError> {
    #[derive(Deserialize)]
    struct Answer {
        value: String,
    }
    let server = Server("GitHub Actions");
    let url = places.text("ACTIONS_ID_TOKEN_REQUEST_URL");
    let url = url.and_then(|url| Url::parse(&url).ok());
    let secret = places
        .text("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
        .map(Zeroizing::new);
    let (Some(mut url), Some(secret)) = (url, secret) else {
        return Err(AmbientError::Setup(
            "ACTIONS_ID_TOKEN_REQUEST_URL or ACTIONS_ID_TOKEN_REQUEST_TOKEN is missing or no URL: give \
             the job `permissions: id-token: write`",
        ));
    };
    // The request has a secret in it, and the answer is one.
    let route = Route::to(url.as_str());
    if url.scheme() != "https" && route != Route::Direct {
        return Err(AmbientError::Setup(
            "ACTIONS_ID_TOKEN_REQUEST_URL is not https, so the runner's secret is not sent there; see \
             who set it",
        ));
    }
    url.query_pairs_mut().append_pair("audience", audience);
    let request = server.client(route)?.get(url).bearer_auth(&*secret);
    let body = server.ask(request).await?;
    let answer: Answer = serde_json::from_slice(&body)
        .map_err(|_| server.failed("its answer is no JSON object with the member value"))?;
    Ok(Zeroizing::new(answer.value))
}

/// `GET /computeMetadata/v1/instance/service-accounts/default/identity`
///
/// The server speaks http only, on the machine's own link: a proxy would see the token, and could ask
/// for its own machine's.
pub(super) async fn google(
    metadata: &str,
    audience: &str,
) -> Result<Zeroizing<String>, AmbientError> {
    let server = Server("Google's metadata server");
    let path = "computeMetadata/v1/instance/service-accounts/default/identity";
    // Without `format=full` there is no address in the token.
    let audience: String = form_urlencoded::byte_serialize(audience.as_bytes()).collect();
    let url = format!("{metadata}/{path}?audience={audience}&format=full");
    let request = server
        .client(Route::Direct)?
        .get(url)
        .header("Metadata-Flavor", "Google");
    let body = server.ask(request).await?;
    let text = std::str::from_utf8(&body).map_err(|_| server.failed("its answer is no text"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// A server that gives tokens.
struct Server(&'static str);

impl Server {
    fn client(&self, route: Route) -> Result<reqwest::Client, AmbientError> {
        let client = client(route, LIMITS);
        client.map_err(|_| self.failed("this machine makes no connections by HTTP"))
    }

    async fn ask(&self, request: RequestBuilder) -> Result<Zeroizing<Vec<u8>>, AmbientError> {
        // The URL may hold a secret, so it is not said.
        let away = |error: reqwest::Error| self.failed(error.without_url());
        let response = request.send().await.map_err(away)?;
        let status = response.status();
        if status != 200 {
            return Err(self.failed(format_args!("it answered {status}")));
        }
        let body = read_body(response, LONGEST).await;
        body.map(Zeroizing::new).map_err(|error| match error {
            BodyError::BrokenOff(error) => away(error),
            BodyError::TooLong { .. } => self.failed("its answer is longer than any token"),
        })
    }

    fn failed(&self, why: impl std::fmt::Display) -> AmbientError {
        AmbientError::Server {
            source_name: self.0,
            why: why.to_string(),
        }
    }
}
