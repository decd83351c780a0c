//! Founding an instance: keys, CA, log, guard and database, once.

use std::path::Path;
use std::time::SystemTime;

use chancery_ca::ceremony::Ceremony;
use chancery_certs::CertificateChain;
use chancery_keys::{KeyType, LocalKey, Passphrase, Signer, file};
use chancery_log::Guard;
use chancery_log::clock::unix_ms;
use chancery_log::guard::FileGuard;
use chancery_store::{ConnectOptions, DatabaseUrl, NewInstance, NewLog, Purpose, Store};
use chancery_tlog::Origin;
use chancery_tlog::ct::LogId;

use crate::failure::{Causes, Failure};
use crate::layout::Layout;

/// What to found.
#[derive(Debug)]
pub(crate) struct Founding<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) purpose: Purpose,
    pub(crate) url: &'a str,
    pub(crate) organization: &'a str,
    pub(crate) database: &'a DatabaseUrl,
    pub(crate) log_name: &'a str,
    pub(crate) origin: &'a Origin,
    pub(crate) passphrase: &'a Passphrase,
    pub(crate) root_passphrase: &'a Passphrase,
}

impl Founding<'_> {
    /// Makes everything in the folder and in the database. Nothing that exists is overwritten.
    ///
    /// The database's record comes last: a founding that broke off left no instance behind, only
    /// files, which the next attempt names.
    pub(crate) async fn found(&self) -> Result<(), Failure> {
        let now = SystemTime::now();
        let store = self.empty_database().await?;

        let chain = self.make_ca(now)?;
        let log_key = self.make_key(&self.layout.log_key(), KeyType::P256, self.passphrase)?;
        self.make_key(
            &self.layout.witness_key(),
            KeyType::Ed25519,
            self.passphrase,
        )?;
        let guard = FileGuard::create(&self.layout.guard()).map_err(Failure::from_error)?;

        let spki = log_key.public_key().spki_der();
        let instance = NewInstance {
            purpose: self.purpose,
            guard_id: guard.id().to_owned(),
            url: self.url.to_owned(),
            chain: chain.ders().to_vec(),
            log: NewLog {
                name: self.log_name.to_owned(),
                origin: self.origin.as_str().to_owned(),
                log_id: *LogId::of_spki(spki).as_bytes(),
                public_key: spki.to_vec(),
            },
            now_ms: unix_ms(now),
        };
        store
            .create_instance(instance)
            .await
            .map_err(Failure::from_error)?;
        store.close().await;
        Ok(())
    }

    /// Connects to a database that holds no instance yet, and gives it its tables.
    async fn empty_database(&self) -> Result<Store, Failure> {
        let options = ConnectOptions { create: true };
        let store = Store::connect(self.database, options)
            .await
            .map_err(Failure::from_error)?;
        store.migrate().await.map_err(Failure::from_error)?;
        match store.instance().await.map_err(Failure::from_error)? {
            None => Ok(store),
            Some(_) => Err(Failure::configuration(format!(
                "the database {} holds an instance already; `init --join` configures another \
                 replica of it",
                self.database
            ))),
        }
    }

    fn make_ca(&self, now: SystemTime) -> Result<CertificateChain, Failure> {
        let root = self.make_key(&self.layout.root_key(), KeyType::P384, self.root_passphrase)?;
        let issuing = self.make_key(&self.layout.issuing_key(), KeyType::P256, self.passphrase)?;
        let common_name = format!("{} code signing", self.organization);
        let ceremony = Ceremony {
            organization: self.organization,
            common_name: &common_name,
            now,
        };
        let chain = ceremony
            .perform(&root, &issuing)
            .map_err(Failure::from_error)?;

        let mut pem = chain.pems().join("\n");
        pem.push('\n');
        write_new(&self.layout.chain(), pem.as_bytes(), 0o644)?;
        Ok(chain)
    }

    fn make_key(
        &self,
        path: &Path,
        key_type: KeyType,
        passphrase: &Passphrase,
    ) -> Result<LocalKey, Failure> {
        let key = LocalKey::generate(key_type).map_err(Failure::from_error)?;
        file::create(path, &key, passphrase).map_err(Failure::from_error)?;
        Ok(key)
    }
}

/// Makes a passphrase and leaves it in a file that only the owner can read.
pub(crate) fn make_passphrase(path: &Path) -> Result<Passphrase, Failure> {
    let passphrase = Passphrase::generate().map_err(Failure::from_error)?;
    let mut line = zeroize::Zeroizing::new(passphrase.as_bytes().to_vec());
    line.push(b'\n');
    write_new(path, &line, 0o600)?;
    Ok(passphrase)
}

/// Writes a file that must not exist yet, durably.
pub(crate) fn write_new(path: &Path, contents: &[u8], mode: u32) -> Result<(), Failure> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let write = || {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(contents)?;
        file.sync_all()
    };
    write().map_err(|e: std::io::Error| {
        Failure::failed(format!("cannot write {}: {}", path.display(), Causes(&e)))
    })
}
