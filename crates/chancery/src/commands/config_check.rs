//! `chancery config check`: all that `serve` would refuse, and what else should be looked at.

use std::path::Path;

use chancery_identity::{IssuerAddress, IssuerDescription};
use chancery_server::Tls;
use serde_json::json;

use crate::cli::{ConfigCheckArgs, Format};
use crate::commands::serve;
use crate::config::Config;
use crate::connecting;
use crate::failure::Failure;
use crate::identity::IdentitySource;
use crate::opening;
use crate::report::{Report, Status, counted, said_time, say};
use crate::stamping;

pub(crate) async fn run(args: &ConfigCheckArgs) -> Result<(), Failure> {
    let mut report = Report::default();
    match &args.identity_config {
        Some(path) => {
            let any_owner = args.settings.any_owner.clone();
            check_identity(&IdentitySource::file(path, any_owner), &mut report);
        }
        None => check_all(args, &mut report).await?,
    }
    let failed = report.count(Status::Failed);
    match args.format {
        Format::Text => say(format_args!("{report}")),
        Format::Json => {
            let found = json!({ "ok": failed == 0, "checks": report.checks });
            say(format_args!("{found:#}\n"));
        }
    }
    if failed > 0 {
        let problems = counted(failed, "problem");
        return Err(Failure::configuration(format!(
            "{problems}: `serve` would refuse to start"
        )));
    }
    Ok(())
}

async fn check_all(args: &ConfigCheckArgs, report: &mut Report) -> Result<(), Failure> {
    let path = &args.settings.instance.config;
    let config = match Config::load(path) {
        Ok(config) => {
            report.add("chancery.yaml", Status::Passed, path.display());
            args.settings.apply_to(config)?
        }
        Err(failure) => {
            report.add("chancery.yaml", Status::Failed, failure);
            return Ok(());
        }
    };
    let source = IdentitySource::of(&config);
    check_identity(&source, report);
    let most = config.lifetimes().max_lifetime.as_secs();
    let document = source.document().unwrap_or_default();
    for issuer in document.longer_than(most) {
        let warning = format!(
            "{issuer}: its certificates live no longer than ca.max-certificate-lifetime-s, {most} s"
        );
        report.add("identity-config", Status::Warning, warning);
    }
    let frozen = !args.no_database && is_frozen(&config).await;
    for (name, found) in opening::check_files(&config) {
        match found {
            Err(failure) if frozen && opening::OF_OPEN_LOG.contains(&name) => {
                let why = format!("the log is frozen, and does without: {failure}");
                report.add(name, Status::Skipped, why);
            }
            found => report.result(name, found.map(|()| String::new())),
        }
    }
    let passphrase = opening::passphrase(&config);
    if let Some(Ok(Some(warning))) = passphrase.ok().map(|p| stamping::check(&config, &p)) {
        report.add("timestamps", Status::Warning, warning);
    }
    let addresses = config.check_listeners();
    report.result("listen", addresses.map(|()| String::new()));
    report.result("tls", serve::tls(&config).map(|tls| said_tls(tls.as_ref())));
    report.result("cors-origins", serve::cors(&config).map(|_| String::new()));
    if args.no_database {
        report.add("database", Status::Skipped, "as asked");
    } else {
        check_database(&config, report).await;
    }
    Ok(())
}

fn check_identity(source: &IdentitySource, report: &mut Report) {
    const NAME: &str = "identity-config";
    let identity = source.read();
    let found = identity.and_then(|identity| {
        let issuers = source.issuers(identity.config.clone())?;
        Ok((identity, issuers))
    });
    match found {
        Ok((identity, issuers)) => {
            let count = counted(issuers.configured().len(), "issuer");
            let file = source.file.as_deref().map(Path::display);
            let file = file.map_or_else(String::new, |file| format!("{file}: "));
            report.add(NAME, Status::Passed, format!("{file}{count}"));
            for warning in identity.config.warnings() {
                report.add(NAME, Status::Warning, warning);
            }
            for issuer in identity.config.ownerless() {
                let warning =
                    format!("{issuer}: everybody that this issuer knows gets a certificate");
                report.add(NAME, Status::Warning, warning);
            }
            for issuer in over_http(&issuers.configured()) {
                let warning =
                    format!("{issuer}: anybody on the way could replace its keys: it is on http");
                report.add(NAME, Status::Warning, warning);
            }
        }
        Err(first) => {
            let mut faults = source.faults();
            if faults.is_empty() {
                faults.push(first);
            }
            for fault in faults {
                report.add(NAME, Status::Failed, fault);
            }
        }
    }
}

fn said_tls(tls: Option<&Tls>) -> String {
    match tls {
        None => "none: a proxy in front terminates it".to_owned(),
        Some(tls) => format!("valid until {}", said_time(tls.not_after())),
    }
}

/// Returns the addresses of issuers that are not on https.
fn over_http(issuers: &[IssuerDescription]) -> Vec<&str> {
    let addresses = issuers.iter().map(|issuer| match &issuer.address {
        IssuerAddress::Url(address) | IssuerAddress::Wildcard(address) => &**address,
    });
    addresses.filter(|a| a.starts_with("http:")).collect()
}

/// Tells whether the log that `chancery.yaml` describes is served from its final checkpoint. Whatever
/// is wrong with the database is said when that is checked.
async fn is_frozen(config: &Config) -> bool {
    let Ok(url) = connecting::database_url(config) else {
        return false;
    };
    let Ok(store) = connecting::to_read(&url).await else {
        return false;
    };
    let found = connecting::recorded_if_any(&store).await;
    store.close().await;
    let logs = found
        .ok()
        .flatten()
        .map_or_else(Vec::new, |found| found.logs);
    let mut logs = logs.iter();
    logs.any(|log| log.name == config.log.name && log.final_checkpoint.is_some())
}

async fn check_database(config: &Config, report: &mut Report) {
    const NAME: &str = "database";
    if report.count(Status::Failed) > 0 {
        report.add(NAME, Status::Skipped, "not before the rest is good");
        return;
    }
    let checked = match connecting::database_url(config) {
        Ok(url) => opening::verify(config, &url)
            .await
            .map(|warning| (url, warning)),
        Err(failure) => Err(failure),
    };
    match checked {
        Ok((url, warning)) => {
            report.add(NAME, Status::Passed, url);
            if let Some(warning) = warning {
                report.add("guard", Status::Warning, warning);
            }
        }
        // `serve` would fail as well, and be started again until the database is there.
        Err(failure) if !failure.is_configuration() => report.add(NAME, Status::Warning, failure),
        Err(failure) => report.add(NAME, Status::Failed, failure),
    }
}
