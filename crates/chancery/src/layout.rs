//! The folder of an instance: which file is where.

use std::path::{Path, PathBuf};

use crate::config::{
    CaConfig, GuardConfig, GuardPlace, LedgerConfig, LogConfig, LogRead, TimestampsConfig,
    TrustConfig,
};
use crate::failure::Failure;
use crate::ledgers;

/// A file that marks a folder as one of `chancery dev`, which alone may be thrown away.
const DEVELOPMENT_MARK: &str = "NOT-FOR-PRODUCTION";

/// An instance's folder.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    folder: PathBuf,
}

impl Layout {
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("chancery.yaml")
    }

    pub(crate) fn chain(&self) -> PathBuf {
        self.folder.join("ca/chain.pem")
    }

    pub(crate) fn issuing_key(&self) -> PathBuf {
        self.folder.join("ca/issuing.key.pem")
    }

    pub(crate) fn log_key(&self) -> PathBuf {
        self.folder.join("log/log.key.pem")
    }

    pub(crate) fn witness_key(&self) -> PathBuf {
        self.folder.join("log/witness.key.pem")
    }

    pub(crate) fn tsa_chain(&self) -> PathBuf {
        self.folder.join("tsa/chain.pem")
    }

    pub(crate) fn tsa_key(&self) -> PathBuf {
        self.folder.join("tsa/tsa.key.pem")
    }

    pub(crate) fn tsa_root_key(&self) -> PathBuf {
        self.folder.join("offline/tsa-root.key.pem")
    }

    pub(crate) fn ledger_key(&self) -> PathBuf {
        self.folder.join("log/ledger.key.pem")
    }

    pub(crate) fn root_key(&self) -> PathBuf {
        self.folder.join("offline/root.key.pem")
    }

    pub(crate) fn root_passphrase(&self) -> PathBuf {
        self.folder.join("offline/root.passphrase")
    }

    pub(crate) fn trusted_root(&self) -> PathBuf {
        self.folder.join("trust/root.json")
    }

    /// Returns where the root is that goes with the operators' keys.
    pub(crate) fn operators_root(&self) -> PathBuf {
        self.folder.join("offline/root.json")
    }

    pub(crate) fn snapshot_key(&self) -> PathBuf {
        self.folder.join("trust/snapshot.key.pem")
    }

    pub(crate) fn timestamp_key(&self) -> PathBuf {
        self.folder.join("trust/timestamp.key.pem")
    }

    pub(crate) fn tuf_root_key(&self) -> PathBuf {
        self.folder.join("offline/tuf-root.key.pem")
    }

    pub(crate) fn tuf_targets_key(&self) -> PathBuf {
        self.folder.join("offline/tuf-targets.key.pem")
    }

    /// Returns the section that names the trust metadata's files, relative to this folder.
    pub(crate) fn trust(&self) -> TrustConfig {
        let relative = |path: PathBuf| {
            path.strip_prefix(&self.folder)
                .map_or_else(|_| path.clone(), Path::to_owned)
        };
        TrustConfig {
            root: relative(self.trusted_root()),
            snapshot_key: relative(self.snapshot_key()),
            timestamp_key: relative(self.timestamp_key()),
            login: Vec::new(),
        }
    }

    pub(crate) fn passphrase(&self) -> PathBuf {
        self.folder.join("secrets/passphrase")
    }

    pub(crate) fn identity_config(&self) -> PathBuf {
        self.folder.join("identity.yaml")
    }

    pub(crate) fn guard(&self) -> PathBuf {
        self.folder.join("guard")
    }

    pub(crate) fn sqlite(&self) -> PathBuf {
        self.folder.join("chancery.db")
    }

    pub(crate) fn dev_oidc_key(&self) -> PathBuf {
        self.folder.join("dev-oidc.key.pem")
    }

    pub(crate) fn development_mark(&self) -> PathBuf {
        self.folder.join(DEVELOPMENT_MARK)
    }

    /// Returns the sections of a configuration that name this folder's files, relative to it.
    pub(crate) fn sections(
        &self,
        name: &str,
        origin: &str,
        read: LogRead,
    ) -> (CaConfig, LogConfig, GuardConfig) {
        let relative = |path: PathBuf| {
            path.strip_prefix(&self.folder)
                .map_or_else(|_| path.clone(), Path::to_owned)
        };
        let ca = CaConfig {
            chain: relative(self.chain()),
            key: relative(self.issuing_key()),
            certificate_lifetime_s: 600,
            max_certificate_lifetime_s: None,
            external_log: None,
        };
        let log = LogConfig {
            name: name.to_owned(),
            origin: origin.to_owned(),
            key: relative(self.log_key()),
            witness_key: relative(self.witness_key()),
            read,
            scrub_entries_per_second: None,
            witnesses: None,
            submissions: None,
        };
        (
            ca,
            log,
            GuardConfig {
                place: GuardPlace::File(relative(self.guard())),
                id: None,
            },
        )
    }

    /// Returns the section of a configuration that names the timestamp authority's files.
    pub(crate) fn timestamps() -> TimestampsConfig {
        let here = Self::new(Path::new(""));
        TimestampsConfig::new(here.tsa_chain(), here.tsa_key())
    }

    /// Returns the section of a ledger whose guard is beside `guard`.
    pub(crate) fn ledger(&self, host: &str, guard: &GuardConfig) -> LedgerConfig {
        let key = self.ledger_key();
        let key = key
            .strip_prefix(&self.folder)
            .map_or_else(|_| key.clone(), Path::to_owned);
        let place = ledgers::guard_beside(&guard.place, Path::new("guard-ledger"));
        LedgerConfig::new(host.to_owned(), key, GuardConfig { place, id: None })
    }

    /// Makes the folder and its rooms, readable by the owner alone.
    pub(crate) fn make(&self) -> Result<(), Failure> {
        ["", "ca", "log", "offline", "secrets", "trust"]
            .into_iter()
            .try_for_each(|room| self.make_room(room))
    }

    /// Makes the timestamp authority's room.
    pub(crate) fn make_tsa_room(&self) -> Result<(), Failure> {
        self.make_room("tsa")
    }

    fn make_room(&self, room: &str) -> Result<(), Failure> {
        use std::os::unix::fs::DirBuilderExt;
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        let path = self.folder.join(room);
        builder
            .create(&path)
            .map_err(|e| Failure::failed(format!("cannot make {}: {e}", path.display())))
    }
}
