//! Logging in by device code (RFC 8628): codes that were asked for, and who typed them in.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Provider;
use super::claims::Identity;
use super::error::OauthError;
use super::params::Params;
use crate::html::{Escaped, page};
use crate::request_body::RequestBody;

/// The `grant_type` of RFC 8628, section 3.4.
pub(super) const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// How long a code can be typed in and redeemed.
const LIFETIME: Duration = Duration::from_secs(300);
/// The most codes that wait; the oldest goes when there are more.
const CAPACITY: usize = 256;
/// Seconds between two questions of a client. Nobody is told to slow down.
const INTERVAL_S: u64 = 1;

/// Device codes that were handed out and not yet redeemed, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Devices(Mutex<VecDeque<Device>>);

#[derive(Debug)]
struct Device {
    device_code: String,
    user_code: String,
    client_id: String,
    since: SystemTime,
    /// Who logged in, once somebody has.
    email: Option<String>,
}

/// `POST /device_authorization`
pub(super) async fn begin(
    State(provider): State<Arc<Provider>>,
    RequestBody(body): RequestBody,
) -> Result<Json<Value>, OauthError> {
    let params = Params::parse(&body)?;
    let device = Device {
        device_code: URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()),
        user_code: hex::encode_upper(rand::random::<[u8; 4]>()),
        client_id: params.require("client_id")?.to_owned(),
        since: provider.clock.now(),
        email: None,
    };
    let page = format!("{}/device", provider.issuer);
    let answer = json!({
        "device_code": device.device_code,
        "user_code": device.user_code,
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={}", device.user_code),
        "expires_in": LIFETIME.as_secs(),
        "interval": INTERVAL_S,
    });
    let mut devices = provider.devices.lock();
    if devices.len() == CAPACITY {
        devices.pop_front();
    }
    devices.push_back(device);
    Ok(Json(answer))
}

/// `GET /device`: asks for the code and who it is.
pub(super) async fn ask(RawQuery(query): RawQuery) -> Result<Response, OauthError> {
    let params = Params::parse(query.unwrap_or_default().as_bytes())?;
    let code = params.find("user_code").unwrap_or_default();
    let mut form = String::new();
    let _ = write!(
        form,
        "<p><strong>NOT FOR PRODUCTION:</strong> this identity provider believes everybody.\n\
         <form method=\"post\" action=\"device\">\n\
         <p><label>Code<br><input name=\"user_code\" value=\"{}\" required></label>\n\
         <p><label>E-mail address<br><input type=\"email\" name=\"email\" required autofocus></label>\n\
         <p><button>Log in</button>\n</form>\n",
        Escaped(code)
    );
    Ok(page("Log in with a code", &form))
}

/// `POST /device`: what the form sends.
pub(super) async fn log_in(
    State(provider): State<Arc<Provider>>,
    RequestBody(body): RequestBody,
) -> Result<Response, OauthError> {
    let params = Params::parse(&body)?;
    let (code, email) = (params.require("user_code")?, params.require("email")?);
    let now = provider.clock.now();
    let mut devices = provider.devices.lock();
    let mut waiting = devices.iter_mut().filter(|device| device.is_young(now));
    let device = waiting.find(|device| device.user_code == code && device.email.is_none());
    let device = device.ok_or_else(|| OauthError::invalid_grant("no such code waits"))?;
    device.email = Some(email.to_owned());
    Ok(page(
        "Logged in",
        "<p>You are logged in. Close this page and go back to the terminal.\n",
    ))
}

impl Provider {
    /// Redeems a device code once somebody has logged in with it (RFC 8628, section 3.5).
    pub(super) fn redeem_device(&self, params: &Params) -> Result<Identity, OauthError> {
        let code = params.require("device_code")?;
        let mut devices = self.devices.lock();
        let place = devices.iter().position(|device| device.device_code == code);
        let unknown = || OauthError::invalid_grant("the device code is unknown, or used already");
        let place = place.ok_or_else(unknown)?;
        let now = self.clock.now();
        let waits = devices
            .get(place)
            .is_some_and(|device| device.email.is_none() && device.is_young(now));
        if waits {
            return Err(OauthError::authorization_pending());
        }
        let device = devices.remove(place).filter(|device| device.is_young(now));
        let device = device.ok_or_else(OauthError::expired_token)?;
        let email = device.email.unwrap_or_default();
        Ok(Identity::of_device(&email, device.client_id))
    }
}

impl Devices {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Device>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Device {
    /// A clock that went back makes a code no older.
    fn is_young(&self, now: SystemTime) -> bool {
        now.duration_since(self.since).unwrap_or_default() <= LIFETIME
    }
}
