//! `chancery config show`: what is in force, and where it comes from.

use std::collections::BTreeMap;

use chancery_identity::{IssuerAddress, IssuerDescription};
use chancery_store::DatabaseUrl;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::cli::{ConfigShowArgs, Format, SettingsArgs};
use crate::config::{Config, flat, read_text};
use crate::failure::Failure;
use crate::identity::{Document, IdentitySource};
use crate::report::{say, text};

/// Keys of an issuer's entry that are shown as they are written. A proxy's URL may hold a password,
/// and keys and certificates are long.
const OURS: [&str; 17] = [
    "allow",
    "allow-http",
    "allow-private-addresses",
    "any-owner",
    "ca-cert-file",
    "certificate-lifetime-s",
    "ci-provider",
    "deny",
    "identity-claim",
    "identity-type",
    "issuer-claim",
    "jwks-file",
    "max-token-age-s",
    "once-only",
    "rate-limit",
    "subject-alternative-name-template",
    "template-values",
];

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
    let at_start = Config::load(&args.settings.instance.config)?;
    let config = args.settings.apply_to(at_start)?;
    let settings = settings(&config, &args.settings)?;
    let source = IdentitySource::of(&config);
    if args.format == Format::Text {
        // These first: the issuers may be what is wrong.
        print_settings(&settings);
    }
    let identity = source.read()?;
    let issuers = source.issuers(identity.config)?.configured();
    let issuers = described(&issuers, &identity.document);
    match args.format {
        Format::Text => print_issuers(&issuers),
        Format::Json => {
            let shown = json!({ "settings": settings, "issuers": issuers });
            say(format_args!("{shown:#}\n"));
        }
    }
    Ok(())
}

fn settings(config: &Config, args: &SettingsArgs) -> Result<BTreeMap<String, Setting>, Failure> {
    let given = [
        ("listen", args.listen.is_some()),
        ("admin-listen", args.admin_listen.is_some()),
        ("any-owner", !args.any_owner.is_empty()),
        ("database", args.instance.database.is_some()),
        ("database-file", args.instance.database.is_some()),
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
    let text = read_text(&args.instance.config).map_err(Failure::from_error)?;
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

fn print_settings(settings: &BTreeMap<String, Setting>) {
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
        say(format_args!("{name:names$}  {text:values$}  {from}\n"));
    }
}

fn print_issuers(issuers: &[Map<String, Value>]) {
    for issuer in issuers {
        say(format_args!("\nissuer {}\n", text(&issuer["issuer"])));
        let members = issuer.iter().filter(|(name, _)| *name != "issuer");
        let width = members.clone().map(|(name, _)| name.len()).max();
        let width = width.unwrap_or_default();
        for (name, value) in members {
            say(format_args!("  {name:width$}  {}\n", text(value)));
        }
    }
}

/// Says how each issuer was understood, by the names of the configuration.
fn described(issuers: &[IssuerDescription], document: &Document) -> Vec<Map<String, Value>> {
    let mut seen = BTreeMap::new();
    let describe = |issuer: &IssuerDescription| {
        let (IssuerAddress::Url(address) | IssuerAddress::Wildcard(address)) = &issuer.address;
        // The entries of one address are described in the file's order.
        let index: &mut usize = seen.entry(address.clone()).or_default();
        let entry = document.entries(address).get(*index);
        *index += 1;
        let mut members = Map::new();
        let mut say = |name: &str, value: Value| {
            if value != "" && value != false {
                members.insert(name.to_owned(), value);
            }
        };
        for name in OURS {
            if let Some(value) = entry.and_then(|entry| entry.get(name)) {
                say(name, value.clone());
            }
        }
        say("issuer", address.as_str().into());
        say("type", issuer.issuer_type.into());
        say("audiences", issuer.audiences.clone().into());
        say("challenge-claim", issuer.challenge_claim.as_str().into());
        say(
            "spiffe-trust-domain",
            issuer.spiffe_trust_domain.as_str().into(),
        );
        say("subject-domain", issuer.subject_domain.as_str().into());
        say(
            "skip-email-verification",
            issuer.skip_email_verification.into(),
        );
        members
    };
    issuers.iter().map(describe).collect()
}
