//! What a token of the provider says.

use std::time::{Duration, SystemTime};

use chancery_log::clock::unix_ms;
use serde_json::{Map, Value, json};

use super::Provider;
use super::authorize::Login;
use super::error::OauthError;
use super::params::Params;

/// The audience that Sigstore's clients ask for, and the longest life of a token.
const AUDIENCE: &str = "sigstore";
const LONGEST_LIFETIME_S: u64 = 24 * 3600;
const DEFAULT_LIFETIME_S: u64 = 600;

/// An identity that a token is to be made for.
#[derive(Debug)]
pub(super) struct Identity {
    sub: String,
    email: Option<String>,
    audience: String,
    lifetime: Duration,
    /// Members that are added to the token's own or take their place.
    claims: Map<String, Value>,
}

impl Identity {
    /// Somebody who logged in.
    pub(super) fn of_login(login: &Login) -> Self {
        let nonce = login.request.nonce.clone();
        Self {
            sub: subject_of(&login.email),
            email: Some(login.email.clone()),
            audience: login.request.client_id.clone(),
            lifetime: Duration::from_secs(DEFAULT_LIFETIME_S),
            claims: nonce
                .map(|nonce| ("nonce".to_owned(), Value::from(nonce)))
                .into_iter()
                .collect(),
        }
    }

    /// Somebody who logged in by device code.
    pub(super) fn of_device(email: &str, client_id: String) -> Self {
        Self {
            sub: subject_of(email),
            email: Some(email.to_owned()),
            audience: client_id,
            lifetime: Duration::from_secs(DEFAULT_LIFETIME_S),
            claims: Map::new(),
        }
    }

    /// Whoever is asked for, in form fields.
    pub(super) fn asked_for(params: &Params) -> Result<Self, OauthError> {
        let email = params.find("email").map(str::to_owned);
        let sub = params.find("sub").map(str::to_owned);
        let sub = sub.or_else(|| email.as_deref().map(subject_of));
        let sub = sub.ok_or_else(|| OauthError::invalid_request("email or sub is needed"))?;
        Ok(Self {
            sub,
            email,
            audience: params.find("aud").unwrap_or(AUDIENCE).to_owned(),
            lifetime: lifetime(params.find("lifetime"))?,
            claims: claims(params.find("claims"))?,
        })
    }

    /// Returns the seconds for which a token made now is good.
    pub(super) fn lifetime_s(&self) -> u64 {
        self.lifetime.as_secs()
    }
}

impl Provider {
    /// Returns a token's claims; whatever was asked for, `iss` is ours.
    pub(super) fn claims(&self, identity: &Identity, now: SystemTime) -> Map<String, Value> {
        let now_s = unix_ms(now) / 1_000;
        let mut claims = Map::new();
        claims.insert("sub".to_owned(), json!(identity.sub));
        claims.insert("aud".to_owned(), json!(identity.audience));
        claims.insert("iat".to_owned(), json!(now_s));
        claims.insert("nbf".to_owned(), json!(now_s));
        claims.insert("exp".to_owned(), json!(now_s + identity.lifetime_s()));
        // Issuers may be configured to count each token once.
        let id = hex::encode(rand::random::<[u8; 16]>());
        claims.insert("jti".to_owned(), json!(id));
        if let Some(email) = &identity.email {
            claims.insert("email".to_owned(), json!(email));
            claims.insert("email_verified".to_owned(), json!(true));
        }
        claims.extend(identity.claims.clone());
        claims.insert("iss".to_owned(), json!(self.issuer));
        claims
    }
}

/// A subject that stays the same for the same address.
fn subject_of(email: &str) -> String {
    format!("dev:{email}")
}

fn lifetime(seconds: Option<&str>) -> Result<Duration, OauthError> {
    let Some(seconds) = seconds else {
        return Ok(Duration::from_secs(DEFAULT_LIFETIME_S));
    };
    let parsed = seconds
        .parse()
        .ok()
        .filter(|s| (1..=LONGEST_LIFETIME_S).contains(s));
    parsed.map(Duration::from_secs).ok_or_else(|| {
        OauthError::invalid_request(format!("lifetime is not 1 to {LONGEST_LIFETIME_S} seconds"))
    })
}

fn claims(json: Option<&str>) -> Result<Map<String, Value>, OauthError> {
    let Some(json) = json else {
        return Ok(Map::new());
    };
    let parsed = serde_json::from_str(json);
    parsed
        .map_err(|error| OauthError::invalid_request(format!("claims is no JSON object: {error}")))
}
