//! One run of a process on a world: from its start to its orderly end or its death.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use chancery_ca::{
    Authority, AuthorityParts, IssuanceLogs, IssueRequest, IssuingCa, KeyPolicy, PossessionRequest,
};
use chancery_certs::{Profile, ProfileConfig};
use chancery_identity::{HttpPolicy, IdentityConfig, Issuers, IssuersOptions};
use chancery_keys::{KeyType, LocalKey, Signer};
use chancery_log::PublishedLog as _;
use chancery_log::clock::SystemClock;
use chancery_log::guard::FileGuard;
use chancery_log::{Log, LogKeys, LogParts, PoolLimits};
use chancery_store::{ConnectError, ConnectOptions, Store};
use chancery_tlog::{Origin, TreeHead};
use tokio::runtime::Runtime;

use super::check;
use super::faulty::{Faulty, FaultyKey, Role};
use super::step::Faults;
use super::world::{EMAIL, LOG, ORIGIN, World};

/// A process that is up. All its tasks are its runtime's, which ends with it.
pub(crate) struct Process {
    runtime: Runtime,
    world: World,
    faults: Arc<Faults>,
    authority: Arc<Authority>,
}

/// What came of a call.
#[derive(Debug)]
pub(crate) enum Outcome<T> {
    Done(T),
    Refused(String),
    /// The process is no more.
    Died,
}

impl Process {
    /// Starts a process, or says why not.
    pub(crate) fn start(world: &World, faults: Arc<Faults>) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let opened = runtime.block_on(async {
            tokio::select! {
                opened = open(world, &faults) => opened,
                () = faults.died() => Outcome::Died,
            }
        });
        match opened {
            Outcome::Done(authority) => Outcome::Done(Self {
                runtime,
                world: world.clone(),
                faults,
                authority,
            }),
            Outcome::Refused(why) => {
                end(runtime);
                Outcome::Refused(why)
            }
            Outcome::Died => {
                end(runtime);
                Outcome::Died
            }
        }
    }

    /// Asks for a certificate with `token`, and keeps it as a client does.
    pub(crate) fn issue(&self, token: &str) -> Outcome<TreeHead> {
        let outcome = self.runtime.block_on(async {
            let request = request(token).await;
            tokio::select! {
                issued = self.authority.issue(request) => match issued {
                    Ok(issued) => Outcome::Done(issued),
                    Err(e) => Outcome::Refused(e.to_string()),
                },
                () = self.faults.died() => Outcome::Died,
            }
        });
        match outcome {
            Outcome::Done(issued) => {
                self.world.receive(&issued);
                Outcome::Done(issued.tree)
            }
            Outcome::Refused(why) => Outcome::Refused(why),
            Outcome::Died => Outcome::Died,
        }
    }

    /// Returns the published head.
    pub(crate) fn published(&self) -> Outcome<TreeHead> {
        let log = self.authority.log().unwrap();
        self.runtime.block_on(async {
            tokio::select! {
                checkpoint = log.checkpoint() => match checkpoint {
                    Ok(note) => Outcome::Done(check::verified(&note, &self.world)),
                    Err(e) => Outcome::Refused(e.to_string()),
                },
                () = self.faults.died() => Outcome::Died,
            }
        })
    }

    /// Verifies the whole log as it is published, against all that clients hold and `heads`.
    pub(crate) fn check(&self, heads: &[TreeHead]) {
        let log = self.authority.log().unwrap();
        self.runtime
            .block_on(check::whole(&log, &self.world, heads));
    }

    /// Ends in order, as far as the faults let it.
    pub(crate) fn stop(self) -> Outcome<()> {
        let outcome = self.runtime.block_on(async {
            tokio::select! {
                () = self.authority.close() => Outcome::Done(()),
                () = self.faults.died() => Outcome::Died,
            }
        });
        self.die();
        outcome
    }

    /// Ends wherever it is: nothing that it had begun goes on.
    pub(crate) fn die(self) {
        drop(self.authority);
        end(self.runtime);
    }
}

fn end(runtime: Runtime) {
    runtime.shutdown_timeout(Duration::from_secs(10));
}

async fn open(world: &World, faults: &Arc<Faults>) -> Outcome<Arc<Authority>> {
    let store = match connect(world).await {
        Ok(store) => store,
        Err(e) => return Outcome::Refused(e.to_string()),
    };
    let faulty_key = |key: &Arc<LocalKey>, role| FaultyKey {
        key: Arc::clone(key),
        role,
        faults: Arc::clone(faults),
    };
    let parts = LogParts {
        name: "main".to_owned(),
        origin: Origin::parse(ORIGIN).unwrap(),
        store: Arc::new(Faulty {
            inner: store.log_store(LOG),
            faults: Arc::clone(faults),
        }),
        guard: Arc::new(Faulty {
            inner: FileGuard::open(&world.folder.join("guard")).unwrap(),
            faults: Arc::clone(faults),
        }),
        keys: LogKeys::Issuance {
            signer: Arc::new(faulty_key(&world.keys.log, Role::Log)),
            witness_signer: Arc::<LocalKey>::clone(&world.keys.witness),
        },
        witnesses: None,
        clock: Arc::new(SystemClock),
        begins_ms: 0,
        limits: PoolLimits::default(),
    };
    let log = match Log::open(parts).await {
        Ok(log) => Arc::new(log),
        Err(e) => return Outcome::Refused(e.to_string()),
    };
    let issuing = Arc::new(faulty_key(&world.keys.issuing, Role::Authority));
    let config = IdentityConfig::parse(world.identity_config().as_bytes(), "test").unwrap();
    let options = IssuersOptions {
        allow_http: HttpPolicy::Allow,
        ..IssuersOptions::default()
    };
    Outcome::Done(Authority::new(AuthorityParts {
        issuers: Issuers::new(config, options).unwrap(),
        external_log: None,
        profile: Profile::new(ProfileConfig::default()).unwrap(),
        issuer: IssuingCa::new(world.keys.chain.clone(), issuing, SystemTime::now()).unwrap(),
        logs: IssuanceLogs::new(vec![log]),
        clock: Arc::new(SystemClock),
        key_policy: KeyPolicy::default(),
        used_tokens: Arc::new(Faulty {
            inner: store,
            faults: Arc::clone(faults),
        }),
    }))
}

/// Connects. A child that another test is just starting has all open files until it is another
/// program, and so the lock of a database that was let go of.
async fn connect(world: &World) -> Result<Store, ConnectError> {
    let begun = Instant::now();
    loop {
        match Store::connect(&world.database, ConnectOptions::default()).await {
            Err(ConnectError::InUse(_)) if begun.elapsed() < Duration::from_secs(10) => {
                tokio::task::yield_now().await;
            }
            other => return other,
        }
    }
}

async fn request(token: &str) -> IssueRequest {
    let key = LocalKey::generate(KeyType::P256).unwrap();
    IssueRequest {
        token: token.to_owned(),
        possession: PossessionRequest::PublicKey {
            content: key.public_key().spki_der().to_vec(),
            proof: key.sign(EMAIL.as_bytes()).await.unwrap(),
        },
    }
}
