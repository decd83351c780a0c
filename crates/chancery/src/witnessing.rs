//! The witnesses that a configuration names: who cosigns checkpoints.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chancery_keys::{Algorithm, PublicKey};
use chancery_log::Witnesses;
use chancery_tlog::{Origin, VerifierKey, WitnessPolicy};
use chancery_witness::{Cosigners, Insistence};

use crate::config::WitnessesConfig;
use crate::failure::{Causes, Failure};
use crate::reading::named;

/// The most that is waited for a quorum. Clients give up at about that time.
const LONGEST_WAIT_MS: u64 = 30_000;

/// The longest policy that is read. The parser has a bound of its own.
const LONGEST_POLICY: u64 = 1 << 20;

/// Returns those who are to cosign the checkpoints of the log with these keys, if any.
pub(crate) fn cosigners(
    witnesses: Option<&WitnessesConfig>,
    origin: &Origin,
    keys: &[&PublicKey],
) -> Result<Option<Arc<dyn Witnesses>>, Failure> {
    let Some(witnesses) = witnesses else {
        return Ok(None);
    };
    let keys = keys.iter().filter_map(|key| verifier_key(origin, key));
    let keys: Vec<_> = keys.collect();
    let insistence = match witnesses.required {
        true => Insistence::Required,
        false => Insistence::WithoutIfNeeded,
    };
    let policy = policy(witnesses)?;
    let timeout = Duration::from_millis(witnesses.timeout_ms);
    let cosigners = Cosigners::new(policy, &keys, insistence, timeout);
    let cosigners = cosigners.map_err(|e| named(&witnesses.policy, &e))?;
    Ok(Some(Arc::new(cosigners)))
}

/// Returns how others name a key of the log.
pub(crate) fn verifier_key(origin: &Origin, key: &PublicKey) -> Option<VerifierKey> {
    let name = origin.key_name().clone();
    match key.algorithm() {
        Algorithm::Ed25519 => Some(VerifierKey::Ed25519 {
            name,
            public_key: key.subject_public_key().try_into().ok()?,
        }),
        _ => Some(VerifierKey::Rfc6962 {
            name,
            spki_der: key.spki_der().to_vec(),
        }),
    }
}

/// Looks at what can be known without the log's keys.
pub(crate) fn check(witnesses: Option<&WitnessesConfig>) -> Result<(), Failure> {
    witnesses.map_or(Ok(()), |witnesses| policy(witnesses).map(drop))
}

fn policy(config: &WitnessesConfig) -> Result<WitnessPolicy, Failure> {
    if !(1..=LONGEST_WAIT_MS).contains(&config.timeout_ms) {
        return Err(Failure::configuration(format!(
            "witnesses.timeout-ms is {}; it is from 1 to {LONGEST_WAIT_MS}",
            config.timeout_ms
        )));
    }
    let path = &config.policy;
    let bytes = read(path).map_err(|e| named(path, &e))?;
    WitnessPolicy::parse(&bytes)
        .map_err(|e| Failure::configuration(format!("{}: {}", path.display(), Causes(&e))))
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LONGEST_POLICY)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
