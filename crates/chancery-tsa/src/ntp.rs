//! The time by NTP (RFC 5905), which the clock is held against.
//!
//! Several servers are asked each time, and the median of what they say counts, so that one that
//! lies or is broken decides nothing. Between two rounds their time is carried on by this process's
//! monotonic clock: a step of the system's clock shows at once.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rsntp::{AsyncSntpClient, Config};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::time_source::{TimeCheck, TimeDoubt};

/// How long one server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Whom to ask, and what to make of it.
#[derive(Clone, Debug)]
pub struct NtpConfig {
    /// The servers, as host or host:port. Three or more, if one of them is to be allowed to lie.
    pub servers: Vec<String>,
    /// How many of them must answer for a round to count.
    pub quorum: usize,
    /// How far the clock may be from their time, in either direction.
    pub limit: Duration,
    /// Time between two rounds.
    pub interval: Duration,
    /// For how long what a round found is good.
    pub max_age: Duration,
}

/// Why nobody can be asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{servers} NTP servers cannot give {quorum} answers; the quorum is from 1 to their number")]
pub struct NtpQuorumError {
    /// How many servers there are.
    servers: usize,
    /// How many must answer.
    quorum: usize,
}

/// The time that NTP servers tell, as of the last round.
#[derive(Debug)]
pub struct NtpTime {
    config: NtpConfig,
    latest: Mutex<Option<Round>>,
}

/// What a round found.
#[derive(Clone, Copy, Debug)]
struct Round {
    at: Instant,
    theirs: SystemTime,
}

impl NtpTime {
    /// Makes one that knows no time yet, so that nothing is stamped before the first round.
    ///
    /// # Errors
    /// [`NtpQuorumError`].
    pub fn new(config: NtpConfig) -> Result<Arc<Self>, NtpQuorumError> {
        let (servers, quorum) = (config.servers.len(), config.quorum);
        if quorum == 0 || quorum > servers {
            return Err(NtpQuorumError { servers, quorum });
        }
        let latest = Mutex::default();
        Ok(Arc::new(Self { config, latest }))
    }

    /// Asks again and again, until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let asking = async {
            loop {
                self.ask().await;
                tokio::time::sleep(self.config.interval).await;
            }
        };
        stop.run_until_cancelled(asking).await;
    }

    /// Asks all servers once, and says whether enough have answered. If not, what was known stays.
    pub async fn ask(&self) -> bool {
        let mut asked = JoinSet::new();
        for server in &self.config.servers {
            asked.spawn(offset(server.clone()));
        }
        let mut offsets = Vec::new();
        while let Some(answer) = asked.join_next().await {
            offsets.extend(answer.ok().flatten());
        }
        if offsets.len() < self.config.quorum {
            tracing::warn!(
                answered = offsets.len(),
                quorum = self.config.quorum,
                "too few NTP servers answered"
            );
            return false;
        }
        let Some(theirs) = median(offsets).and_then(|offset| shifted(SystemTime::now(), offset))
        else {
            return false;
        };
        self.learn(theirs);
        true
    }

    fn learn(&self, theirs: SystemTime) {
        let at = Instant::now();
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Round { at, theirs });
    }

    fn unknown(&self, since: String) -> TimeDoubt {
        let with = self.to_string();
        TimeDoubt::Unknown { with, since }
    }
}

impl TimeCheck for NtpTime {
    fn check(&self, ours: SystemTime) -> Result<(), TimeDoubt> {
        let latest = *self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let round = latest.ok_or_else(|| self.unknown("yet".to_owned()))?;
        let age = round.at.elapsed();
        if age > self.config.max_age {
            return Err(self.unknown(format!("for {} s", age.as_secs())));
        }
        let theirs = round.theirs + age;
        let (apart, direction) = match ours.duration_since(theirs) {
            Ok(ahead) => (ahead, "ahead of"),
            Err(behind) => (behind.duration(), "behind"),
        };
        if apart > self.config.limit {
            return Err(TimeDoubt::Apart {
                apart,
                direction,
                with: self.to_string(),
                limit: self.config.limit,
            });
        }
        Ok(())
    }

    fn ahead(&self, ours: SystemTime) -> Option<f64> {
        let round = (*self.latest.lock().unwrap_or_else(PoisonError::into_inner))?;
        let age = round.at.elapsed();
        let theirs = (age <= self.config.max_age).then_some(round.theirs + age)?;
        Some(match ours.duration_since(theirs) {
            Ok(ahead) => ahead.as_secs_f64(),
            Err(behind) => -behind.duration().as_secs_f64(),
        })
    }
}

impl fmt::Display for NtpTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the NTP servers {}", self.config.servers.join(", "))
    }
}

/// Asks one server how far it is ahead of this machine's clock, in seconds.
async fn offset(server: String) -> Option<f64> {
    let client = AsyncSntpClient::with_config(Config::default().timeout(TIMEOUT));
    // The library bounds the answer; finding the address is bounded here.
    let answer = tokio::time::timeout(2 * TIMEOUT, client.synchronize(server.as_str())).await;
    match answer {
        Ok(Ok(found)) => Some(found.clock_offset().as_secs_f64()),
        Ok(Err(error)) => {
            tracing::debug!(server, %error, "an NTP server gave no time");
            None
        }
        Err(_) => None,
    }
}

/// Returns the middle one; of an even number the lower of the two in the middle.
fn median(mut offsets: Vec<f64>) -> Option<f64> {
    offsets.retain(|offset| offset.is_finite());
    offsets.sort_by(f64::total_cmp);
    let middle = offsets.len().checked_sub(1)? / 2;
    offsets.get(middle).copied()
}

fn shifted(time: SystemTime, seconds: f64) -> Option<SystemTime> {
    let by = Duration::try_from_secs_f64(seconds.abs()).ok()?;
    match seconds < 0.0 {
        true => time.checked_sub(by),
        false => time.checked_add(by),
    }
}

#[cfg(test)]
mod tests;
