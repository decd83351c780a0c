//! Rate limits: how many certificates an issuer, and each identity of it, may ask for in a time.
//!
//! The generic cell rate algorithm (ITU-T I.371, annex A): of each key one time is kept, the one at
//! which its budget will be whole again. A request moves it by the interval of one, and is refused if
//! it would then lie more than a burst ahead.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use crate::token_use::digest_of;

/// A name, as it is remembered: names may be long.
type Key = [u8; 32];

/// The most keys that have a budget of their own at a time. More share.
const MAX_KEYS: usize = 10_000;

/// The budgets that are shared by keys beyond [`MAX_KEYS`].
const SHARED: usize = 1024;

/// How often a full table is searched for budgets that are whole again.
const SWEEP: Duration = Duration::from_secs(1);

/// `rate-limit` of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RateLimit {
    /// For each name that certificates are issued to.
    #[serde(default)]
    per_identity: Option<Budget>,
    /// For all of an issuer's tokens together; of each issuer that a pattern stands for.
    #[serde(default)]
    per_issuer: Option<Budget>,
}

/// How many requests are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Budget {
    /// In the long run.
    per_minute: NonZeroU32,
    /// At once. As many as in a minute, if it is not said.
    burst: Option<NonZeroU32>,
}

/// Whose limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The name's that the certificate would be for.
    Identity,
    /// The issuer's, for all its tokens together.
    Issuer,
}

/// A refusal: whose budget is spent, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) whose: Whose,
    pub(crate) retry_after: Duration,
}

/// The budgets of one entry.
pub(crate) struct Limiter {
    limit: RateLimit,
    state: Mutex<State>,
}

struct State {
    identities: Table,
    issuers: Table,
}

/// For each key, when its budget will be whole.
struct Table {
    keys: HashMap<Key, Instant>,
    /// For keys that find no room: each has one of these, which it shares. So a flood of new keys
    /// takes nothing from those that are known, and finds no room to grow in.
    shared: Vec<Option<Instant>>,
    hasher: RandomState,
    swept: Option<Instant>,
}

impl RateLimit {
    /// Tells whether it limits anything.
    pub(crate) const fn is_empty(&self) -> bool {
        self.per_identity.is_none() && self.per_issuer.is_none()
    }
}

impl Budget {
    fn interval(self) -> Duration {
        Duration::from_secs(60) / self.per_minute.get()
    }

    /// How far ahead of the present the time at which the budget is whole may lie.
    fn reach(self) -> Duration {
        self.interval() * self.burst.unwrap_or(self.per_minute).get()
    }

    /// Returns when the budget will be whole after one more request, or how long that one must
    /// wait.
    fn spend(self, whole: Option<Instant>, now: Instant) -> Result<Instant, Duration> {
        let whole = whole.map_or(now, |whole| whole.max(now)) + self.interval();
        match (whole - now).checked_sub(self.reach()) {
            Some(excess) if !excess.is_zero() => Err(excess),
            _ => Ok(whole),
        }
    }
}

impl Limiter {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            state: Mutex::new(State {
                identities: Table::new(),
                issuers: Table::new(),
            }),
        }
    }

    /// Returns what it limits to.
    pub(crate) const fn limit(&self) -> RateLimit {
        self.limit
    }

    /// Counts a request of `identity` of `issuer` against both budgets, or, if one is spent,
    /// against none.
    pub(crate) fn spend(&self, issuer: &str, identity: &str, now: Instant) -> Result<(), Spent> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State {
            identities,
            issuers,
        } = &mut *state;
        // Other issuers of the same pattern have identities of the same name.
        let identity = digest_of([issuer, identity]);
        let issuer = digest_of([issuer, ""]);
        let of_identity = spend(self.limit.per_identity, identities, &identity, now)
            .map_err(|retry_after| spent(Whose::Identity, retry_after))?;
        let of_issuer = spend(self.limit.per_issuer, issuers, &issuer, now)
            .map_err(|retry_after| spent(Whose::Issuer, retry_after))?;
        if let Some(whole) = of_identity {
            identities.set(identity, whole, now);
        }
        if let Some(whole) = of_issuer {
            issuers.set(issuer, whole, now);
        }
        Ok(())
    }
}

const fn spent(whose: Whose, retry_after: Duration) -> Spent {
    Spent { whose, retry_after }
}

fn spend(
    budget: Option<Budget>,
    table: &Table,
    key: &Key,
    now: Instant,
) -> Result<Option<Instant>, Duration> {
    budget
        .map(|budget| budget.spend(table.get(key), now))
        .transpose()
}

impl Table {
    fn new() -> Self {
        Self {
            keys: HashMap::new(),
            shared: Vec::new(),
            hasher: RandomState::new(),
            swept: None,
        }
    }

    fn get(&self, key: &Key) -> Option<Instant> {
        let own = self.keys.get(key).copied();
        own.or_else(|| self.shared.get(self.place(key)).copied().flatten())
    }

    fn set(&mut self, key: Key, whole: Instant, now: Instant) {
        if let Some(known) = self.keys.get_mut(&key) {
            *known = whole;
            return;
        }
        if self.keys.len() >= MAX_KEYS {
            self.sweep(now);
        }
        if self.keys.len() < MAX_KEYS {
            self.keys.insert(key, whole);
            return;
        }
        self.shared.resize(SHARED, None);
        let place = self.place(&key);
        if let Some(shared) = self.shared.get_mut(place) {
            *shared = Some(whole);
        }
    }

    /// Forgets those whose budget is whole, for which nothing need be known.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now < swept + SWEEP) {
            return;
        }
        self.swept = Some(now);
        self.keys.retain(|_, whole| *whole > now);
    }

    fn place(&self, key: &Key) -> usize {
        (self.hasher.hash_one(key) % SHARED as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(text: &str) -> Limiter {
        Limiter::new(yaml_serde::from_str(text).unwrap())
    }

    fn after(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_burst_is_accepted_and_then_one_request_an_interval() {
        let limiter = limiter("per-identity: {per-minute: 60, burst: 3}");
        let start = Instant::now();
        for _ in 0..3 {
            limiter.spend("i", "a", start).unwrap();
        }
        let refused = limiter.spend("i", "a", after(start, 400)).unwrap_err();
        assert_eq!(refused, spent(Whose::Identity, Duration::from_millis(600)));
        // Refusals cost nothing, and others are not concerned.
        limiter.spend("i", "b", after(start, 400)).unwrap();
        limiter.spend("j", "a", after(start, 400)).unwrap();
        limiter.spend("i", "a", after(start, 1000)).unwrap();
        limiter.spend("i", "a", after(start, 1000)).unwrap_err();
        for _ in 0..3 {
            limiter.spend("i", "a", after(start, 9000)).unwrap();
        }
        limiter.spend("i", "a", after(start, 9000)).unwrap_err();
    }

    #[test]
    fn an_issuers_budget_is_for_all_its_identities_and_takes_nothing_from_theirs() {
        let limiter = limiter("{per-issuer: {per-minute: 2}, per-identity: {per-minute: 2}}");
        let start = Instant::now();
        limiter.spend("i", "a", start).unwrap();
        limiter.spend("i", "b", start).unwrap();
        let refused = limiter.spend("i", "b", start).unwrap_err();
        assert_eq!(refused, spent(Whose::Issuer, Duration::from_secs(30)));
        limiter.spend("i", "b", after(start, 30_000)).unwrap();
        limiter.spend("other", "b", start).unwrap();
    }

    #[test]
    fn a_flood_of_identities_takes_bounded_room_and_frees_nobody() {
        let limiter = limiter("per-identity: {per-minute: 1, burst: 2}");
        let start = Instant::now();
        limiter.spend("i", "known", start).unwrap();
        let accepted = (0..2 * MAX_KEYS)
            .filter(|number| limiter.spend("i", &format!("n{number}"), start).is_ok())
            .count();
        assert!(accepted < MAX_KEYS + 2 * SHARED, "{accepted}");
        assert!(accepted > MAX_KEYS, "{accepted}");
        // Who was known before has the rest of the burst, and no more.
        limiter.spend("i", "known", start).unwrap();
        limiter
            .spend("i", "known", after(start, 59_000))
            .unwrap_err();
        assert_eq!(
            limiter.state.lock().unwrap().identities.keys.len(),
            MAX_KEYS
        );
        // Once the budgets are whole again, there is room.
        limiter.spend("i", "new", after(start, 121_000)).unwrap();
        assert_eq!(limiter.state.lock().unwrap().identities.keys.len(), 1);
    }

    #[test]
    fn limits_that_were_not_meant_are_refused() {
        for text in [
            "per-identity: {per-minute: 0}",
            "per-identity: {burst: 1}",
            "per-identity: {per-minute: 1, burst: 0}",
            "per-identity: {per-minut: 1}",
            "per-user: {per-minute: 1}",
            "per-identity: 5",
            "per-identity: {per-minute: 1.5}",
        ] {
            assert!(yaml_serde::from_str::<RateLimit>(text).is_err(), "{text}");
        }
        let most = limiter("per-identity: {per-minute: 4294967295, burst: 4294967295}");
        most.spend("i", "a", Instant::now()).unwrap();
        let slow = limiter("per-identity: {per-minute: 1, burst: 4294967295}");
        slow.spend("i", "a", Instant::now()).unwrap();
    }
}
