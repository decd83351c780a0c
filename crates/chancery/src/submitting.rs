//! What the configuration says of submissions: whose are taken, and where ours are sent.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chancery_ca::{EntryIndex, ExternalLogging, LoggedPrecertificates, WhenAway};
use chancery_keys::{Algorithm, PublicKey};
use chancery_log::clock::from_unix_ms;
use chancery_submissions::{HttpLog, Roots, Submissions, SubmissionsLimits};
use chancery_trust::documents::{CtLog, Window};
use url::Url;

use crate::config::{self, Config, ExternalLogConfig, read_text};
use crate::failure::{Causes, Failure};
use crate::reading::named;

/// The longest that a certificate may wait for an external log, in milliseconds: requests end after
/// thirty seconds.
const MAX_TIMEOUT_MS: u64 = 20_000;

/// Reads whose certificates are taken from outside. The authority's own root is one of the roots.
pub(crate) fn submissions(
    config: &Config,
    own_chain: &[Vec<u8>],
) -> Result<Option<Arc<Submissions>>, Failure> {
    let Some(settings) = &config.log.submissions else {
        return Ok(None);
    };
    if !(1..=100_000).contains(&settings.per_second) {
        return Err(Failure::configuration(
            "log.submissions.per-second: give 1 to 100000",
        ));
    }
    let mut roots = read_roots(&settings.roots)?;
    if let Some(own) = own_chain.last() {
        let added = roots.add(own.clone());
        added.map_err(|why| Failure::configuration(format!("ca.chain: the root: {why}")))?;
    }
    let limits = SubmissionsLimits {
        per_second: settings.per_second,
        ..SubmissionsLimits::default()
    };
    let index = index(own_chain)?;
    Ok(Some(Submissions::new(roots, index, limits)))
}

/// Reads root certificates.
pub(crate) fn read_roots(path: &Path) -> Result<Roots, Failure> {
    let text = read_text(path).map_err(|e| named(path, &e))?;
    Roots::parse_pem(&text).map_err(|e| named(path, &e))
}

/// Returns the index of a log whose authority has this chain.
pub(crate) fn index(own_chain: &[Vec<u8>]) -> Result<EntryIndex, Failure> {
    EntryIndex::of_chain(own_chain)
        .map_err(|e| Failure::configuration(format!("the CA chain: {}", Causes(&e))))
}

/// Returns what the entries of a log mean, whose authority has this chain. Receipts of an external
/// log can be judged only if the configuration names it.
pub(crate) fn contents(
    log_key: PublicKey,
    own_chain: &[Vec<u8>],
    config: Option<&Config>,
) -> Result<LoggedPrecertificates, Failure> {
    let contents = LoggedPrecertificates::new(log_key, index(own_chain)?);
    match config.and_then(|config| config.ca.external_log.as_ref()) {
        Some(external) => Ok(contents.with_external_log(external_key(external)?)),
        None => Ok(contents),
    }
}

/// Makes the way to the external log, if there is one. Nobody is asked yet.
pub(crate) fn external_log(config: &Config) -> Result<Option<ExternalLogging>, Failure> {
    let Some(settings) = &config.ca.external_log else {
        return Ok(None);
    };
    if !(1..=MAX_TIMEOUT_MS).contains(&settings.timeout_ms) {
        return Err(Failure::configuration(format!(
            "ca.external-log.timeout-ms: give 1 to {MAX_TIMEOUT_MS}"
        )));
    }
    let timeout = Duration::from_millis(settings.timeout_ms);
    let log = HttpLog::new(&settings.url, timeout)
        .map_err(|e| Failure::configuration(format!("ca.external-log.url: {}", Causes(&e))))?;
    Ok(Some(ExternalLogging {
        log: Arc::new(log),
        key: external_key(settings)?,
        when_away: match settings.when_away {
            config::WhenAway::Refuse => WhenAway::Refuse,
            config::WhenAway::OwnSct => WhenAway::OwnSct,
        },
    }))
}

/// Returns the external log as verifiers trust it: from when this installation was founded.
pub(crate) fn trusted(config: &Config, created_ms: u64) -> Result<Option<CtLog>, Failure> {
    let Some(settings) = &config.ca.external_log else {
        return Ok(None);
    };
    Ok(Some(CtLog {
        key: external_key(settings)?,
        url: Url::parse(&settings.url).map_err(Failure::from_error)?,
        window: Window::between(from_unix_ms(created_ms), None),
    }))
}

/// Reads the external log's key.
pub(crate) fn external_key(settings: &ExternalLogConfig) -> Result<PublicKey, Failure> {
    let path = &settings.public_key;
    let wrong = |what: String| Failure::configuration(format!("{}: {what}", path.display()));
    let text = read_text(path).map_err(|e| named(path, &e))?;
    let block = pem::parse(&text).map_err(|e| wrong(format!("it is no public key in PEM: {e}")))?;
    let key = PublicKey::from_spki_der(block.contents()).map_err(|e| named(path, &e))?;
    match key.algorithm() {
        Algorithm::EcdsaP256Sha256 => Ok(key),
        other => Err(wrong(format!(
            "it is a key for {other}; clients take SCTs of ECDSA P-256 with SHA-256"
        ))),
    }
}
