//! `chancery trust`: what clients trust, from plan to publication.

mod keys;
mod roles;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use chancery_keys::{LocalKey, Passphrase, file};
use chancery_store::{Access, ConnectOptions, Instance, Store};
use chancery_trust::plan::{MAX_PLAN_BYTES, Needed, Plan};
use chancery_trust::store::TrustStoreError;
use chancery_trust::tuf::{Repository, Root, Signed};
use chancery_trust::update::Context;
use sha2::{Digest as _, Sha256};

pub(crate) use self::keys::key;
use crate::cli::{
    InstanceArgs, OperatorKeysArgs, RoleKeysArgs, TrustExportArgs, TrustInitArgs, TrustPlanArgs,
    TrustPublishArgs, TrustSignArgs, TrustUpdateArgs,
};
use crate::commands::serve::put_database;
use crate::config::{Config, TrustConfig};
use crate::connecting;
use crate::failure::{Causes, Failure};
use crate::founding::{make_passphrase, replace, write_new};
use crate::layout::Layout;
use crate::opening::{self, passphrase};
use crate::reading;
use crate::report::say;
use crate::trusting::{self, Described, ServerKeys, pin, read_pinned, read_root, wanted};

/// An instance whose trust metadata are looked at, or added to.
struct Opened {
    config: Config,
    store: Store,
    instance: Instance,
}

impl Opened {
    /// Opens it, also beside a process that serves it.
    async fn of(args: &InstanceArgs, access: Access) -> Result<Self, Failure> {
        let mut config = Config::load(&args.config)?;
        put_database(&mut config, args.database.clone())?;
        let options = ConnectOptions {
            access,
            ..ConnectOptions::default()
        };
        let store = connecting::connect_with(&connecting::database_url(&config)?, options).await?;
        store.check_schema().await.map_err(Failure::by_fault)?;
        let instance = connecting::own(&store).await?;
        Ok(Self {
            config,
            store,
            instance,
        })
    }

    fn trust(&self) -> Result<&TrustConfig, Failure> {
        self.config.trust.as_ref().ok_or_else(|| {
            Failure::configuration(
                "the configuration has no section trust; `chancery trust init` makes its keys",
            )
        })
    }

    async fn published(&self) -> Result<Published, Failure> {
        let pinned = read_pinned(self.trust()?)?;
        let found = trusting::read(&*self.store.trust(), &pinned).await?;
        let repository =
            found.ok_or_else(|| Failure::configuration("no trust metadata are published"))?;
        let seen = trusting::seen(self.trust()?)?;
        trusting::require_root(seen, &repository)?;
        let context = Context {
            published: seen,
            ..Context::at(SystemTime::now())
        };
        Ok(Published {
            repository,
            pinned,
            context,
        })
    }

    /// Draws up what leads from what is published to what the instance is.
    fn plan(&self, from: &Published, roles: &RoleKeysArgs) -> Result<Option<Plan>, Failure> {
        let documents = Described::recorded(&self.config, &self.instance)?;
        let current = Some(&from.repository);
        let others = roles::others(roles, from.repository.root().content())?;
        let wanted = wanted(current, documents, Some(&others));
        Plan::new(current, &wanted, &from.context).map_err(|e| Failure::configuration(Causes(&e)))
    }

    async fn publish(&self, plan: &Plan, from: &Published) -> Result<(), Failure> {
        if let Some(needed) = plan.needed().iter().find(|needed| !needed.is_complete()) {
            return Err(Failure::verification(format!(
                "signatures are missing: {}",
                said(needed)
            )));
        }
        let trust = self.trust()?;
        if plan.is_published(&from.repository) {
            pin(&trust.root, from.repository.root())?;
            trusting::note(trust, &from.repository)?;
            say(format_args!("This is published already.\n"));
            return Ok(());
        }
        let keys = ServerKeys::load(trust, &passphrase(&self.config)?)?;
        let (current, trusted) = (Some(&from.repository), Some(&from.pinned));
        let update = plan.update(current, trusted, keys.online(), &from.context);
        let update = update.await;
        let update = update.map_err(|e| Failure::verification(Causes(&e)))?;
        let added = self.store.trust().add(&update).await;
        added.map_err(|e| match e {
            TrustStoreError::Overtaken => Failure::failed(
                "something else was published in between, perhaps a renewal: publish again; if the \
                 plan then does not follow, make a new one",
            ),
            other => Failure::from_error(other),
        })?;
        let repository = update.repository();
        let versions = repository.versions();
        let pinned = pin(&trust.root, repository.root());
        let pinned = pinned.and_then(|()| trusting::note(trust, repository));
        pinned.map_err(|e| {
            Failure::failed(format!(
                "published, but not pinned: {e}; run this again where it can be written"
            ))
        })?;
        say(format_args!(
            "published: root {}, targets {}, snapshot {}, timestamp {}. A running `serve` takes it \
             up by itself.\n",
            versions.root, versions.targets, versions.snapshot, versions.timestamp,
        ));
        if plan.root().is_some() {
            say(format_args!(
                "Give other replicas {0} and the server's keys; keep {0} with the operators' keys.\n",
                trust.root.display()
            ));
        }
        Ok(())
    }
}

/// What is published, and what it was verified from.
struct Published {
    repository: Repository,
    pinned: Signed<Root>,
    context: Context,
}

pub(crate) async fn init(args: TrustInitArgs) -> Result<(), Failure> {
    let opened = Opened::of(&args.instance, Access::AddLog).await?;
    let newest = opened.store.trust().newest().await;
    if newest.map_err(Failure::from_error)?.is_some() {
        return Err(Failure::usage(
            "trust metadata are published already; rotate keys with `chancery trust plan`",
        ));
    }
    let layout = Layout::new(&opened.config.folder);
    layout.make()?;
    let offline = match &args.passphrase_file {
        Some(path) => file::read_passphrase_file(path).map_err(opening::configuration)?,
        None if layout.root_passphrase().exists() => {
            file::read_passphrase_file(&layout.root_passphrase()).map_err(opening::configuration)?
        }
        None => make_passphrase(&layout.root_passphrase())?,
    };
    let server = passphrase(&opened.config)?;
    let (server, operators) = trusting::take_or_make_keys(&layout, &server, &offline)?;
    let documents = Described::recorded(&opened.config, &opened.instance)?;
    trusting::publish_first(&layout, &opened.store, documents, &server, &operators).await?;
    say(format_args!(
        "Version 1 is published. Put this into {}, restart `serve`, and take {} off this machine:\n\n\
         trust:\n  root: trust/root.json\n  snapshot-key: trust/snapshot.key.pem\n  \
         timestamp-key: trust/timestamp.key.pem\n",
        layout.config().display(),
        layout.folder().join("offline").display(),
    ));
    Ok(())
}

pub(crate) async fn show(args: InstanceArgs) -> Result<(), Failure> {
    let opened = Opened::of(&args, Access::ReadOnly).await?;
    let published = opened.published().await?;
    let repository = &published.repository;
    let root = repository.root().content();
    let versions = repository.versions();
    for (role, expires) in repository.expiries() {
        let version = versions.of(role);
        let keys = root.role(role);
        say(format_args!(
            "{role:<9} version {version}, expires {expires}, {} of {} keys\n",
            keys.threshold,
            keys.keyids.len()
        ));
        for id in &keys.keyids {
            say(format_args!("          key {id}\n"));
        }
    }
    for (name, file) in repository.targets().content().documents() {
        let sha256 = hex::encode(file.hashes.sha256);
        say(format_args!("{sha256}  {name}\n"));
    }
    let expired = repository.expired(published.context.now);
    let no_other = RoleKeysArgs {
        keys: Vec::new(),
        thresholds: Vec::new(),
    };
    if let Some(plan) = opened.plan(&published, &no_other)? {
        say(format_args!(
            "\nThis is not what the instance is, or it is due. `chancery trust plan` would change:\n\
             {}\n",
            plan.difference()
        ));
    }
    match expired.first() {
        Some(role) => Err(Failure::verification(format!(
            "the metadata of {role} have expired, and clients refuse all"
        ))),
        None => Ok(()),
    }
}

pub(crate) async fn root_checksum(args: InstanceArgs) -> Result<(), Failure> {
    let opened = Opened::of(&args, Access::ReadOnly).await?;
    let published = opened.published().await?;
    let root = served_root(&published.repository);
    say(format_args!("{}\n", hex::encode(Sha256::digest(root))));
    Ok(())
}

/// Returns `root.json` as it is served: the newest.
pub(crate) fn served_root(repository: &Repository) -> &[u8] {
    let newest = repository.files().roots.last();
    newest.map_or(&[], |root| &root[..])
}

pub(crate) async fn plan(args: TrustPlanArgs) -> Result<(), Failure> {
    let opened = Opened::of(&args.instance, Access::ReadOnly).await?;
    let published = opened.published().await?;
    let Some(plan) = opened.plan(&published, &args.roles)? else {
        say(format_args!(
            "Nothing is to be changed: what is published is what the instance is.\n"
        ));
        return Ok(());
    };
    write_new(&args.out, &plan.to_bytes(), 0o644)?;
    show_plan(&plan);
    say(format_args!(
        "\nNext, where the keys are:\n  chancery trust sign {path} --root FILE --key FILE \
         --passphrase-file FILE\nThen, here:\n  chancery trust publish {path}\n",
        path = args.out.display()
    ));
    Ok(())
}

pub(crate) async fn sign(args: TrustSignArgs) -> Result<(), Failure> {
    let mut plan = read_plan(&args.plan)?;
    let root = args.root.as_deref().map(read_root).transpose()?;
    if let Some(root) = &root {
        let comes = plan.require_from(root);
        comes.map_err(|e| Failure::verification(Causes(&e)))?;
    }
    let signs = !args.keys.keys.is_empty();
    if signs && root.is_none() {
        return Err(Failure::usage(
            "say where the root.json is that you keep with the keys: --root FILE. What the plan \
             compares with has to come from it, or what it shows may be false",
        ));
    }
    show_plan(&plan);
    if root.is_none() {
        say(format_args!(
            "\nThis may be false: without --root FILE, a plan can compare with anything.\n"
        ));
    }
    if !signs {
        return Ok(());
    }
    sign_with(&mut plan, &args.keys).await?;
    replace(&args.plan, &plan.to_bytes())?;
    say(format_args!("\nsigned:\n"));
    show_needed(&plan);
    Ok(())
}

pub(crate) async fn publish(args: TrustPublishArgs) -> Result<(), Failure> {
    let plan = read_plan(&args.plan)?;
    let opened = Opened::of(&args.instance, Access::AddLog).await?;
    let published = opened.published().await?;
    opened.publish(&plan, &published).await
}

pub(crate) async fn update(args: TrustUpdateArgs) -> Result<(), Failure> {
    let opened = Opened::of(&args.instance, Access::AddLog).await?;
    let published = opened.published().await?;
    let Some(mut plan) = opened.plan(&published, &args.roles)? else {
        say(format_args!("Nothing is to be changed.\n"));
        return Ok(());
    };
    let comes = plan.require_from(&published.pinned);
    comes.map_err(|e| Failure::verification(Causes(&e)))?;
    show_plan(&plan);
    sign_with(&mut plan, &args.keys).await?;
    opened.publish(&plan, &published).await
}

pub(crate) async fn export(args: TrustExportArgs) -> Result<(), Failure> {
    let opened = Opened::of(&args.instance, Access::ReadOnly).await?;
    let published = opened.published().await?;
    let folder = args.to.join("targets");
    let made = fs::create_dir_all(&folder);
    made.map_err(|e| Failure::failed(format!("cannot make {}: {e}", folder.display())))?;
    // The timestamp last: whoever reads in between finds what it names.
    let mut files: Vec<_> = published.repository.named_files().collect();
    files.sort_by_key(|(name, _)| name == "timestamp.json");
    for (name, content) in files {
        replace(&args.to.join(name), content)?;
    }
    Ok(())
}

async fn sign_with(plan: &mut Plan, args: &OperatorKeysArgs) -> Result<(), Failure> {
    let Some(path) = &args.passphrase_file else {
        return Err(Failure::usage(
            "say where the keys' passphrase is: --passphrase-file FILE, or /dev/stdin",
        ));
    };
    let passphrase = file::read_passphrase_file(path).map_err(opening::configuration)?;
    for path in &args.keys {
        let key = load(path, &passphrase)?;
        let signed = plan.sign(&*key).await.map_err(Failure::from_error)?;
        let Some(first) = signed.first() else {
            say(format_args!("{} is not asked for.\n", path.display()));
            continue;
        };
        let and = match signed.get(1) {
            Some(second) => format!(" and {second}"),
            None => String::new(),
        };
        say(format_args!("{} signs {first}{and}.\n", path.display()));
    }
    Ok(())
}

fn load(path: &Path, passphrase: &Passphrase) -> Result<Arc<LocalKey>, Failure> {
    let [key] = crate::keys::load([path], passphrase)?;
    Ok(Arc::new(key))
}

fn read_plan(path: &Path) -> Result<Plan, Failure> {
    let limit = u64::try_from(MAX_PLAN_BYTES).unwrap_or(u64::MAX);
    let bytes = reading::read_bounded(path, limit).map_err(|e| reading::named(path, &e))?;
    Plan::parse(&bytes).map_err(|e| reading::named(path, &e))
}

fn show_plan(plan: &Plan) {
    say(format_args!("{}\n\nsignatures:\n", plan.difference()));
    show_needed(plan);
}

fn show_needed(plan: &Plan) {
    for needed in plan.needed() {
        say(format_args!("  {}\n", said(&needed)));
    }
}

fn said(needed: &Needed) -> String {
    let missing = needed.keys.iter().filter(|id| !needed.signed.contains(id));
    let missing: Vec<String> = missing.map(ToString::to_string).collect();
    let (role, by) = (needed.role, needed.by);
    let has = format!(
        "{role}: {} of {} by the keys for {by}",
        needed.signed.len(),
        needed.threshold
    );
    match needed.is_complete() {
        true => has,
        false => format!("{has}; may sign: {}", missing.join(", ")),
    }
}
