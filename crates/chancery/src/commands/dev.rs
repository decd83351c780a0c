//! `chancery dev`: a whole throw-away CA on this machine, with a test identity provider.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chancery_identity::IdentityConfig;
use chancery_keys::{KeyType, file};
use chancery_log::clock::SystemClock;
use chancery_server::dev_oidc::{DEV_IDENTITY_GRANT, DevOidc, DevOidcConfig};
use chancery_server::{AppState, TrustDocuments};
use chancery_store::Purpose;
use chancery_tlog::Origin;
use url::Url;

use crate::cli::DevArgs;
use crate::commands::serve::{Following, app_state, given_database};
use crate::config::{Config, LogRead, Required};
use crate::connecting;
use crate::failure::Failure;
use crate::founding::{Founding, empty_database, found_timestamps, make_passphrase, write_new};
use crate::identity::IdentitySource;
use crate::keys;
use crate::layout::Layout;
use crate::opening::{self, Opened};
use crate::reload::{Hangup, IdentityPart, Reloader};
use crate::scrubbing::Scrubbing;
use crate::serving::{Listeners, Watch};
use crate::trusting::{self, Described, OperatorKeys, Trusting};
use crate::{ledgers, logging, serving};

const LOG_NAME: &str = "dev";
const ORGANIZATION: &str = "chancery development";

/// A development instance: where it is and where it listens.
#[derive(Debug)]
pub(crate) struct Development {
    pub(crate) layout: Layout,
    pub(crate) listen: SocketAddr,
    pub(crate) identity_config: Option<PathBuf>,
    pub(crate) database: Option<String>,
}

/// A development instance that is open.
pub(crate) struct OpenDevelopment {
    pub(crate) opened: Opened,
    pub(crate) app: AppState,
    pub(crate) following: Following,
    pub(crate) identity: IdentityPart,
}

pub(crate) async fn run(args: DevArgs) -> Result<(), Failure> {
    logging::start("info");
    let hangup = Hangup::take()?;
    for address in [Some(args.listen), args.admin_listen].into_iter().flatten() {
        if !address.ip().is_loopback() {
            return Err(Failure::usage(format!(
                "dev listens on loopback addresses only, not on {address}: anyone who reaches it \
                 is whoever they say they are"
            )));
        }
    }
    let layout = Layout::new(&args.data);
    let public = serving::bind(args.listen).await?;
    if args.reset {
        // After the port: whoever runs there uses the folder.
        throw_away(&layout)?;
    }
    let admin = match args.admin_listen {
        Some(address) => Some(serving::bind(address).await?),
        None => None,
    };
    let development = Development {
        layout,
        listen: public.local_addr().map_err(Failure::from_error)?,
        identity_config: args.identity_config,
        database: given_database(args.database)?,
    };
    let OpenDevelopment {
        opened,
        app,
        following,
        identity,
    } = development.open().await?;
    let watch = Watch {
        reloader: Reloader::new(vec![Box::new(identity)], None, Arc::clone(&app.metrics)),
        hangup,
        stop: serving::stop_on_signal()?,
    };
    let scrubbing = Scrubbing::new(&app.metrics, None, &watch.stop);
    let passphrase = opened.passphrase().clone();
    let (mut closing, ledgers) = (opened.closing, opened.ledgers);
    let config = development.config();
    let store = closing.store();
    let changed = Box::new(|_: &_, _| ());
    let ledgers = ledgers::Following::new(&config, passphrase, store, ledgers, &app, changed);
    closing.follow(ledgers, watch.stop.clone());
    let rotation = following.of(opened.shards, scrubbing);
    development.print_banner(&app.documents.load());
    let listeners = Listeners {
        public,
        grpc: None,
        tls: None,
        admin,
    };
    serving::run(closing, app, listeners, watch, rotation).await
}

impl Development {
    /// Returns the URL of the instance.
    pub(crate) fn url(&self) -> String {
        match self.listen.ip() {
            IpAddr::V4(ip) if ip.octets() == [127, 0, 0, 1] => {
                format!("http://localhost:{}", self.listen.port())
            }
            _ => format!("http://{}", self.listen),
        }
    }

    /// Opens the instance; founds it first if the folder holds none.
    pub(crate) async fn open(&self) -> Result<OpenDevelopment, Failure> {
        let config = self.config();
        // Founding may begin anew where it broke off early; what may hold a log is never touched.
        if !self.layout.chain().exists() && !self.layout.guard().exists() {
            self.found(&config).await?;
        }
        self.refuse_production()?;
        if !self.layout.tsa_chain().exists() {
            self.found_timestamps()?;
        }
        self.begin_ledger(&config).await?;
        let url = Url::parse(&config.url).map_err(Failure::from_error)?;
        let source = self.identity()?;
        let identity = source.read()?;
        identity.warn();
        let issuers = source.issuers(identity.config.clone())?;
        let opened = opening::open(&config, issuers, Purpose::Development).await?;
        let dev_oidc = self.dev_oidc(&url)?;
        let login = [dev_oidc.issuer().to_owned()];
        let trusting = self.trust(&config, &opened, &login).await?;
        let (mut app, following) = app_state(&config, &opened, &login, Some(trusting)).await?;
        app.unlisted_issuer = self
            .identity_config
            .as_ref()
            .map(|_| dev_oidc.issuer().into());
        app.dev_oidc = Some(dev_oidc);
        let identity = IdentityPart::new(source, identity, Arc::clone(&opened.authority));
        Ok(OpenDevelopment {
            opened,
            app,
            following,
            identity,
        })
    }

    /// Opens the trust metadata, whose every key is here; makes them first if there are none.
    async fn trust(
        &self,
        config: &Config,
        opened: &Opened,
        login: &[String],
    ) -> Result<Trusting, Failure> {
        let layout = &self.layout;
        let logs = opened.shards.trusted()?;
        let chains = &opened.instance.timestamp_chains;
        let documents = Described::of(config, &opened.instance, login)?.documents(&logs, chains)?;
        let offline = file::read_passphrase_file(&layout.root_passphrase());
        let offline = offline.map_err(Failure::from_error)?;
        let operators = if layout.tuf_targets_key().exists() {
            let paths = [&*layout.tuf_root_key(), &*layout.tuf_targets_key()];
            let [root, targets] = keys::load(paths, &offline)?.map(Arc::new);
            OperatorKeys { root, targets }
        } else {
            layout.make()?;
            let (server, operators) = trusting::make_keys(layout, opened.passphrase(), &offline)?;
            let (store, documents) = (opened.store(), documents.clone());
            trusting::publish_first(layout, store, documents, &server, &operators).await?;
            operators
        };
        let passphrase = opened.passphrase();
        let opened = Trusting::open(config, passphrase, opened.store(), Some(operators)).await?;
        let mut trusting = opened.ok_or_else(|| Failure::failed("there is no section trust"))?;
        trusting.look().await?;
        trusting.follow(documents).await?;
        Ok(trusting)
    }

    fn config(&self) -> Config {
        let origin = format!("{}/ct/{LOG_NAME}", self.host());
        let (ca, log, guard) = self.layout.sections(LOG_NAME, &origin, LogRead::Open);
        let sqlite = || format!("sqlite:{}", self.layout.sqlite().display());
        let ledger = self.layout.ledger(&self.host(), &guard);
        let mut config = Config::new(Required {
            url: self.url(),
            organization: ORGANIZATION.to_owned(),
            identity_config: "identity.yaml".into(),
            ca,
            log,
            guard,
        });
        config.listen = self.listen;
        config.admin_listen = self.listen;
        config.passphrase_file = Some("secrets/passphrase".into());
        config.timestamps = Some(Layout::timestamps());
        config.ledger = Some(ledger);
        config.trust = Some(self.layout.trust());
        config.resolve(self.layout.folder());
        config.database = Some(self.database.clone().unwrap_or_else(sqlite));
        config
    }

    fn host(&self) -> String {
        match self.listen.ip() {
            IpAddr::V4(ip) if ip.octets() != [127, 0, 0, 1] => ip.to_string(),
            _ => "localhost".to_owned(),
        }
    }

    async fn found(&self, config: &Config) -> Result<(), Failure> {
        if self.layout.development_mark().exists() {
            // An earlier start broke off before there was an instance.
            throw_away(&self.layout)?;
        }
        self.layout.make()?;
        write_new(
            &self.layout.development_mark(),
            b"Keys in this folder are for tests.\n",
            0o644,
        )?;
        let store = empty_database(&connecting::database_url(config)?).await?;
        let passphrase = make_passphrase(&self.layout.passphrase())?;
        let root_passphrase = make_passphrase(&self.layout.root_passphrase())?;
        let origin = Origin::parse(&config.log.origin).map_err(Failure::from_error)?;
        keys::make([(self.layout.dev_oidc_key(), KeyType::Rsa2048, &passphrase)])?;
        Founding {
            layout: &self.layout,
            purpose: Purpose::Development,
            url: &config.url,
            organization: ORGANIZATION,
            log_name: LOG_NAME,
            origin: &origin,
            readers: config.log.read.readers(),
            guard: &config.guard.place,
            passphrase: &passphrase,
            root_passphrase: &root_passphrase,
            timestamps: true,
        }
        .found(store)
        .await
        .map(drop)
    }

    /// Makes a timestamp authority in a folder of a version that knew none.
    fn found_timestamps(&self) -> Result<(), Failure> {
        let read = |path: &Path| file::read_passphrase_file(path).map_err(Failure::from_error);
        let passphrase = read(&self.layout.passphrase())?;
        let root_passphrase = read(&self.layout.root_passphrase())?;
        found_timestamps(&self.layout, ORGANIZATION, &passphrase, &root_passphrase)
    }

    /// Makes the ledger, also in a folder of an earlier version, which has none.
    async fn begin_ledger(&self, config: &Config) -> Result<(), Failure> {
        if self.layout.ledger_key().exists() {
            return Ok(());
        }
        let passphrase = opening::passphrase(config)?;
        let store = connecting::up_to_date(&connecting::database_url(config)?).await?;
        let begun = ledgers::found(config, &passphrase, &store).await;
        store.close().await;
        begun.map(drop)
    }

    fn refuse_production(&self) -> Result<(), Failure> {
        if self.layout.development_mark().exists() {
            return Ok(());
        }
        Err(Failure::configuration(format!(
            "{} was not made by `chancery dev`; name another folder with --data",
            self.layout.folder().display()
        )))
    }

    /// Takes the built-in issuer, and those of the file.
    fn identity(&self) -> Result<IdentitySource, Failure> {
        let built_in = format!("{}/dev-oidc", self.url());
        let text = format!(
            "oidc-issuers:\n  {built_in}:\n    issuer-url: {built_in}\n    client-id: sigstore\n    \
             type: email\n"
        );
        let built_in = IdentityConfig::parse(text.as_bytes(), "the built-in issuer")
            .map_err(Failure::from_error)?;
        Ok(IdentitySource {
            file: self.identity_config.clone(),
            built_in: Some(built_in),
            any_owner: Vec::new(),
            development: true,
        })
    }

    fn dev_oidc(&self, url: &Url) -> Result<DevOidc, Failure> {
        let passphrase =
            file::read_passphrase_file(&self.layout.passphrase()).map_err(Failure::from_error)?;
        let [key] = keys::load([&self.layout.dev_oidc_key()], &passphrase)?;
        let clock = Arc::new(SystemClock);
        DevOidc::new(DevOidcConfig {
            url,
            listen: self.listen,
            key: Arc::new(key),
            clock,
        })
        .map_err(Failure::from_error)
    }

    fn print_banner(&self, documents: &TrustDocuments) {
        let url = self.url();
        let root = documents.root();
        let name = root.map(|root| root.file_name()).unwrap_or_default();
        let checksum = root.map(|root| root.checksum()).unwrap_or_default();
        let folder = self.layout.folder().display();
        println!(
            "\
Chancery development CA  ***  NOT FOR PRODUCTION: anybody here is whoever they say  ***

  CA and page       {url}/
  log               {url}/ct/{LOG_NAME}/checkpoint
  ledger            {url}/api/v2/checkpoint
  timestamps        {url}/api/v1/timestamp
  test issuer       {url}/dev-oidc
  trust root        {url}/trusted_root.json
  signing config    {url}/signing_config.v0.2.json
  TUF repository    {url}/tuf
  keys, database    {folder}

A token for anybody:
  curl -s -d grant_type={DEV_IDENTITY_GRANT} -d email=you@example.com {url}/dev-oidc/token

Have cosign trust it, in its own home, until another `cosign initialize`:
  cosign initialize --mirror {url}/tuf --root {url}/tuf/{name} --root-checksum {checksum}

Sign and verify with it; the ledger and a timestamp let it verify after the certificate's end:
  curl -s -d grant_type={DEV_IDENTITY_GRANT} -d email=you@example.com {url}/dev-oidc/token \\
    | sed 's/.*\"id_token\":\"\\([^\"]*\\)\".*/\\1/' > token
  cosign sign-blob --yes --identity-token token --bundle bundle.json FILE
  cosign verify-blob --bundle bundle.json --certificate-identity you@example.com \\
    --certificate-oidc-issuer {url}/dev-oidc FILE

With Chancery itself, from a checksum that was compared on:
  chancery client setup {url} --root-checksum {checksum}
  chancery sign FILE --as you@example.com
  chancery verify FILE --identity you@example.com --issuer {url}/dev-oidc

For other clients: {url}/
"
        );
    }
}

/// Removes a folder that `chancery dev` made, and nothing else.
fn throw_away(layout: &Layout) -> Result<(), Failure> {
    let folder: &Path = layout.folder();
    if !folder.exists() {
        return Ok(());
    }
    if !layout.development_mark().exists() {
        return Err(Failure::usage(format!(
            "{} was not made by `chancery dev`, so --reset does not touch it",
            folder.display()
        )));
    }
    let lock = folder.join("chancery.db.lock");
    let in_use = fs::File::open(lock).is_ok_and(|lock| lock.try_lock().is_err());
    if in_use {
        return Err(Failure::failed(format!(
            "another process is using {}; stop it first",
            folder.display()
        )));
    }
    fs::remove_dir_all(folder)
        .map_err(|e| Failure::failed(format!("cannot remove {}: {e}", folder.display())))
}
