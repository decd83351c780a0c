//! `chancery issuer test`: asks an issuer for its keys as `serve` would, and says what to change.

use std::fs;

use chancery_identity::{ProbeOptions, ProbeReport, ProxyUrl, probe};
use serde_json::{Value, json};
use url::Url;

use crate::cli::{Format, IssuerTestArgs};
use crate::commands::serve::is_argument;
use crate::failure::{Causes, Failure};
use crate::reading::named;
use crate::report::{Report, Status, counted, say};

pub(crate) async fn run(args: &IssuerTestArgs) -> Result<(), Failure> {
    let options = ProbeOptions {
        ca_cert: match &args.ca_cert {
            Some(path) => Some(fs::read_to_string(path).map_err(|e| named(path, &e))?),
            None => None,
        },
        proxy: proxy(args)?,
        ..ProbeOptions::default()
    };
    if args.url.starts_with("http:") && !args.allow_http {
        return Err(Failure::usage(
            "the issuer is not on https, so anybody on the way could replace its keys; `serve` \
             takes it only if its entry says `allow-http: true`, and this test with --allow-http",
        ));
    }
    let found = probe(&args.url, &options)
        .await
        .map_err(|e| Failure::usage(Causes(&e)))?;
    match args.format {
        Format::Text => say(format_args!("{}", said(&found))),
        Format::Json => say(format_args!("{:#}\n", as_json(&found))),
    }
    if found.is_usable() {
        return Ok(());
    }
    Err(Failure::verification(format!(
        "tokens of {} could not be verified",
        args.url
    )))
}

/// Takes the proxy. A password in an argument would be readable by every process.
fn proxy(args: &IssuerTestArgs) -> Result<Option<ProxyUrl>, Failure> {
    let Some(url) = &args.proxy else {
        return Ok(None);
    };
    let has_password = Url::parse(url).is_ok_and(|url| url.password().is_some());
    if has_password && is_argument(url) {
        return Err(Failure::usage(
            "a proxy's password does not belong into an argument, where every process can read \
             it; set CHANCERY_PROXY",
        ));
    }
    Ok(Some(ProxyUrl::from(url.clone())))
}

/// Says a report to people.
fn said(found: &ProbeReport) -> String {
    let mut report = Report::default();
    for step in &found.steps {
        let took = format!("{} ms", step.took.as_millis());
        match &step.outcome {
            Ok(size) => {
                let detail = format!("{took}, {size} bytes from {}", step.url);
                report.add(step.what, Status::Passed, detail);
            }
            Err(failure) => {
                let detail = format!(
                    "{took}, {}: {} [{}]",
                    step.url, failure.reason, failure.code
                );
                report.add(step.what, Status::Failed, detail);
            }
        }
    }
    for key in &found.keys {
        let name = key.kid.as_deref().unwrap_or("without name");
        let detail = match &*key.algorithms {
            [] => format!("{name}, for none of its algorithms"),
            algorithms => format!("{name} for {}", algorithms.join(", ")),
        };
        report.add("key", Status::Passed, detail);
    }
    for key in &found.unused_keys {
        let name = key.kid.as_deref().unwrap_or("without name");
        let detail = format!("{name} is not used: {}", key.fault);
        report.add("key", Status::Skipped, detail);
    }
    for hint in &found.hints {
        report.add("hint", Status::Warning, hint);
    }
    let verdict = match found.is_usable() {
        true => format!(
            "Usable: {} for {}",
            counted(found.keys.len(), "key"),
            found.algorithms.join(", ")
        ),
        false => "Not usable".to_owned(),
    };
    format!("{report}\n{verdict}\n")
}

fn as_json(found: &ProbeReport) -> Value {
    let steps = found.steps.iter().map(|step| {
        let failure = step.outcome.as_ref().err();
        json!({
            "name": step.what,
            "url": step.url,
            "tookMs": step.took.as_secs_f64() * 1e3,
            "outcome": if failure.is_none() { "passed" } else { "failed" },
            "size": step.outcome.as_ref().ok(),
            "code": failure.map(|failure| failure.code),
            "detail": failure.map(|failure| &failure.reason),
        })
    });
    let keys = found.keys.iter();
    let unused = found.unused_keys.iter();
    let hints = found.hints.iter();
    json!({
        "issuer": found.issuer,
        "usable": found.is_usable(),
        "steps": steps.collect::<Vec<_>>(),
        "algorithms": found.algorithms,
        "otherAlgorithms": found.other_algorithms,
        "keys": keys.map(|key| json!({ "kid": key.kid, "algorithms": key.algorithms }))
            .collect::<Vec<_>>(),
        "unusedKeys": unused
            .map(|key| json!({ "kid": key.kid, "reason": key.fault.to_string() }))
            .collect::<Vec<_>>(),
        "clockAheadS": found.clock_ahead_s,
        "hints": hints.map(ToString::to_string).collect::<Vec<_>>(),
    })
}
