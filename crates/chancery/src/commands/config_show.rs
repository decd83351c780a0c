//! `chancery config show`: what is in force, and where it comes from.

use std::collections::BTreeMap;

use chancery_identity::{IssuerAddress, IssuerDescription};
use chancery_store::DatabaseUrl;
use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::{ConfigShowArgs, Format, SettingsArgs};
use crate::config::{Config, flat, read_text};
use crate::failure::Failure;
use crate::identity::IdentitySource;
use crate::report::text;

/// A setting as it is in force.
#[derive(Debug, Serialize)]
struct Setting {
    value: Value,
    from: From,
}

/// Where a setting comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum From {
    Default,
    File,
    FlagOrEnvironment,
}

pub(crate) fn run(args: &ConfigShowArgs) -> Result<(), Failure> {
    let at_start = Config::load(&args.settings.config)?;
    let config = args.settings.apply_to(at_start)?;
    let settings = settings(&config, &args.settings)?;
    let source = IdentitySource::of(&config);
    let issuers = source.issuers(source.read()?.config)?;
    let issuers = issuers.configured();
    match args.format {
        Format::Text => print_text(&settings, &issuers),
        Format::Json => {
            let issuers: Vec<_> = issuers.iter().map(described).collect();
            let shown = json!({ "settings": settings, "issuers": issuers });
            println!("{shown:#}");
        }
    }
    Ok(())
}

fn settings(config: &Config, args: &SettingsArgs) -> Result<BTreeMap<String, Setting>, Failure> {
    let given = [
        ("listen", args.listen.is_some()),
        ("admin-listen", args.admin_listen.is_some()),
        ("any-owner", !args.any_owner.is_empty()),
        ("database", args.database.is_some()),
        ("database-file", args.database.is_some()),
    ];
    let in_file = in_file(args)?;
    let from = |name: &str| {
        if given.iter().any(|(other, given)| *other == name && *given) {
            From::FlagOrEnvironment
        } else if in_file.get(name).is_some_and(|value| !value.is_null()) {
            From::File
        } else {
            From::Default
        }
    };
    let mut settings = BTreeMap::new();
    for (name, mut value) in config.settings()? {
        if name == "database" {
            value = without_password(value);
        }
        let from = from(&name);
        settings.insert(name, Setting { value, from });
    }
    Ok(settings)
}

/// Returns what the file itself says.
fn in_file(args: &SettingsArgs) -> Result<BTreeMap<String, Value>, Failure> {
    let text = read_text(&args.config).map_err(Failure::from_error)?;
    let tree: Value = yaml_serde::from_str(&text).map_err(Failure::from_error)?;
    Ok(flat(tree))
}

fn without_password(url: Value) -> Value {
    match url.as_str() {
        None => url,
        Some(text) => match DatabaseUrl::parse(text) {
            Ok(url) => url.to_string().into(),
            Err(error) => format!("({error})").into(),
        },
    }
}

fn print_text(settings: &BTreeMap<String, Setting>, issuers: &[IssuerDescription]) {
    let width = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or_default();
    let texts: Vec<_> = settings.values().map(|s| text(&s.value)).collect();
    let names = width(&mut settings.keys().map(|name| name.len()));
    let values = width(
        &mut texts
            .iter()
            .map(|text| text.chars().count())
            .filter(|n| *n < 60),
    );
    for ((name, setting), text) in settings.iter().zip(texts) {
        let from = match setting.from {
            From::Default => "default",
            From::File => "file",
            From::FlagOrEnvironment => "flag or environment",
        };
        println!("{name:names$}  {text:values$}  {from}");
    }
    for issuer in issuers {
        println!("\nissuer {}", address(issuer));
        let described = described(issuer);
        let Value::Object(members) = described else {
            continue;
        };
        for (name, value) in members.iter().filter(|(name, _)| *name != "issuer") {
            println!("  {name:19}  {}", text(value));
        }
    }
}

fn address(issuer: &IssuerDescription) -> &str {
    match &issuer.address {
        IssuerAddress::Url(address) | IssuerAddress::Wildcard(address) => address,
    }
}

/// Says how an issuer was understood, by the names of the configuration.
fn described(issuer: &IssuerDescription) -> Value {
    let mut members = json!({
        "issuer": address(issuer),
        "type": issuer.issuer_type,
        "audiences": issuer.audiences,
        "challenge-claim": issuer.challenge_claim,
        "spiffe-trust-domain": issuer.spiffe_trust_domain,
        "subject-domain": issuer.subject_domain,
        "skip-email-verification": issuer.skip_email_verification,
    });
    if let Some(members) = members.as_object_mut() {
        members.retain(|_, value| *value != "" && *value != false);
    }
    members
}
