//! The folder that `demo --keep` leaves for anyone to check.

use std::path::{Path, PathBuf};

use chancery_keys::LocalKey;

use super::ledger::Entered;
use super::outsider::Evidence;
use crate::failure::Failure;
use crate::founding::{make_passphrase, write_new};

/// A new folder for the evidence.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder, which must not exist.
    pub(super) fn make(path: &Path) -> Result<Self, Failure> {
        std::fs::create_dir(path)
            .map_err(|e| Failure::usage(format!("--keep {}: {e}", path.display())))?;
        Ok(Self(path.to_owned()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes the evidence.
    pub(super) fn fill(
        &self,
        evidence: &Evidence,
        entered: &Entered,
        key: &LocalKey,
    ) -> Result<(), Failure> {
        let [leaf, chain @ ..] = &*evidence.certificates else {
            return Ok(());
        };
        self.write("certificate.pem", format!("{leaf}\n").as_bytes())?;
        self.write("chain.pem", format!("{}\n", chain.join("\n")).as_bytes())?;
        self.write("trusted_root.json", &evidence.trusted_root)?;
        self.write("checkpoint", &evidence.checkpoint)?;
        self.write("entry.json", entered.answer.as_bytes())?;
        let passphrase = make_passphrase(&self.0.join("key.passphrase"))?;
        chancery_keys::file::create(&self.0.join("key.pem"), key, &passphrase)
            .map_err(Failure::from_error)
    }

    fn write(&self, name: &str, contents: &[u8]) -> Result<(), Failure> {
        write_new(&self.0.join(name), contents, 0o644)
    }
}
