//! Other keys for roles, as arguments say them.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;

use chancery_keys::PublicKey;
use chancery_trust::tuf::{Role, RoleKeys, Root};

use crate::cli::RoleKeysArgs;
use crate::config::read_text;
use crate::failure::Failure;
use crate::reading;

/// Reads which roles get other keys or thresholds than a root has.
pub(super) fn others(
    args: &RoleKeysArgs,
    root: &Root,
) -> Result<BTreeMap<Role, RoleKeys>, Failure> {
    let mut others: BTreeMap<Role, RoleKeys> = BTreeMap::new();
    for text in &args.keys {
        let (role, path) = of_role("--role-key", text)?;
        let key = read_key(Path::new(path))?;
        let threshold = root.role(role).threshold;
        let keys = others.entry(role).or_insert_with(|| RoleKeys {
            keys: Vec::new(),
            threshold,
        });
        keys.keys.push(key);
    }
    for text in &args.thresholds {
        let (role, number) = of_role("--threshold", text)?;
        let threshold: NonZeroU32 = number.parse().map_err(|_| {
            Failure::usage(format!(
                "--threshold {text}: {number:?} is no number from 1"
            ))
        })?;
        let keys = others.entry(role).or_insert_with(|| root.keys(role));
        keys.threshold = threshold;
    }
    Ok(others)
}

fn of_role<'a>(flag: &str, text: &'a str) -> Result<(Role, &'a str), Failure> {
    let parts = text.split_once('=').and_then(|(name, value)| {
        let role = Role::ALL.into_iter().find(|role| role.name() == name)?;
        Some((role, value))
    });
    parts.ok_or_else(|| {
        Failure::usage(format!(
            "{flag} {text}: say root=…, targets=…, snapshot=… or timestamp=…"
        ))
    })
}

fn read_key(path: &Path) -> Result<PublicKey, Failure> {
    let text = read_text(path).map_err(|e| reading::named(path, &e))?;
    let block = pem::parse(&text).map_err(|e| reading::named(path, &e))?;
    PublicKey::from_spki_der(block.contents()).map_err(|e| reading::named(path, &e))
}
