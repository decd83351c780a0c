//! Which web pages may use the API from a browser (CORS, <https://fetch.spec.whatwg.org/>).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::cors::{AllowOrigin, CorsLayer};
use url::Url;

use crate::dev_oidc;

/// How long a browser need not ask again; what it may is the same for all paths.
const MAX_AGE: Duration = Duration::from_secs(3600);

/// Which origins' pages may read answers.
///
/// No cookie counts for anything here, so that a page can issue nothing but with a token of its own.
/// It can read what anybody can who reaches the server: where only an inner network does and its
/// log is not for the world, name the origins.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum CorsPolicy {
    /// All. As with Fulcio, except that the `Authorization` header is allowed, too.
    #[default]
    AnyOrigin,
    /// None: answers say nothing of CORS.
    Off,
    /// These only, each `scheme://host[:port]`.
    Origins(Vec<HeaderValue>),
}

/// Why a list of origins is none.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CorsPolicyError {
    /// `*` stands beside other origins.
    #[error("* stands for every origin; name nothing beside it")]
    AnyAndMore,
    /// An entry is no origin.
    #[error("{0:?} is not an origin: write scheme://host or scheme://host:port, in lower case")]
    NoOrigin(String),
}

impl CorsPolicy {
    /// Reads a list of origins: `*` alone for all, empty for none.
    ///
    /// # Errors
    ///
    /// Fails on what is not an origin as browsers write it.
    pub fn parse<S: AsRef<str>>(origins: &[S]) -> Result<Self, CorsPolicyError> {
        match origins {
            [] => return Ok(Self::Off),
            [any] if any.as_ref() == "*" => return Ok(Self::AnyOrigin),
            _ => {}
        }
        let origins = origins.iter().map(|origin| parse_origin(origin.as_ref()));
        Ok(Self::Origins(origins.collect::<Result<_, _>>()?))
    }

    /// Returns what [`share`] is to do, if anything.
    pub(crate) fn layer(&self) -> Option<CorsLayer> {
        let origins = match self {
            Self::AnyOrigin => AllowOrigin::any(),
            Self::Off => return None,
            Self::Origins(origins) => AllowOrigin::list(origins.iter().cloned()),
        };
        let layer = CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST])
            .allow_headers([
                header::ACCEPT,
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                X_REQUEST_ID,
                HeaderName::from_static("x-requested-with"),
            ])
            .expose_headers([
                header::RETRY_AFTER,
                HeaderName::from_static("x-chancery-log-index"),
                HeaderName::from_static("x-chancery-serial"),
                X_REQUEST_ID,
            ])
            .max_age(MAX_AGE);
        Some(layer)
    }
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

fn parse_origin(text: &str) -> Result<HeaderValue, CorsPolicyError> {
    if text == "*" {
        return Err(CorsPolicyError::AnyAndMore);
    }
    let url = Url::parse(text).ok();
    let origin = url.filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.origin().ascii_serialization() == text
            && !text.contains('*')
    });
    origin
        .and_then(|_| HeaderValue::from_str(text).ok())
        .ok_or_else(|| CorsPolicyError::NoOrigin(text.to_owned()))
}

/// Answers a browser's question whether it may ask, and lets it read what it asked for.
///
/// The development identity provider stays out of it: it would give any page any token.
pub(crate) async fn share<F: Future<Output = Response>>(
    layer: Option<&CorsLayer>,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let Some(layer) = layer else {
        return next(request).await;
    };
    let route = request.extensions().get::<MatchedPath>();
    let development = route.is_some_and(|route| route.as_str().starts_with(dev_oidc::MOUNT));
    let asks = is_preflight(&request);
    // The layer takes every OPTIONS for such a question.
    if development || (request.method() == Method::OPTIONS && !asks) {
        return next(request).await;
    }
    let mut next = Some(next);
    // The layer calls it once at most.
    let next = service_fn(move |request| {
        let answer = next.take().map(|next| next(request));
        async move {
            match answer {
                Some(answer) => Ok::<_, Infallible>(answer.await),
                None => std::future::pending().await,
            }
        }
    });
    let Ok(mut response) = layer.layer(next).oneshot(request).await;
    if asks {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    response
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_as_browsers_write_them() {
        assert_eq!(CorsPolicy::parse::<&str>(&[]), Ok(CorsPolicy::Off));
        assert_eq!(CorsPolicy::parse(&["*"]), Ok(CorsPolicy::AnyOrigin));
        let origins = ["https://sign.example.com", "http://localhost:3000"];
        let Ok(CorsPolicy::Origins(read)) = CorsPolicy::parse(&origins) else {
            panic!("these are origins");
        };
        assert_eq!(read, origins);
        for wrong in [
            "sign.example.com",
            "https://sign.example.com/",
            "https://sign.example.com:443",
            "https://Sign.example.com",
            "https://sign.example.com/page",
            "https://user@sign.example.com",
            "https://*.example.com",
            "null",
            "",
        ] {
            let refused = CorsPolicy::parse(&[wrong]).unwrap_err();
            assert_eq!(refused, CorsPolicyError::NoOrigin(wrong.to_owned()));
        }
        let refused = CorsPolicy::parse(&["https://a.example", "*"]).unwrap_err();
        assert_eq!(refused, CorsPolicyError::AnyAndMore);
    }
}
