//! What clients trust, while an instance serves: read from the database, verified from the root that
//! is pinned in a file, renewed before it expires.

mod complaints;
mod describe;
mod founding;
mod pinned;
mod seen;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chancery_keys::{LocalKey, Passphrase, Signer as _};
use chancery_server::TrustDocuments;
use chancery_store::Store;
use chancery_trust::documents;
use chancery_trust::plan::Plan;
use chancery_trust::store::{TrustStore, TrustStoreError};
use chancery_trust::tuf::{KeyId, Repository, Role, Root, Signed, Versions};
use chancery_trust::update::{Context, OnlineKeys, Update, due, renew};

pub(crate) use self::complaints::About;
use self::complaints::Complaints;
pub(crate) use self::describe::{Described, wanted};
pub(crate) use self::founding::{make_keys, publish_first, take_or_make_keys};
pub(crate) use self::pinned::{pin, read_pinned, read_root};
pub(crate) use self::seen::{note, require_root, seen};
use crate::config::{Config, TrustConfig};
use crate::failure::{Causes, Failure};
use crate::{keys, opening};

/// Operators are told so long before what they sign expires.
const NOTICE: Duration = Duration::from_hours(60 * 24);

/// The server's keys.
#[derive(Clone, Debug)]
pub(crate) struct ServerKeys {
    pub(crate) snapshot: Arc<LocalKey>,
    pub(crate) timestamp: Arc<LocalKey>,
}

/// The keys of operators; where a server has them, in `chancery dev`, it does their work.
#[derive(Clone, Debug)]
pub(crate) struct OperatorKeys {
    pub(crate) root: Arc<LocalKey>,
    pub(crate) targets: Arc<LocalKey>,
}

impl ServerKeys {
    /// Loads the keys that the configuration names.
    pub(crate) fn load(trust: &TrustConfig, passphrase: &Passphrase) -> Result<Self, Failure> {
        let [snapshot, timestamp] =
            keys::load([&*trust.snapshot_key, &*trust.timestamp_key], passphrase)?;
        Ok(Self {
            snapshot: Arc::new(snapshot),
            timestamp: Arc::new(timestamp),
        })
    }

    /// Refuses keys that do not count: with them, nothing could be renewed.
    fn require_counted(&self, root: &Root) -> Result<(), Failure> {
        for (role, key) in [
            (Role::Snapshot, &self.snapshot),
            (Role::Timestamp, &self.timestamp),
        ] {
            let id = KeyId::of(key.public_key()).map_err(opening::configuration)?;
            let counted = &root.role(role).keyids;
            if !counted.contains(&id) {
                let counted: Vec<String> = counted.iter().map(KeyId::short).collect();
                return Err(Failure::configuration(format!(
                    "trust.{role}-key is {}, and the published root wants {}: name the key that is \
                     in use, or publish the plan that names this one, then start again",
                    id.short(),
                    counted.join(" or ")
                )));
            }
        }
        Ok(())
    }

    pub(crate) fn online(&self) -> OnlineKeys<'_> {
        OnlineKeys {
            snapshot: &*self.snapshot,
            timestamp: &*self.timestamp,
        }
    }
}

/// Reads what is published, and verifies it from the pinned root on.
pub(crate) async fn read(
    store: &dyn TrustStore,
    pinned: &Signed<Root>,
) -> Result<Option<Repository>, Failure> {
    let files = store.files().await.map_err(Failure::from_error)?;
    let verified = files.map(|files| Repository::verify(files, pinned));
    verified
        .transpose()
        .map_err(|e| Failure::configuration(format!("trust: {}", Causes(&e))))
}

/// Finds what [`Trusting::open`] would refuse.
pub(crate) async fn check(
    config: &Config,
    passphrase: &Passphrase,
    store: &Store,
) -> Result<(), Failure> {
    let opened = Trusting::verify(config, passphrase, store, None).await;
    opened.map(drop)
}

/// Refuses to serve documents that nobody has signed where signed ones are published: clients could
/// not tell such a replica from one that somebody has put there.
async fn nothing_signed(store: &Store) -> Result<(), Failure> {
    let newest = store.trust().newest().await;
    match newest.map_err(Failure::from_error)? {
        None => Ok(()),
        Some(_) => Err(Failure::configuration(
            "the instance has signed trust metadata, and this configuration has no section trust: \
             copy trust/ from where they are served, and the section from its chancery.yaml",
        )),
    }
}

/// The trust metadata of an instance that serves.
pub(crate) struct Trusting {
    store: Arc<dyn TrustStore>,
    config: TrustConfig,
    pinned: Signed<Root>,
    keys: ServerKeys,
    operators: Option<OperatorKeys>,
    seen: Versions,
    repository: Repository,
    complaints: Complaints,
}

impl Trusting {
    /// Opens what the configuration names, keeps which versions those were, and renews what is due;
    /// `None` if it names nothing, and nothing is published.
    pub(crate) async fn open(
        config: &Config,
        passphrase: &Passphrase,
        store: &Store,
        operators: Option<OperatorKeys>,
    ) -> Result<Option<Self>, Failure> {
        let mut opened = Self::verify(config, passphrase, store, operators).await?;
        if let Some(opened) = &mut opened {
            opened.remember();
            // Before it is served: after a backup was restored, clients have seen newer ones.
            opened.look().await?;
        }
        Ok(opened)
    }

    async fn verify(
        config: &Config,
        passphrase: &Passphrase,
        store: &Store,
        operators: Option<OperatorKeys>,
    ) -> Result<Option<Self>, Failure> {
        let Some(trust) = &config.trust else {
            return nothing_signed(store).await.map(|()| None);
        };
        let pinned = read_pinned(trust)?;
        let keys = ServerKeys::load(trust, passphrase)?;
        let store = store.trust();
        let repository = read(&*store, &pinned).await?.ok_or_else(|| {
            Failure::configuration(
                "trust: nothing was published; `chancery trust init` publishes the first version",
            )
        })?;
        let seen = seen(trust)?;
        seen::require_not_before(seen, &repository)?;
        keys.require_counted(repository.root().content())?;
        Ok(Some(Self {
            store,
            config: trust.clone(),
            pinned,
            keys,
            operators,
            seen,
            repository,
            complaints: Complaints::default(),
        }))
    }

    /// Returns what is served.
    pub(crate) fn served(&self, before: Option<&TrustDocuments>) -> TrustDocuments {
        TrustDocuments::signed(&self.repository, before)
    }

    /// Takes up what others have published, and renews what is due; returns whether anything is
    /// another than before. Of processes that renew at once, one wins, and the others take that up.
    pub(crate) async fn look(&mut self) -> Result<bool, Failure> {
        let newest = self.store.newest().await.map_err(Failure::from_error)?;
        if newest != Some(self.repository.timestamp().version()) {
            return self.take_up().await;
        }
        let context = self.context();
        let Some(renewal) = due(&self.repository, &context) else {
            return Ok(false);
        };
        let online = self.keys.online();
        let renewed = renew(&self.repository, renewal, online, &context).await;
        match renewed {
            Ok(update) => self.publish(&update).await,
            Err(error) => {
                let said = format!("they are not renewed, and expire: {}", Causes(&error));
                self.complain(About::Renewal, &said);
                Ok(false)
            }
        }
    }

    async fn take_up(&mut self) -> Result<bool, Failure> {
        let found = match read(&*self.store, &self.pinned).await {
            Ok(Some(found)) => found.require_after(&self.repository).map(|()| found),
            Ok(None) => {
                self.complain(About::Stored, "nothing is stored any more");
                return Ok(false);
            }
            Err(failure) => {
                let said = format!("what is stored is not served: {failure}");
                self.complain(About::Stored, &said);
                return Ok(false);
            }
        };
        match found {
            Ok(found) => {
                if let Err(failure) = self.keys.require_counted(found.root().content()) {
                    self.complain(About::ServerKeys, &failure.to_string());
                }
                self.repository = found;
                self.remember();
                Ok(true)
            }
            Err(error) => {
                let said = format!("what is stored is not served: {error}");
                self.complain(About::Stored, &said);
                Ok(false)
            }
        }
    }

    /// Keeps what is served now, so that nothing older is after a restart. Where the files cannot
    /// be written, all is served that is verified.
    fn remember(&mut self) {
        self.seen = self.seen.highest(self.repository.versions());
        let root = self.repository.root();
        let pinned = match root.version() > self.pinned.version() {
            true => pin(&self.config.root, root).map(|()| self.pinned = root.clone()),
            false => Ok(()),
        };
        if let Err(failure) = pinned.and_then(|()| note(&self.config, &self.repository)) {
            let said = format!("older ones would be taken after a restart: {failure}");
            self.complain(About::Files, &said);
        }
    }

    async fn publish(&mut self, update: &Update) -> Result<bool, Failure> {
        match self.store.add(update).await {
            Ok(()) => {
                self.repository = update.repository().clone();
                self.remember();
                Ok(true)
            }
            Err(TrustStoreError::Overtaken) => self.take_up().await,
            Err(error) => Err(Failure::from_error(error)),
        }
    }

    /// Brings what is published to what the instance is: by itself where the operators' keys are at
    /// hand, else by telling them.
    pub(crate) async fn follow(
        &mut self,
        documents: documents::TrustDocuments,
    ) -> Result<bool, Failure> {
        let context = self.context();
        let differs = !says(&self.repository, &documents);
        let wanted = wanted(Some(&self.repository), documents, None);
        let plan = Plan::new(Some(&self.repository), &wanted, &context);
        let plan = plan.map_err(Failure::from_error)?;
        self.tell_of_expiry(context.now);
        let Some(mut plan) = plan else {
            return Ok(false);
        };
        let Some(operators) = self.operators.clone() else {
            match differs {
                true => self.complain(
                    About::Difference,
                    "the published trust root is not what this instance is; clients may refuse \
                     what is signed: run `chancery trust plan`",
                ),
                false => self.complain(
                    About::Due,
                    "half the life of what operators sign is over; `chancery trust plan` draws up \
                     the next",
                ),
            }
            return Ok(false);
        };
        for key in [operators.root, operators.targets] {
            plan.sign(&*key).await.map_err(Failure::from_error)?;
        }
        let online = self.keys.online();
        let (current, trusted) = (Some(&self.repository), Some(&self.pinned));
        let update = plan.update(current, trusted, online, &context);
        let update = update.await.map_err(Failure::from_error)?;
        self.publish(&update).await
    }

    fn context(&self) -> Context {
        Context {
            published: self.seen,
            ..Context::at(SystemTime::now())
        }
    }

    fn tell_of_expiry(&mut self, now: SystemTime) {
        for (role, expires) in self.repository.expiries() {
            if matches!(role, Role::Root | Role::Targets) && expires.left(now) < NOTICE {
                let said = format!(
                    "{role} metadata expire at {expires}, and clients refuse all from then on: run \
                     `chancery trust plan`"
                );
                self.complain(About::Expiry(role), &said);
            }
        }
    }

    /// Tells operators what is wrong, unless it was told a short time ago.
    pub(crate) fn complain(&mut self, about: About, said: &str) {
        self.complaints.say(about, said, SystemTime::now());
    }
}

/// Tells whether these documents are the published ones.
fn says(repository: &Repository, documents: &documents::TrustDocuments) -> bool {
    let wanted = documents.named();
    repository.documents().count() == wanted.len()
        && wanted
            .into_iter()
            .all(|(name, content)| repository.document(name) == Some(content))
}
