//! Founding an instance: keys, CA, log, guard and database, once.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::SystemTime;

use chancery_ca::ceremony::Ceremony;
use chancery_keys::{KeyType, Passphrase, Signer};
use chancery_log::clock::unix_ms;
use chancery_store::{ConnectOptions, DatabaseUrl, NewInstance, NewLog, Purpose, Readers, Store};
use chancery_tlog::Origin;
use chancery_tlog::ct::LogId;
use chancery_tsa::TsaCeremony;
use tempfile::NamedTempFile;

use crate::config::GuardPlace;
use crate::failure::{Causes, Failure};
use crate::guarding::{self, OpenedGuard};
use crate::keys;
use crate::layout::Layout;

/// Whom timestamps are by, as the authority's certificates name it.
pub(crate) const TSA_COMMON_NAME: &str = "Timestamp Authority";

/// What to found.
#[derive(Debug)]
pub(crate) struct Founding<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) purpose: Purpose,
    pub(crate) url: &'a str,
    pub(crate) organization: &'a str,
    pub(crate) log_name: &'a str,
    pub(crate) origin: &'a Origin,
    pub(crate) readers: Readers,
    pub(crate) guard: &'a GuardPlace,
    pub(crate) passphrase: &'a Passphrase,
    pub(crate) root_passphrase: &'a Passphrase,
    /// Whether it is to be a timestamp authority, too.
    pub(crate) timestamps: bool,
}

/// Connects to a database that holds no instance yet, and gives it its tables. Comes first: most
/// that can go wrong goes wrong here, and no key is made yet.
pub(crate) async fn empty_database(url: &DatabaseUrl) -> Result<Store, Failure> {
    let options = ConnectOptions {
        create: true,
        ..ConnectOptions::default()
    };
    let store = Store::connect(url, options)
        .await
        .map_err(Failure::from_error)?;
    store.migrate().await.map_err(Failure::from_error)?;
    match store.instance().await.map_err(Failure::from_error)? {
        None => Ok(store),
        Some(_) => Err(Failure::configuration(format!(
            "the database {url} holds an instance already; `init --join` configures another \
             replica of it"
        ))),
    }
}

impl Founding<'_> {
    /// Makes everything in the folder, and the guard, then records it in the database. Nothing that
    /// exists is overwritten.
    pub(crate) async fn found(&self, store: Store) -> Result<OpenedGuard, Failure> {
        let now = SystemTime::now();
        // A guard elsewhere comes before any key: much can go wrong there.
        let elsewhere = match self.guard {
            GuardPlace::File(_) => None,
            place => Some(guarding::create(place, &store).await?),
        };
        let [root, issuing, log, witness] = keys::make([
            (self.layout.root_key(), KeyType::P384, self.root_passphrase),
            (self.layout.issuing_key(), KeyType::P256, self.passphrase),
            (self.layout.log_key(), KeyType::P256, self.passphrase),
            (self.layout.witness_key(), KeyType::Ed25519, self.passphrase),
        ])?;
        let ceremony = Ceremony {
            organization: self.organization,
            common_name: "Code Signing CA",
            now,
        };
        let chain = ceremony
            .perform(&root, &issuing)
            .map_err(Failure::from_error)?;
        let pem = format!("{}\n", chain.pems().join("\n"));
        write_new(&self.layout.chain(), pem.as_bytes(), 0o644)?;
        if self.timestamps {
            found_timestamps(
                self.layout,
                self.organization,
                self.passphrase,
                self.root_passphrase,
            )?;
        }
        let made = match elsewhere {
            Some(made) => made,
            None => guarding::create(self.guard, &store).await?,
        };

        let public_key = log.public_key().spki_der().to_vec();
        let instance = NewInstance {
            purpose: self.purpose,
            guard_id: made.guard.id().to_owned(),
            url: self.url.to_owned(),
            chain: chain.ders().to_vec(),
            log: NewLog {
                name: self.log_name.to_owned(),
                origin: self.origin.as_str().to_owned(),
                log_id: *LogId::of_spki(&public_key).as_bytes(),
                public_key,
                witness_key: witness.public_key().spki_der().to_vec(),
                readers: self.readers,
            },
            now_ms: unix_ms(now),
        };
        store
            .create_instance(instance)
            .await
            .map_err(Failure::from_error)?;
        store.close().await;
        Ok(made)
    }
}

/// Makes a timestamp authority's keys and certificates in the folder. Its root is its own: whoever can
/// issue certificates for code cannot say when anything was signed.
pub(crate) fn found_timestamps(
    layout: &Layout,
    organization: &str,
    passphrase: &Passphrase,
    root_passphrase: &Passphrase,
) -> Result<(), Failure> {
    layout.make_tsa_room()?;
    let [root, leaf] = keys::make([
        (layout.tsa_root_key(), KeyType::P384, root_passphrase),
        (layout.tsa_key(), KeyType::P256, passphrase),
    ])?;
    let ceremony = TsaCeremony {
        organization,
        common_name: TSA_COMMON_NAME,
        now: SystemTime::now(),
    };
    let chain = ceremony.perform(&root, None, &leaf);
    let pem = chain.map_err(Failure::from_error)?.pem();
    write_new(&layout.tsa_chain(), pem.as_bytes(), 0o644)
}

/// Makes a passphrase and leaves it in a file that only the owner can read.
pub(crate) fn make_passphrase(path: &Path) -> Result<Passphrase, Failure> {
    let passphrase = Passphrase::generate().map_err(Failure::from_error)?;
    let mut line = zeroize::Zeroizing::new(passphrase.as_bytes().to_vec());
    line.push(b'\n');
    write_new(path, &line, 0o600)?;
    Ok(passphrase)
}

/// Writes a file that must not exist yet, and makes file and name durable.
pub(crate) fn write_new(path: &Path, contents: &[u8], mode: u32) -> Result<(), Failure> {
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)?;
        file.write_all(contents)?;
        file.sync_all()?;
        File::open(folder_of(path))?.sync_all()
    };
    write().map_err(|e| unwritten(path, &e))
}

/// Puts a file in the place of another, whole or not at all. Everybody may read it.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> Result<(), Failure> {
    let write = || -> io::Result<()> {
        written_beside(path, contents)?.persist(path)?;
        File::open(folder_of(path))?.sync_all()
    };
    write().map_err(|e| unwritten(path, &e))
}

/// Puts a file where none is, whole or not at all. Everybody may read it.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if anything is there, be it a link that leads nowhere.
pub(crate) fn place(path: &Path, contents: &[u8]) -> io::Result<()> {
    written_beside(path, contents)?.persist_noclobber(path)?;
    Ok(())
}

/// Writes a file under a name of its own, on the file system where another is to be.
fn written_beside(path: &Path, contents: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(folder_of(path))?;
    file.write_all(contents)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent();
    let named = folder.filter(|folder| !folder.as_os_str().is_empty());
    named.unwrap_or_else(|| Path::new("."))
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!(
        "cannot write {}: {}",
        path.display(),
        Causes(error)
    ))
}
