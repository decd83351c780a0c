//! `chancery client`: the instances that this machine trusts.

use std::time::Duration;

use chancery_client::instances::{Instance, InstanceUrlError, Setup, Trust};
use chancery_trust::documents::{CertificateAuthority, TransparencyLog, Window};
use serde::Serialize;

use crate::cli::{ClientListArgs, ClientNameArgs, ClientSetupArgs, ClientShowArgs, Format};
use crate::client_trust::{instances, setup_failure, trust_failure, warn_if_stale};
use crate::failure::{Causes, Failure};
use crate::report::{said_time, say};

/// Trusts an instance from now on.
pub(crate) async fn setup(args: ClientSetupArgs) -> Result<(), Failure> {
    let url = args
        .url
        .parse()
        .map_err(|wrong: InstanceUrlError| Failure::usage(Causes(&wrong)))?;
    let instances = instances(&args.home)?;
    let setup = Setup {
        url,
        checksum: args.root_checksum,
        name: args.name,
    };
    let trust = instances.setup(&setup).await.map_err(setup_failure)?;
    let name = &trust.instance().name;
    if args.make_default {
        instances.make_default(name).map_err(trust_failure)?;
    }
    let default = instances.default_name().map_err(Failure::from_error)?;
    say(format_args!(
        "{} is trusted here as {name}: its root has the checksum, and leads to version {}, good \
         until {}.\n",
        trust.instance().url,
        trust.root_version(),
        said_time(trust.expires()),
    ));
    if default.as_ref() == Some(name) {
        say(format_args!("It is the default.\n"));
    } else {
        say(format_args!(
            "Name it with --instance {name}, or type `chancery client use {name}`.\n"
        ));
    }
    Ok(())
}

/// One line, or one object, for each instance.
pub(crate) async fn list(args: ClientListArgs) -> Result<(), Failure> {
    let instances = instances(&args.home)?;
    let default = instances.default_name().map_err(Failure::from_error)?;
    let listing = instances.list().map_err(Failure::from_error)?;
    for (name, error) in &listing.damaged {
        eprintln!("chancery: {name} cannot be used: {}", Causes(error));
    }
    let all = listing.instances;
    let is_default = |instance: &Instance| default.as_ref() == Some(&instance.name);
    if args.format == Format::Json {
        let all: Vec<_> = all.iter().map(|i| Listed::of(i, is_default(i))).collect();
        return print_json(&all);
    }
    let width = all.iter().map(|i| i.name.as_str().len()).max();
    let width = width.unwrap_or_default();
    for instance in &all {
        let mark = if is_default(instance) { "*" } else { " " };
        say(format_args!(
            "{mark} {:width$}  {}\n",
            instance.name.as_str(),
            instance.url
        ));
    }
    if all.is_empty() && listing.damaged.is_empty() {
        eprintln!("None is set up. Type: chancery client setup URL --root-checksum CHECKSUM");
    }
    Ok(())
}

/// What one instance says is to be trusted.
pub(crate) async fn show(args: ClientShowArgs) -> Result<(), Failure> {
    describe(args, None).await
}

/// As [`show`], after asking the instance.
pub(crate) async fn refresh(args: ClientShowArgs) -> Result<(), Failure> {
    describe(args, Some(Duration::ZERO)).await
}

async fn describe(args: ClientShowArgs, fresh: Option<Duration>) -> Result<(), Failure> {
    let mut instances = instances(&args.home)?;
    if let Some(fresh) = fresh {
        instances = instances.fresh_for(fresh);
    }
    let trust = instances.trust(args.name.as_ref()).await;
    let trust = trust.map_err(trust_failure)?;
    let default = instances.default_name().map_err(Failure::from_error)?;
    let is_default = default.as_ref() == Some(&trust.instance().name);
    let shown = Shown::of(&trust, is_default);
    if args.format == Format::Json {
        print_json(&shown)?;
    } else {
        shown.print();
    }
    warn_if_stale(&trust);
    match (trust.stale(), fresh) {
        (Some(_), Some(_)) => Err(Failure::failed("the instance could not be asked")),
        _ => Ok(()),
    }
}

/// Makes an instance the default.
pub(crate) fn make_default(args: &ClientNameArgs) -> Result<(), Failure> {
    let made = instances(&args.home)?.make_default(&args.name);
    made.map_err(trust_failure)?;
    say(format_args!("{} is the default.\n", args.name));
    Ok(())
}

/// Forgets an instance.
pub(crate) async fn remove(args: ClientNameArgs) -> Result<(), Failure> {
    let instances = instances(&args.home)?;
    instances.remove(&args.name).await.map_err(trust_failure)?;
    say(format_args!("{} is no longer trusted here.\n", args.name));
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Listed {
    name: String,
    url: String,
    default: bool,
    root_checksum: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated: Option<String>,
}

impl Listed {
    fn of(instance: &Instance, default: bool) -> Self {
        Self {
            name: instance.name.to_string(),
            url: instance.url.to_string(),
            default,
            root_checksum: instance.checksum.to_string(),
            updated: instance.updated.map(said_time),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Shown {
    #[serde(flatten)]
    listed: Listed,
    root_version: u64,
    expires: String,
    /// Whether the instance was to be asked, and could not.
    stale: bool,
    signs: bool,
    certificate_authorities: Vec<Service>,
    certificate_logs: Vec<Service>,
    ledgers: Vec<Service>,
    timestamp_authorities: Vec<Service>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Service {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

impl Shown {
    fn of(trust: &Trust, default: bool) -> Self {
        let root = trust.trusted_root();
        let chains = |chains: &[CertificateAuthority]| {
            let services = chains.iter();
            let service = |c: &CertificateAuthority| Service::of(&c.uri, c.valid_for);
            services.map(service).collect()
        };
        let logs = |logs: &[TransparencyLog]| {
            let services = logs.iter();
            let service = |l: &TransparencyLog| Service::of(&l.base_url, Some(l.window()));
            services.map(service).collect()
        };
        Self {
            listed: Listed::of(trust.instance(), default),
            root_version: trust.root_version(),
            expires: said_time(trust.expires()),
            stale: trust.stale().is_some(),
            signs: trust.signing_config().is_some(),
            certificate_authorities: chains(&root.certificate_authorities),
            certificate_logs: logs(&root.ctlogs),
            ledgers: logs(&root.tlogs),
            timestamp_authorities: chains(&root.timestamp_authorities),
        }
    }

    fn print(&self) {
        let line = |what: &str, text: &str| {
            // What others wrote must not move the cursor.
            let text = text.replace(char::is_control, "\u{fffd}");
            say(format_args!("{what:22}  {text}\n"));
        };
        let listed = &self.listed;
        let default = if listed.default { " (default)" } else { "" };
        line("name", &format!("{}{default}", listed.name));
        line("url", &listed.url);
        let (version, checksum) = (self.root_version, &listed.root_checksum);
        line(
            "root",
            &format!("version {version}; set up with {checksum}"),
        );
        line("updated", listed.updated.as_deref().unwrap_or("never"));
        line("good until", &self.expires);
        for (what, services) in [
            ("certificate authority", &self.certificate_authorities),
            ("certificate log", &self.certificate_logs),
            ("ledger", &self.ledgers),
            ("timestamp authority", &self.timestamp_authorities),
        ] {
            for service in services {
                line(what, &service.in_words());
            }
        }
        if !self.signs {
            line("signing", "not possible: no services are named");
        }
    }
}

impl Service {
    fn of(url: &str, window: Option<Window>) -> Self {
        let window = window.unwrap_or_default();
        Self {
            url: url.to_owned(),
            from: window.start.map(said_time),
            until: window.end.map(said_time),
        }
    }

    fn in_words(&self) -> String {
        let mut words = self.url.clone();
        for (word, time) in [("from", &self.from), ("until", &self.until)] {
            if let Some(time) = time {
                words = format!("{words} {word} {time}");
            }
        }
        words
    }
}

fn print_json(what: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(what).map_err(Failure::from_error)?;
    say(format_args!("{text}\n"));
    Ok(())
}
