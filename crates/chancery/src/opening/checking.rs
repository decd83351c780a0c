//! What an instance has in files, each looked at by itself, so that all that is wrong is said at once.

use std::path::Path;

use super::{issuing_ca, key_policy, passphrase, profile, read_chain};
use crate::config::{Config, parse_url};
use crate::failure::Failure;
use crate::{guarding, keys, ledgers, shards, stamping, submitting, trusting, witnessing};

/// What of it only a log needs that is not frozen.
pub(crate) const OF_OPEN_LOG: [&str; 4] = ["log.key", "log.witness-key", "log.witnesses", "guard"];

/// Returns each thing that an instance has in files, with what is wrong with it, if anything is.
pub(crate) fn check_files(config: &Config) -> Vec<(&'static str, Result<(), Failure>)> {
    let passphrase = passphrase(config);
    // Without the passphrase, nothing can be said of the keys.
    let load = |path: &Path| match &passphrase {
        Ok(passphrase) => keys::load([path], passphrase).map(|[key]| Some(key)),
        Err(_) => Ok(None),
    };
    let ca = match load(&config.ca.key) {
        Ok(Some(key)) => issuing_ca(config, key).map(drop),
        Ok(None) => read_chain(&config.ca.chain).map(drop),
        Err(failure) => Err(failure),
    };
    let timestamps = match &passphrase {
        Ok(passphrase) => stamping::check(config, passphrase).map(drop),
        Err(_) => Ok(()),
    };
    let log_key = load(&config.log.key).map(drop);
    let witness_key = load(&config.log.witness_key).map(drop);
    let ledger_key = config
        .ledger
        .as_ref()
        .map(|ledger| load(&ledger.key).map(drop));
    let trust = config.trust.as_ref().map(|trust| {
        [
            ("trust.root", trusting::read_pinned(trust).map(drop)),
            ("trust.snapshot-key", load(&trust.snapshot_key).map(drop)),
            ("trust.timestamp-key", load(&trust.timestamp_key).map(drop)),
        ]
    });
    let former = config.ledger.iter().flat_map(|ledger| &ledger.former);
    let former_keys: Vec<_> = former.map(|former| load(&former.key).map(drop)).collect();
    let mut checked = vec![
        ("url", parse_url(&config.url).map(drop)),
        ("passphrase", passphrase.map(drop)),
        ("ca", ca),
        ("ca lifetimes", profile(config).map(drop)),
        ("log.key", log_key),
        ("log.witness-key", witness_key),
        ("log.origin", shards::origin(config).map(drop)),
        (
            "log.witnesses",
            witnessing::check(config.log.witnesses.as_ref()),
        ),
        ("guard", guarding::check(&config.guard)),
        ("client keys", key_policy(config).map(drop)),
        (
            "log.submissions",
            submitting::submissions(config, &[]).map(drop),
        ),
        (
            "ca.external-log",
            submitting::external_log(config).map(drop),
        ),
        ("timestamps", timestamps),
    ];
    if let (Some(ledger), Some(key)) = (&config.ledger, ledger_key) {
        checked.extend([
            ("ledger.origin", ledgers::origin(ledger).map(drop)),
            ("ledger.key", key),
            ("ledger.guard", guarding::check(&ledger.guard)),
            (
                "ledger.witnesses",
                witnessing::check(ledger.witnesses.as_ref()),
            ),
        ]);
        for (former, key) in ledger.former.iter().zip(former_keys) {
            let guard = guarding::check(&former.guard);
            checked.extend([("ledger.former key", key), ("ledger.former guard", guard)]);
        }
    }
    checked.extend(trust.into_iter().flatten());
    checked
}
