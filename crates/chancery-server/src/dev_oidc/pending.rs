//! Authorization codes that were handed out and not yet redeemed.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::authorize::Login;

/// How long a code can be redeemed.
const LIFETIME: Duration = Duration::from_secs(60);

/// The most codes that wait; the oldest goes when there are more.
const CAPACITY: usize = 256;

/// Codes and the logins that they stand for, the oldest first.
#[derive(Debug, Default)]
pub(super) struct PendingCodes(Mutex<VecDeque<Pending>>);

#[derive(Debug)]
struct Pending {
    code: String,
    since: SystemTime,
    login: Login,
}

impl PendingCodes {
    /// Keeps a login and returns the code that redeems it once.
    pub(super) fn insert(&self, login: Login, now: SystemTime) -> String {
        let code = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() == CAPACITY {
            pending.pop_front();
        }
        pending.push_back(Pending {
            code: code.clone(),
            since: now,
            login,
        });
        code
    }

    /// Takes the login of a code out, if it is there and young enough.
    pub(super) fn take(&self, code: &str, now: SystemTime) -> Option<Login> {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = pending.iter().position(|pending| pending.code == code)?;
        let found = pending.remove(place)?;
        // A clock that went back makes a code no older.
        let age = now.duration_since(found.since).unwrap_or_default();
        (age <= LIFETIME).then_some(found.login)
    }
}
