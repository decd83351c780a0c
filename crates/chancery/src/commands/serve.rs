//! `chancery serve`: runs an instance that `init` made. Makes nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use chancery_server::{AppState, CorsPolicy, Logs, Tls, TrustDocuments};
use chancery_store::Purpose;

use crate::cli::{ServeArgs, SettingsArgs};
use crate::config::{Config, TlsConfig, parse_url};
use crate::exporting::Exporting;
use crate::failure::{Causes, Failure};
use crate::identity::IdentitySource;
use crate::ledgers::Changed;
use crate::opening::{self, Opened};
use crate::reload::{Hangup, IdentityPart, KeysPart, Part, Reloader, Settings, TlsPart};
use crate::scrubbing::Scrubbing;
use crate::serving::{Listeners, Watch};
use crate::shards::{Rotation, Shards, WriteDocuments};
use crate::stamping::Stamping;
use crate::trusting::{Described, Trusting};
use crate::{ledgers, logging, serving};

pub(crate) async fn run(args: ServeArgs) -> Result<(), Failure> {
    logging::start("info");
    let hangup = Hangup::take()?;
    let at_start = Config::load(&args.settings.instance.config)?;
    let config = args.settings.apply_to(at_start.clone())?;
    parse_url(&config.url)?;
    config.check_listeners()?;

    let source = IdentitySource::of(&config);
    let identity = source.read()?;
    identity.warn();
    let issuers = source.issuers(identity.config.clone())?;
    let opened = opening::open(&config, issuers, Purpose::Production).await?;
    let trusting = Trusting::open(&config, opened.passphrase(), opened.store(), None).await?;
    let (app, rotation) = app_state(&config, &opened, &[], trusting).await?;
    let listeners = Listeners {
        public: serving::bind(config.listen).await?,
        grpc: match config.grpc_listen {
            Some(address) => Some(serving::bind(address).await?),
            None => None,
        },
        tls: tls(&config)?,
        admin: Some(serving::bind(config.admin_listen).await?),
    };
    let authority = || Arc::clone(&opened.authority);
    let mut parts: Vec<Box<dyn Part>> =
        vec![Box::new(IdentityPart::new(source, identity, authority()))];
    if let Some(keys) = KeysPart::new(&config, authority()) {
        parts.push(Box::new(keys));
    }
    if let Some(tls) = &listeners.tls {
        parts.push(Box::new(TlsPart::new(&config, tls.clone())));
    }
    let settings = Settings {
        path: args.settings.instance.config,
        at_start,
    };
    let watch = Watch {
        reloader: Reloader::new(parts, Some(settings), Arc::clone(&app.metrics)),
        hangup,
        stop: serving::stop_on_signal()?,
    };
    if let Some(timestamps) = &opened.timestamps {
        timestamps.watch_clock(&watch.stop);
    }
    let limit = config.log.scrub_entries_per_second;
    let scrubbing = Scrubbing::new(&app.metrics, limit, &watch.stop);
    let mut exporting = Exporting::new(&config, &app.metrics, &watch.stop);
    tracing::info!(
        url = config.url,
        listen = %config.listen,
        admin.listen = %config.admin_listen,
        tls = config.tls.is_some(),
        log.origin = opened.authority.log().map(|log| log.origin().to_string()),
        log.tree_size = opened.authority.log().map(|log| log.status().tree.tree_size),
        "serving"
    );
    exporting.follow(&opened.shards);
    for (recorded, log) in opened.ledgers.published() {
        exporting.publish(recorded, log, opened.shards.writer(recorded));
    }
    let exporting = Arc::new(Mutex::new(exporting));
    let (ledgers_exporting, store) = (Arc::clone(&exporting), opened.closing.store().clone());
    let changed: Changed = Box::new(move |recorded, log| {
        let store = store.log_store(recorded.log);
        locked(&ledgers_exporting).publish(recorded, log, store);
    });
    let passphrase = opened.passphrase().clone();
    let (mut closing, ledgers) = (opened.closing, opened.ledgers);
    let store = closing.store();
    let following = ledgers::Following::new(&config, passphrase, store, ledgers, &app, changed);
    closing.follow(following, watch.stop.clone());
    let mut rotation = rotation.of(opened.shards, scrubbing);
    let mut changed = rotation.changed;
    rotation.changed = Box::new(move |shards| {
        changed(shards);
        locked(&exporting).follow(shards);
    });
    serving::run(closing, app, listeners, watch, rotation).await
}

fn locked(exporting: &Mutex<Exporting>) -> MutexGuard<'_, Exporting> {
    exporting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SettingsArgs {
    /// Puts what was said on the command line and in the environment over a configuration.
    pub(crate) fn apply_to(&self, mut config: Config) -> Result<Config, Failure> {
        put_database(&mut config, self.instance.database.clone())?;
        config.listen = self.listen.unwrap_or(config.listen);
        config.admin_listen = self.admin_listen.unwrap_or(config.admin_listen);
        config.any_owner.extend(self.any_owner.iter().cloned());
        Ok(config)
    }
}

/// Loads the certificate that listeners use, if they use one.
pub(crate) fn tls(config: &Config) -> Result<Option<Tls>, Failure> {
    let load = |tls: &TlsConfig| {
        Tls::load(&tls.certificate, &tls.key)
            .map_err(|e| Failure::configuration(format!("tls: {}", Causes(&e))))
    };
    config.tls.as_ref().map(load).transpose()
}

/// Reads which web pages may use this instance.
pub(crate) fn cors(config: &Config) -> Result<CorsPolicy, Failure> {
    match &config.cors_origins {
        None => Ok(CorsPolicy::default()),
        Some(origins) => CorsPolicy::parse(origins)
            .map_err(|e| Failure::configuration(format!("cors-origins: {e}"))),
    }
}

/// Puts the database that was given by a flag or the environment over the configured one.
pub(crate) fn put_database(config: &mut Config, given: Option<String>) -> Result<(), Failure> {
    if let Some(url) = given_database(given)? {
        config.database = Some(url);
        config.database_file = None;
    }
    Ok(())
}

/// Takes the database from a flag or the environment. A password in an argument would be readable
/// by every process of the machine.
pub(crate) fn given_database(url: Option<String>) -> Result<Option<String>, Failure> {
    let Some(url) = url else { return Ok(None) };
    let parsed =
        chancery_store::DatabaseUrl::parse(&url).map_err(|e| Failure::configuration(Causes(&e)))?;
    if parsed.has_password() && is_argument(&url) {
        return Err(Failure::usage(
            "a database URL with a password does not belong into an argument, where every process \
             can read it; set CHANCERY_DATABASE or use a file",
        ));
    }
    Ok(Some(url))
}

/// Tells whether a text was given as an argument, or a part of one.
pub(crate) fn is_argument(text: &str) -> bool {
    std::env::args_os().any(|argument| argument.to_string_lossy().contains(text))
}

/// Makes what the public routes serve from, and what keeps it in step with the logs.
pub(crate) async fn app_state(
    config: &Config,
    opened: &Opened,
    login: &[String],
    trusting: Option<Trusting>,
) -> Result<(AppState, Following), Failure> {
    let described = Described::of(config, &opened.instance, login)?;
    let write: WriteDocuments = Box::new(move |logs, chains| described.documents(logs, chains));
    let documents = match &trusting {
        Some(trusting) => trusting.served(None),
        None => {
            let chains = &opened.instance.timestamp_chains;
            TrustDocuments::unsigned(write(&opened.shards.trusted()?, chains)?)
        }
    };
    let documents = Arc::new(ArcSwap::from_pointee(documents));
    let logs = Logs::new(opened.shards.served());
    let published = config.export.as_ref();
    let logs = match published.and_then(|export| export.url.as_deref()) {
        Some(url) => logs.published_at(url),
        None => logs,
    };
    let ledgers = ledgers::serve(config, &opened.instance, &opened.ledgers, &logs);
    let following = Following {
        served: logs.clone(),
        documents: Arc::clone(&documents),
        write,
        trusting,
        stamping: opened.timestamps.clone(),
    };
    let app = AppState {
        authority: Arc::clone(&opened.authority),
        url: config.url.as_str().into(),
        documents,
        logs,
        ledgers,
        submissions: opened.shards.submissions(),
        timestamps: opened.timestamps.as_ref().map(|t| Arc::clone(&t.authority)),
        limits: chancery_server::RequestLimits::default(),
        cors: cors(config)?,
        metrics: serving::metrics(config.fulcio_metrics),
        dev_oidc: None,
        unlisted_issuer: None,
    };
    Ok((app, following))
}

/// What is served of the logs, which changes with them.
pub(crate) struct Following {
    served: Logs,
    documents: Arc<ArcSwap<TrustDocuments>>,
    write: WriteDocuments,
    trusting: Option<Trusting>,
    stamping: Option<Stamping>,
}

impl Following {
    /// Follows these logs, each of which is verified in the background.
    pub(crate) fn of(self, shards: Shards, mut scrubbing: Scrubbing) -> Rotation {
        scrubbing.follow(&shards);
        Rotation {
            shards,
            served: self.served,
            documents: self.documents,
            write: self.write,
            trusting: self.trusting,
            stamping: self.stamping,
            changed: Box::new(move |shards| scrubbing.follow(shards)),
        }
    }
}
