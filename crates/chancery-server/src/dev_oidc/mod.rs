//! An OpenID Connect provider for development: whoever can reach it is whoever they say they are.
//!
//! `chancery dev` and `chancery demo` mount it under `/dev-oidc`; nothing else does. It logs people
//! in by authorization code with PKCE and by device code, as they would log in anywhere, and gives a token for any
//! identity to whoever asks with [`DEV_IDENTITY_GRANT`]. It answers only to its own host names and
//! to no other origin, so that a web page that is open in the same machine's browser cannot ask.

mod authorize;
mod claims;
mod device;
mod discovery;
mod error;
mod guard;
mod jwt;
mod params;
mod pending;
mod token;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::FromRef;
use axum::routing::{get, post};
use axum::{Router, middleware};
use chancery_keys::{Algorithm, Signer};
use chancery_log::clock::Clock;
use url::Url;

use crate::request_body::RequestLimits;
use device::Devices;
use guard::Guard;
use jwt::TokenKey;
use pending::PendingCodes;

pub use token::DEV_IDENTITY_GRANT;

/// Where the provider is, under the authority's URL.
pub(crate) const MOUNT: &str = "/dev-oidc";

/// What a development identity provider is made of.
#[derive(Debug)]
pub struct DevOidcConfig<'a> {
    /// The public base URL of the authority; the issuer is `<url>/dev-oidc`.
    pub url: &'a Url,
    /// Where the public listener is bound, with its real port.
    pub listen: SocketAddr,
    /// An RSA key, because cosign takes a token given as text only if it says RS256.
    pub key: Arc<dyn Signer>,
    /// The time of tokens and codes.
    pub clock: Arc<dyn Clock>,
}

/// Why there is no development identity provider.
#[derive(Debug, thiserror::Error)]
pub enum DevOidcError {
    /// The key cannot sign RS256.
    #[error("the development identity provider needs an RSA key, not {0:?}")]
    Key(Algorithm),
}

/// A development identity provider.
#[derive(Clone, Debug)]
pub struct DevOidc(Arc<Provider>);

/// The provider behind its handlers.
#[derive(Debug)]
struct Provider {
    issuer: String,
    key: TokenKey,
    clock: Arc<dyn Clock>,
    pending: PendingCodes,
    devices: Devices,
    guard: Guard,
}

impl DevOidc {
    /// Makes a provider.
    ///
    /// # Errors
    ///
    /// Fails if the key is not an RSA key.
    pub fn new(config: DevOidcConfig<'_>) -> Result<Self, DevOidcError> {
        let DevOidcConfig {
            url,
            listen,
            key,
            clock,
        } = config;
        let algorithm = key.public_key().algorithm();
        Ok(Self(Arc::new(Provider {
            issuer: format!("{}{MOUNT}", url.as_str().trim_end_matches('/')),
            key: TokenKey::new(key).ok_or(DevOidcError::Key(algorithm))?,
            clock,
            pending: PendingCodes::default(),
            devices: Devices::default(),
            guard: Guard::new(url, listen),
        })))
    }

    /// Returns the issuer URL, as it stands in tokens.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Returns the routes, to be nested at [`MOUNT`].
    pub(crate) fn router(&self, limits: RequestLimits) -> Router {
        let app = DevState {
            provider: Arc::clone(&self.0),
            limits,
        };
        Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(discovery::configuration),
            )
            .route("/auth", get(authorize::ask).post(authorize::log_in))
            .route("/device", get(device::ask).post(device::log_in))
            .route("/device_authorization", post(device::begin))
            .route("/jwks", get(discovery::jwks))
            .route("/token", post(token::exchange))
            .layer(middleware::from_fn_with_state(
                Arc::clone(&self.0),
                guard::check,
            ))
            .with_state(app)
    }
}

#[derive(Clone)]
struct DevState {
    provider: Arc<Provider>,
    limits: RequestLimits,
}

impl FromRef<DevState> for Arc<Provider> {
    fn from_ref(app: &DevState) -> Self {
        Self::clone(&app.provider)
    }
}

impl FromRef<DevState> for RequestLimits {
    fn from_ref(app: &DevState) -> Self {
        app.limits
    }
}
