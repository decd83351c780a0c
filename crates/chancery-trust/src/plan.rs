//! The next version of what clients trust: drawn up, shown, signed where the keys are, published.

mod checking;
mod difference;
mod drawing;

use std::collections::BTreeMap;

use chancery_keys::Signer;
use serde::{Deserialize, Serialize};

use crate::documents::TrustDocuments;
use crate::tuf::{
    KeyId, MetadataError, Repository, RepositoryError, Role, RoleKeys, Root, Signed, SigningError,
    Targets, UnsupportedKey, verify_roots,
};
use crate::update::{Change, Context, OnlineKeys, Update, UpdateError};
use drawing::{next_root, next_targets, texts};

pub use difference::Difference;

const FORMAT: &str = "chancery trust plan, version 1";

/// The most bytes that a plan may have: two roots, two targets, two sets of documents.
pub const MAX_PLAN_BYTES: usize = 4 * 1024 * 1024;

/// What clients are to trust.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The keys of each role.
    pub keys: BTreeMap<Role, RoleKeys>,
    /// What the documents are to say.
    pub documents: TrustDocuments,
}

/// The next version of root and targets metadata with the documents, and the version before it to
/// compare with. It travels as a file to wherever the keys are.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    format: String,
    previous: Option<Published>,
    root: Option<Signed<Root>>,
    targets: Option<Signed<Targets>>,
    documents: BTreeMap<String, String>,
}

/// What was published before.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Published {
    /// Every version of root, so that whoever trusts an older one can follow.
    roots: Vec<Signed<Root>>,
    targets: Signed<Targets>,
    documents: BTreeMap<String, String>,
}

impl Published {
    /// Returns the newest root; there always is one in what was checked.
    fn root(&self) -> Option<&Signed<Root>> {
        self.roots.last()
    }
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Clients would not verify with a key.
    #[error(transparent)]
    Key(#[from] UnsupportedKey),
    /// Clients would not take the metadata.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// A role has no keys.
    #[error("there is no key for {0}")]
    NoKey(Role),
    /// There is no next version.
    #[error("there is no version of {0} after this")]
    Version(Role),
    /// The file is no plan.
    #[error("this is no plan for trust metadata: {0}")]
    Shape(#[from] serde_json::Error),
    /// The file is too long.
    #[error("a plan has at most {MAX_PLAN_BYTES} bytes")]
    Size,
    /// What the plan says does not fit together.
    #[error("this plan cannot be used: {0}")]
    Inconsistent(&'static str),
    /// What it says was published was not.
    #[error("what this plan compares with was never published: {0}")]
    Previous(#[source] RepositoryError),
    /// What it says was published is not what is trusted where it is to be signed.
    #[error(
        "what this plan compares with does not come from the root that is trusted here, so what it \
         shows may be false; do not sign: {0}"
    )]
    Untrusted(#[source] RepositoryError),
    /// It compares with nothing.
    #[error("this plan compares with nothing, although a root is trusted here; do not sign")]
    First,
}

/// Signatures that a plan needs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Needed {
    /// Of whose metadata.
    pub role: Role,
    /// Who must sign: of the root before it too, for a new root.
    pub by: &'static str,
    /// The keys that may.
    pub keys: Vec<KeyId>,
    /// Those that have.
    pub signed: Vec<KeyId>,
    /// How many must.
    pub threshold: u32,
}

impl Needed {
    /// Tells whether enough have signed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.signed.len() >= usize::try_from(self.threshold).unwrap_or(usize::MAX)
    }
}

impl Plan {
    /// Draws up what leads from a repository to what is wanted; `None` if it is there already.
    ///
    /// What has lived half of its time is made anew, and so is what is older than what was
    /// published. Targets are signed anew with a new root if their keys change.
    ///
    /// # Errors
    /// [`PlanError`] if clients could not follow.
    pub fn new(
        current: Option<&Repository>,
        wanted: &Wanted,
        context: &Context,
    ) -> Result<Option<Self>, PlanError> {
        for role in Role::ALL {
            if wanted
                .keys
                .get(&role)
                .is_none_or(|keys| keys.keys.is_empty())
            {
                return Err(PlanError::NoKey(role));
            }
        }
        let root = next_root(current, wanted, context)?;
        let targets = next_targets(current, root.as_ref(), wanted, context)?;
        if root.is_none() && targets.is_none() {
            return Ok(None);
        }
        let previous = current.map(|current| Published {
            roots: current.roots().to_vec(),
            targets: current.targets().clone(),
            documents: texts(current.documents()),
        });
        Ok(Some(Self {
            format: FORMAT.to_owned(),
            previous,
            documents: match &targets {
                Some(_) => texts(wanted.documents.named()),
                None => BTreeMap::new(),
            },
            root,
            targets,
        }))
    }

    /// Reads a plan from a file, and looks whether what it says fits together. Whether it has the
    /// signatures that it needs is told by [`Plan::needed`].
    ///
    /// # Errors
    /// [`PlanError`] says what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, PlanError> {
        if bytes.len() > MAX_PLAN_BYTES {
            return Err(PlanError::Size);
        }
        let plan: Self = serde_json::from_slice(bytes)?;
        plan.check()?;
        Ok(plan)
    }

    /// Refuses to show, and to sign, what does not come from a root that is trusted where the keys
    /// are: whoever made the file could let it compare with anything, and what it adds would not
    /// show. An older version that was published once does pass: look at the versions.
    ///
    /// # Errors
    /// [`PlanError::Untrusted`] and [`PlanError::First`].
    pub fn require_from(&self, trusted: &Signed<Root>) -> Result<(), PlanError> {
        let previous = self.previous.as_ref().ok_or(PlanError::First)?;
        verify_roots(&previous.roots, trusted).map_err(PlanError::Untrusted)
    }

    /// Writes the plan as a file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Returns what changes, for people to read before they sign.
    #[must_use]
    pub fn difference(&self) -> Difference {
        Difference::of(self)
    }

    /// Returns the signatures that are needed, with those that are there.
    #[must_use]
    pub fn needed(&self) -> Vec<Needed> {
        let mut needed = Vec::new();
        if let Some(root) = &self.root {
            if let Some(previous) = self.previous.as_ref().and_then(Published::root) {
                let keys = previous.content().keys(Role::Root);
                needed.push(need(root, &keys, "the root before it"));
            }
            needed.push(need(root, &root.content().keys(Role::Root), "root"));
        }
        if let (Some(targets), Some(root)) = (&self.targets, self.root_in_force()) {
            needed.push(need(targets, &root.keys(Role::Targets), "targets"));
        }
        needed
    }

    /// Returns the root under which the plan's targets count.
    fn root_in_force(&self) -> Option<&Root> {
        let previous = self.previous.as_ref().and_then(Published::root);
        self.root.as_ref().or(previous).map(Signed::content)
    }

    /// Signs what a key may sign, and returns whose metadata that was: nobody's, if the plan does
    /// not need the key.
    ///
    /// # Errors
    /// [`SigningError`] if the key does not sign.
    pub async fn sign(&mut self, signer: &dyn Signer) -> Result<Vec<Role>, SigningError> {
        let id = KeyId::of(signer.public_key())?;
        let may: Vec<Role> = self
            .needed()
            .into_iter()
            .filter(|needed| needed.keys.contains(&id))
            .map(|needed| needed.role)
            .collect();
        let mut signed = Vec::new();
        if let Some(root) = self.root.as_mut().filter(|_| may.contains(&Role::Root)) {
            root.sign(signer).await?;
            signed.push(Role::Root);
        }
        if let Some(targets) = self
            .targets
            .as_mut()
            .filter(|_| may.contains(&Role::Targets))
        {
            targets.sign(signer).await?;
            signed.push(Role::Targets);
        }
        Ok(signed)
    }

    /// Signs snapshot and timestamp, and verifies all of it as a client would: from `trusted`,
    /// which is the first root itself if nothing was published before.
    ///
    /// # Errors
    /// [`UpdateError`]: signatures are missing, or the plan does not follow what is published.
    pub async fn update(
        &self,
        current: Option<&Repository>,
        trusted: Option<&Signed<Root>>,
        online: OnlineKeys<'_>,
        context: &Context,
    ) -> Result<Update, UpdateError> {
        let published = context.published.targets;
        let version = self.targets.as_ref().map(Signed::version);
        if let Some(version) = version.filter(|version| version.get() <= published) {
            return Err(UpdateError::Published { version, published });
        }
        let documents = self.documents.values();
        let change = Change {
            root: self.root.clone(),
            targets: self.targets.clone(),
            documents: documents.map(|text| text.clone().into_bytes()).collect(),
        };
        let first = self.root.as_ref().filter(|_| current.is_none());
        let trusted = trusted.or(first).ok_or(UpdateError::NoRoot)?;
        Update::make(current, change, true, trusted, online, context).await
    }

    /// Tells whether all that the plan has is the newest that is published.
    #[must_use]
    pub fn is_published(&self, repository: &Repository) -> bool {
        let (root, targets) = (repository.root(), repository.targets());
        let is = |new: Option<&[u8]>, old: &[u8]| new.is_none_or(|new| new == old);
        is(self.root.as_ref().map(Signed::canonical), root.canonical())
            && is(
                self.targets.as_ref().map(Signed::canonical),
                targets.canonical(),
            )
    }

    /// Returns the new root, if there is one.
    #[must_use]
    pub fn root(&self) -> Option<&Signed<Root>> {
        self.root.as_ref()
    }
}

fn need<T: crate::tuf::Metadata>(
    metadata: &Signed<T>,
    keys: &RoleKeys,
    by: &'static str,
) -> Needed {
    let names = keys.keys.iter().filter_map(|key| KeyId::of(key).ok());
    Needed {
        role: T::ROLE,
        by,
        keys: names.collect(),
        signed: metadata.signed_by(keys).into_iter().collect(),
        threshold: keys.threshold.get(),
    }
}
