//! Opening an instance: everything that the configuration names must be there, and must be what
//! the database recorded when it was founded. Nothing is made.

mod checking;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use chancery_ca::{Authority, AuthorityParts, BlockList, ClientAlgorithms, IssuingCa, KeyPolicy};
use chancery_certs::{CertificateChain, Profile, ProfileError};
use chancery_identity::Issuers;
use chancery_keys::{LocalKey, Passphrase, file};
use chancery_log::Log;
use chancery_log::clock::{Clock, SystemClock, from_unix_ms};
use chancery_store::{DatabaseUrl, Instance, Purpose, Store};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use self::checking::{OF_OPEN_LOG, check_files};
use crate::config::{Config, read_text_of};
use crate::connecting::{current, database_url, log_of, own, up_to_date};
use crate::failure::{Causes, Failure};
use crate::keys;
use crate::ledgers::{self, Following, OpenLedgers};
use crate::reading::named;
use crate::shards::{self, Shards};
use crate::stamping::{self, Stamping, StampingFiles};
use crate::submitting;
use crate::trusting;
use crate::used_tokens::StoredTokens;

/// An instance that is open: the authority with its logs, and the store to close after it.
pub(crate) struct Opened {
    pub(crate) authority: Arc<Authority>,
    pub(crate) instance: Instance,
    pub(crate) shards: Shards,
    pub(crate) timestamps: Option<Stamping>,
    pub(crate) ledgers: OpenLedgers,
    pub(crate) closing: Closing,
    passphrase: Passphrase,
}

impl Opened {
    /// Returns the passphrase of the keys that a server has.
    pub(crate) fn passphrase(&self) -> &Passphrase {
        &self.passphrase
    }

    /// Returns the database.
    pub(crate) fn store(&self) -> &Store {
        self.closing.store()
    }
}

/// What is closed in the end.
pub(crate) struct Closing {
    authority: Arc<Authority>,
    /// Those that nothing follows.
    ledgers: Vec<Arc<Log>>,
    /// What follows the others, has been told to stop by then, and returns those that are open.
    following: Option<JoinHandle<Vec<Arc<Log>>>>,
    store: Store,
}

impl Closing {
    /// Finishes every act that has begun, closes the logs, then the database.
    pub(crate) async fn close(mut self) {
        self.authority.close().await;
        // Nobody retires a ledger while it is being closed.
        if let Some(following) = self.following {
            match following.await {
                Ok(open) => self.ledgers.extend(open),
                Err(e) => {
                    tracing::error!(error = %e, "what follows the ledgers did not end in order");
                }
            }
        }
        for ledger in self.ledgers {
            ledger.close().await;
        }
        self.store.close().await;
    }

    /// Returns the database.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Follows the ledgers until `stop`, which must come before [`Closing::close`].
    pub(crate) fn follow(&mut self, following: Following, stop: CancellationToken) {
        self.ledgers.clear();
        self.following = Some(tokio::spawn(following.run(stop)));
    }
}

/// Opens the instance that `config` describes, for `purpose`. A development database of an older
/// version is brought up to date; a production one waits for `chancery migrate`.
pub(crate) async fn open(
    config: &Config,
    issuers: Issuers,
    purpose: Purpose,
) -> Result<Opened, Failure> {
    let passphrase = passphrase(config)?;
    let AuthorityFiles { issuer, profile } = AuthorityFiles::read(config, &passphrase)?;
    let key_policy = key_policy(config)?;
    let timestamps = StampingFiles::read(config, &passphrase)?;
    let url = database_url(config)?;
    let store = match purpose {
        Purpose::Development => up_to_date(&url).await?,
        Purpose::Production => current(&url).await?,
    };
    store.check_durability().await.map_err(Failure::by_fault)?;
    let instance = bound_instance(&store, purpose).await?;
    refuse_other_chain(&issuer, &instance)?;
    stamping::require_recorded(config, timestamps.as_ref(), &instance)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ledgers = ledgers::open(config, &passphrase, &store, &instance, Arc::clone(&clock)).await?;
    let shards = Shards::open(
        config,
        passphrase.clone(),
        store.clone(),
        instance.clone(),
        Arc::clone(&clock),
    )
    .await?;
    tell_of_another_server(&store).await?;
    let timestamps = timestamps.map(|files| files.open(Arc::clone(&clock), newest_head(&shards)));
    let timestamps = timestamps.transpose()?;
    let external_log = submitting::external_log(config)?;
    // Last, since the other replicas go by it.
    let instance = match &timestamps {
        Some(timestamps) => timestamps.take_up(config, &store, instance).await?,
        None => instance,
    };
    let authority = Authority::new(AuthorityParts {
        external_log,
        issuers,
        profile,
        issuer,
        logs: shards.issuance().clone(),
        clock,
        key_policy,
        used_tokens: Arc::new(StoredTokens(store.clone())),
    });
    Ok(Opened {
        closing: Closing {
            authority: Arc::clone(&authority),
            ledgers: ledgers
                .open
                .iter()
                .map(|ledger| Arc::clone(&ledger.log))
                .collect(),
            following: None,
            store,
        },
        authority,
        instance,
        shards,
        timestamps,
        ledgers,
        passphrase,
    })
}

/// Returns the time of the newest tree head: it has passed, whatever the clock shows.
fn newest_head(shards: &Shards) -> SystemTime {
    let logs = shards.issuance().all();
    let heads = logs.iter().map(|log| log.status().timestamp_ms);
    from_unix_ms(heads.max().unwrap_or(0))
}

/// Says that the database was restored or failed over since the last start. The guard was asked before,
/// and nothing that was released is missing.
async fn tell_of_another_server(store: &Store) -> Result<(), Failure> {
    if let Some(change) = store.note_server().await.map_err(Failure::by_fault)? {
        tracing::warn!(
            before = %change.before,
            now = %change.now,
            "the database is on another server or timeline than at the last start; it holds all that \
             the guard knows of"
        );
    }
    Ok(())
}

/// Holds the files and the guard that `config` names against what `database` recorded, and opens
/// nothing. Returns what the guard will not notice.
pub(crate) async fn verify(
    config: &Config,
    database: &DatabaseUrl,
) -> Result<Option<&'static str>, Failure> {
    let passphrase = passphrase(config)?;
    let authority = AuthorityFiles::read(config, &passphrase)?;
    let timestamps = StampingFiles::read(config, &passphrase)?;
    let store = current(database).await?;
    store.check_durability().await.map_err(Failure::by_fault)?;
    let instance = bound_instance(&store, Purpose::Production).await?;
    refuse_other_chain(&authority.issuer, &instance)?;
    stamping::require_recorded(config, timestamps.as_ref(), &instance)?;
    log_of(config, &instance)?;
    trusting::check(config, &passphrase, &store).await?;
    let of_ledgers = ledgers::verify(config, &passphrase, &store, &instance).await?;
    let warning = shards::verify(config, &passphrase, &store, &instance).await;
    store.close().await;
    Ok(warning?.or(of_ledgers))
}

/// What the CA has in files, read and found to fit together.
struct AuthorityFiles {
    issuer: IssuingCa,
    profile: Profile,
}

impl AuthorityFiles {
    fn read(config: &Config, passphrase: &Passphrase) -> Result<Self, Failure> {
        let [issuing_key] = keys::load([&*config.ca.key], passphrase)?;
        Ok(Self {
            issuer: issuing_ca(config, issuing_key)?,
            profile: profile(config)?,
        })
    }
}

fn refuse_other_chain(issuer: &IssuingCa, recorded: &Instance) -> Result<(), Failure> {
    match recorded.chain == issuer.chain().ders() {
        true => Ok(()),
        false => Err(shards::other("the CA chain")),
    }
}

fn issuing_ca(config: &Config, key: LocalKey) -> Result<IssuingCa, Failure> {
    let chain = read_chain(&config.ca.chain)?;
    IssuingCa::new(chain, Arc::new(key), SystemTime::now()).map_err(|e| named(&config.ca.chain, &e))
}

fn profile(config: &Config) -> Result<Profile, Failure> {
    Profile::new(config.lifetimes()).map_err(|e| {
        let key = match e {
            ProfileError::MaxLifetime { .. } => "ca.max-certificate-lifetime-s",
            _ => "ca.certificate-lifetime-s",
        };
        Failure::configuration(format!("{key}: {e}"))
    })
}

/// Reads which keys are certified.
pub(crate) fn key_policy(config: &Config) -> Result<KeyPolicy, Failure> {
    let algorithms = match &config.client_signing_algorithms {
        None => ClientAlgorithms::default(),
        Some(names) => ClientAlgorithms::parse(names)
            .map_err(|e| Failure::configuration(format!("client-signing-algorithms: {e}")))?,
    };
    let block_list = match &config.key_block_list {
        None => BlockList::default(),
        Some(path) => read_block_list(path)?,
    };
    Ok(KeyPolicy {
        block_list,
        algorithms,
    })
}

fn read_block_list(path: &Path) -> Result<BlockList, Failure> {
    // Room for 250,000 keys.
    let text = read_text_of(path, 16).map_err(|e| named(path, &e))?;
    BlockList::parse(&text).map_err(|e| named(path, &e))
}

pub(crate) fn passphrase(config: &Config) -> Result<Passphrase, Failure> {
    let path = match (&config.passphrase_file, &config.passphrase_credential) {
        (Some(path), None) => path.clone(),
        (None, Some(name)) => credential(name)?,
        (None, None) => {
            return Err(Failure::configuration(
                "say where the keys' passphrase is: passphrase-file or passphrase-credential",
            ));
        }
        (Some(_), Some(_)) => {
            return Err(Failure::configuration(
                "say passphrase-file or passphrase-credential, not both",
            ));
        }
    };
    file::read_passphrase_file(&path).map_err(configuration)
}

/// Returns the path of a systemd credential (systemd.exec(5), `LoadCredential=`).
#[expect(
    clippy::disallowed_methods,
    reason = "the binary reads the environment"
)]
fn credential(name: &str) -> Result<PathBuf, Failure> {
    let folder = std::env::var("CREDENTIALS_DIRECTORY").map_err(|_| {
        Failure::configuration(format!(
            "passphrase-credential {name:?} needs CREDENTIALS_DIRECTORY, which systemd sets; \
             elsewhere use passphrase-file"
        ))
    })?;
    Ok(Path::new(&folder).join(name))
}

fn read_chain(path: &Path) -> Result<CertificateChain, Failure> {
    let text = fs::read_to_string(path).map_err(|e| named(path, &e))?;
    CertificateChain::parse_pem(&text).map_err(|e| named(path, &e))
}

async fn bound_instance(store: &Store, purpose: Purpose) -> Result<Instance, Failure> {
    let instance = own(store).await?;
    match (instance.purpose, purpose) {
        (Purpose::Development, Purpose::Production) => Err(Failure::configuration(
            "the database is one of `chancery dev`: its keys are not for production",
        )),
        (Purpose::Production, Purpose::Development) => Err(Failure::configuration(
            "the database holds a production instance; `chancery dev` does not touch it",
        )),
        _ => Ok(instance),
    }
}

pub(crate) fn configuration<E: std::error::Error>(error: E) -> Failure {
    Failure::configuration(Causes(&error))
}
