//! A test of an issuer for its operator: what this server would find if it asked it now, step by step,
//! under the same rules and limits, and what to change where that would not do.

mod hint;

use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use tokio::time::timeout;
use url::Url;

use crate::address::Bounds;
use crate::algorithm::Algorithm;
use crate::certificate;
use crate::config::EntryFault;
use crate::jwks::{self, UnusedKey};
use crate::key_cache::Timings;
use crate::key_source::{ProxyUrl, Way};
use crate::network::{Document, FetchError, Network};
use crate::provider::{Configuration, DiscoveryError, configuration_url};
use crate::quoted::quoted;

pub use hint::ProbeHint;

/// The difference between two clocks that nobody has to know of.
const CLOCK_TOLERANCE_S: i64 = 30;

/// How an issuer is tested. Plain HTTP is tried where the URL says so.
#[derive(Debug, Clone)]
pub struct ProbeOptions {
    /// PEM certificates that are trusted besides the system's own.
    pub ca_cert: Option<String>,
    /// How long the issuer may take in all. Default: 4.5 s, as in service.
    pub fetch: Duration,
    /// Goes through a proxy.
    pub proxy: Option<ProxyUrl>,
}

impl Default for ProbeOptions {
    fn default() -> Self {
        Self {
            ca_cert: None,
            fetch: Timings::default().fetch,
            proxy: None,
        }
    }
}

/// Why nothing could be tested. The caller's fault.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The URL could not be an issuer's, or an option is wrong.
    #[error("{0}")]
    Option(#[from] EntryFault),
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeReport {
    /// The issuer as it was asked for.
    pub issuer: String,
    /// What was done, in order; the first that failed is the last but for the certificate.
    pub steps: Vec<ProbeStep>,
    /// The algorithms that it signs with and that are accepted.
    pub algorithms: Vec<&'static str>,
    /// Names of others, quoted and cut.
    pub other_algorithms: Vec<String>,
    /// The keys that tokens can be verified with.
    pub keys: Vec<ProbeKey>,
    /// The others, with the reason.
    pub unused_keys: Vec<UnusedKey>,
    /// By how many seconds its clock is ahead of ours; a negative number if it is behind.
    pub clock_ahead_s: Option<i64>,
    /// What to look at or to change.
    pub hints: Vec<ProbeHint>,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeStep {
    /// What was asked for: the configuration or the key set.
    pub what: &'static str,
    /// Where.
    pub url: String,
    /// How long it took.
    pub took: Duration,
    /// The number of octets that came and could be read.
    pub outcome: Result<usize, ProbeFailure>,
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeFailure {
    /// The stable code of the reason, in kebab case.
    pub code: &'static str,
    /// The reason and its causes.
    pub reason: String,
}

/// A key that tokens can be verified with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeKey {
    /// Its name, quoted and cut, if it has one.
    pub kid: Option<String>,
    /// What it verifies, of the issuer's own algorithms; empty if it signs with none of them.
    pub algorithms: Vec<&'static str>,
}

impl ProbeReport {
    /// Tells whether tokens of this issuer could be verified.
    pub fn is_usable(&self) -> bool {
        self.steps.iter().all(|step| step.outcome.is_ok())
            && self.keys.iter().any(|key| !key.algorithms.is_empty())
    }
}

/// Asks an issuer for its configuration and keys.
///
/// # Errors
/// The URL or an option cannot be used at all; that the issuer cannot is told by the report.
pub async fn probe(issuer: &str, options: &ProbeOptions) -> Result<ProbeReport, ProbeError> {
    let way = Way {
        allow_http: issuer.starts_with("http://"),
        ca_cert: options.ca_cert.clone(),
        in_cluster: None,
        proxy: options.proxy.clone(),
        bounds: Bounds::none(),
    };
    let is_url = Url::parse(issuer).is_ok_and(|url| {
        let web = matches!(url.scheme(), "http" | "https") && url.has_host();
        web && url.query().is_none() && url.fragment().is_none() && url.username().is_empty()
    });
    let url = configuration_url(issuer).map_err(|_| EntryFault::Url)?;
    if !is_url {
        return Err(EntryFault::Url.into());
    }
    let mut probing = Probing {
        network: Network::new(way)?,
        left: options.fetch,
        report: ProbeReport::new(issuer),
    };
    probing.run(&url).await;
    Ok(probing.report)
}

impl ProbeReport {
    fn new(issuer: &str) -> Self {
        let hints = match issuer.split_once("://") {
            Some(("http", _)) => vec![ProbeHint::PlainHttp],
            _ => Vec::new(),
        };
        Self {
            issuer: issuer.to_owned(),
            steps: Vec::new(),
            algorithms: Vec::new(),
            other_algorithms: Vec::new(),
            keys: Vec::new(),
            unused_keys: Vec::new(),
            clock_ahead_s: None,
            hints,
        }
    }
}

/// A test under way.
struct Probing {
    network: Network,
    /// How long the issuer may still take.
    left: Duration,
    report: ProbeReport,
}

impl Probing {
    async fn run(&mut self, url: &Url) {
        let read = |document: &[u8]| {
            Configuration::parse(document).map_err(|error| ("configuration-malformed", error))
        };
        let Some(configuration) = self.step("configuration", url, read).await else {
            return;
        };
        self.compare(&configuration);
        let keys_url = match configuration.keys_url() {
            Ok(keys_url) => keys_url,
            Err(error) => {
                let outcome = Err(failure("keys-url-malformed", &error));
                self.record("key set", &configuration.jwks_uri, Duration::ZERO, outcome);
                return;
            }
        };
        if keys_url.origin() != url.origin() {
            let host = keys_url.origin().ascii_serialization();
            self.report
                .hints
                .push(ProbeHint::KeysElsewhere { origin: host });
        }
        let read = |document: &[u8]| {
            jwks::read(document).map_err(|error| ("key-set-malformed", error.into()))
        };
        if let Some((keys, unused)) = self.step("key set", &keys_url, read).await {
            self.report.unused_keys = unused;
            let own = configuration.algorithms();
            for key in keys {
                let algorithms = key.algorithms().filter(|algorithm| own.contains(algorithm));
                self.report.keys.push(ProbeKey {
                    algorithms: algorithms.map(Algorithm::name).collect(),
                    kid: key.kid.as_deref().map(quoted),
                });
            }
            if self.report.keys.iter().all(|key| key.algorithms.is_empty()) {
                self.report.hints.push(ProbeHint::NoUsableKey);
            }
        }
    }

    /// Notes what a configuration says about the issuer.
    fn compare(&mut self, configuration: &Configuration) {
        let report = &mut self.report;
        if configuration.issuer != report.issuer {
            let says = quoted(&configuration.issuer);
            if let Some(step) = report.steps.last_mut() {
                let error = DiscoveryError::IssuerDiffers;
                step.outcome = Err(failure("issuer-differs", &error));
            }
            let folded = |url: &str| url.strip_suffix('/').unwrap_or(url).to_owned();
            report
                .hints
                .push(if folded(&configuration.issuer) == folded(&report.issuer) {
                    ProbeHint::TrailingSlash { says }
                } else {
                    ProbeHint::IssuerDiffers { says }
                });
        }
        let names = configuration.id_token_signing_alg_values_supported.iter();
        let other = names.filter(|name| Algorithm::from_name(name).is_none());
        report.other_algorithms = other
            .take(jwks::MAX_KEYS)
            .map(|name| quoted(name))
            .collect();
        let own = configuration.algorithms();
        report.algorithms = own.into_iter().map(Algorithm::name).collect();
    }

    /// Fetches and reads one document, and notes how that went.
    async fn step<T>(
        &mut self,
        what: &'static str,
        url: &Url,
        read: impl Fn(&[u8]) -> Result<T, (&'static str, DiscoveryError)>,
    ) -> Option<T> {
        let started = Instant::now();
        let fetched = timeout(self.left, self.network.get(url)).await;
        let took = started.elapsed();
        self.left = self.left.saturating_sub(took);
        let document = match fetched {
            Ok(Ok(document)) => document,
            Ok(Err(error)) => {
                self.record(what, url.as_str(), took, Err(failure(error.code(), &error)));
                self.explain(url, &error).await;
                return None;
            }
            Err(_) => {
                let error = DiscoveryError::TimedOut(took);
                self.record(what, url.as_str(), took, Err(failure("timed-out", &error)));
                return None;
            }
        };
        self.compare_clocks(&document);
        match read(&document.body) {
            Ok(value) => {
                self.record(what, url.as_str(), took, Ok(document.body.len()));
                Some(value)
            }
            Err((code, error)) => {
                self.record(what, url.as_str(), took, Err(failure(code, &error)));
                None
            }
        }
    }

    fn record(
        &mut self,
        what: &'static str,
        url: &str,
        took: Duration,
        outcome: Result<usize, ProbeFailure>,
    ) {
        self.report.steps.push(ProbeStep {
            what,
            url: url.to_owned(),
            took,
            outcome,
        });
    }

    /// Adds hints on why a request failed.
    async fn explain(&mut self, url: &Url, error: &FetchError) {
        let hint = match error {
            FetchError::Status(status) if matches!(status.as_u16(), 401 | 403) => {
                Some(ProbeHint::WantsCredentials)
            }
            FetchError::Status(status) if status.as_u16() == 404 => Some(ProbeHint::NotFound),
            FetchError::Request(error) if error.is_redirect() => Some(ProbeHint::Redirects),
            FetchError::Request(error) => match certificate::fault(error) {
                Some(fault) => {
                    let shown = timeout(self.left, self.network.shown_certificate(url)).await;
                    let names = shown
                        .ok()
                        .flatten()
                        .and_then(|der| certificate::names(&der));
                    Some(ProbeHint::certificate(fault, names))
                }
                None => None,
            },
            _ => None,
        };
        self.report.hints.extend(hint);
    }

    fn compare_clocks(&mut self, document: &Document) {
        let date = document.date.as_ref().and_then(|date| date.to_str().ok());
        let Some(theirs) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else {
            return;
        };
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let ahead_s = match theirs.duration_since(SystemTime::now()) {
            Ok(ahead) => seconds(ahead),
            Err(behind) => -seconds(behind.duration()),
        };
        if self.report.clock_ahead_s.is_none() && ahead_s.abs() > CLOCK_TOLERANCE_S {
            self.report.hints.push(ProbeHint::ClockDiffers { ahead_s });
        }
        self.report.clock_ahead_s.get_or_insert(ahead_s);
    }
}

/// Puts an error and its causes into one line.
fn failure(code: &'static str, error: &dyn Error) -> ProbeFailure {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        // Some repeat their cause.
        if !reason.ends_with(&text) {
            reason = format!("{reason}: {text}");
        }
        source = cause.source();
    }
    ProbeFailure { code, reason }
}

impl fmt::Display for ProbeFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.reason, self.code)
    }
}
