//! The highest versions that this machine has published or served, whatever the database says.

use std::io::ErrorKind;
use std::path::PathBuf;

use chancery_trust::tuf::{Repository, Versions};

use crate::config::TrustConfig;
use crate::failure::Failure;
use crate::founding::replace;
use crate::reading;

/// Reads what was seen; nothing, if there is no such file.
pub(crate) fn seen(trust: &TrustConfig) -> Result<Versions, Failure> {
    let path = path(trust);
    let bytes = match reading::read_bounded(&path, 4096) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Versions::default()),
        Err(e) => return Err(reading::named(&path, &e)),
    };
    serde_json::from_slice(&bytes).map_err(|e| reading::named(&path, &e))
}

/// Refuses roots that are older than one that this machine has seen: clients follow roots one by
/// one, and nobody can sign the lost one again.
pub(crate) fn require_root(seen: Versions, repository: &Repository) -> Result<(), Failure> {
    let stored = repository.versions().root;
    if stored >= seen.root {
        return Ok(());
    }
    Err(Failure::configuration(format!(
        "trust: version {stored} of root is the newest that is stored, and version {} was \
         published: clients that have it do not go back. Restore a newer backup",
        seen.root
    )))
}

/// Refuses documents that are older than some that this machine has seen: clients would. What the
/// server signs by itself may be older; it is renewed.
pub(crate) fn require_not_before(seen: Versions, repository: &Repository) -> Result<(), Failure> {
    require_root(seen, repository)?;
    let stored = repository.versions().targets;
    if stored >= seen.targets {
        return Ok(());
    }
    Err(Failure::configuration(format!(
        "trust: version {stored} of targets is the newest that is stored, and version {} was \
         published: clients that have it refuse older ones. Restore a newer backup, if there is \
         one. Otherwise `chancery trust plan` draws up a version after it; sign and publish that",
        seen.targets
    )))
}

/// Keeps the versions of what is published or served, where they are higher.
pub(crate) fn note(trust: &TrustConfig, repository: &Repository) -> Result<(), Failure> {
    let before = seen(trust)?;
    let now = before.highest(repository.versions());
    if now == before {
        return Ok(());
    }
    let mut bytes = serde_json::to_vec(&now).map_err(Failure::from_error)?;
    bytes.push(b'\n');
    replace(&path(trust), &bytes)
}

fn path(trust: &TrustConfig) -> PathBuf {
    trust.root.with_file_name("seen.json")
}
