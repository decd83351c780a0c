//! What `chancery verify` says: a line for each file, or one document for all.

use std::io::IsTerminal as _;

use chancery_client::verify::{TimeSource, Verified};
use serde_json::{Value, json};

use super::{Job, Outcome, What};
use crate::cli::Format;
use crate::failure::Failure;
use crate::report::{said_time, say, tell};

/// Tells of each file as soon as it is judged; in JSON, of all at the end.
pub(super) struct Telling {
    format: Format,
    /// Whether the lines go to a terminal: beside JSON, they go nowhere else.
    terminal: bool,
    told: Vec<Value>,
}

impl Telling {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            terminal: match format {
                Format::Text => std::io::stdout().is_terminal(),
                Format::Json => std::io::stderr().is_terminal(),
            },
            told: Vec::new(),
        }
    }

    pub(super) fn tell(&mut self, job: &Job, outcome: &Outcome) {
        if self.format == Format::Json {
            self.told.push(document(job, outcome));
            if !self.terminal {
                return;
            }
        }
        let (tick, line) = match outcome {
            Outcome::Verified(verified) => ("✓ ", line(verified)),
            Outcome::Refused(check, cause) => ("✗ ", format!("does not verify: {check}: {cause}")),
            Outcome::Unreadable(why) => ("✗ ", format!("cannot be verified: {why}")),
        };
        let tick = if self.terminal { tick } else { "" };
        let line = harmless(&format!("{}: {line}", job.what.named()));
        match self.format {
            Format::Text => say(format_args!("{tick}{line}\n")),
            Format::Json => tell(format_args!("{tick}{line}")),
        }
    }

    pub(super) fn end(self) -> Result<(), Failure> {
        if self.format == Format::Json {
            let text = serde_json::to_string_pretty(&self.told).map_err(Failure::from_error)?;
            say(format_args!("{text}\n"));
        }
        Ok(())
    }
}

impl What {
    fn named(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Digest(digest, _) => digest.clone(),
        }
    }
}

fn line(verified: &Verified) -> String {
    let first = verified.times().iter().map(|time| time.time()).min();
    let mut said = vec![format!(
        "signed by {} ({}) at {}",
        verified.identity(),
        verified.issuer(),
        first.map(said_time).unwrap_or_default()
    )];
    said.push("certificate was valid".to_owned());
    for sct in verified.scts() {
        said.push(match sct.leaf_index() {
            Some(index) => format!("in issuance log #{index}"),
            None => "in an issuance log".to_owned(),
        });
    }
    for entry in verified.entries() {
        said.push(format!(
            "in ledger {} #{}",
            entry.ledger(),
            entry.log_index()
        ));
    }
    if let Some(statement) = verified.statement() {
        said.push(format!("states {}", statement.predicate_type()));
    }
    said.join(" · ")
}

fn document(job: &Job, outcome: &Outcome) -> Value {
    let (artifact, bundle) = (job.what.named(), job.bundle.display().to_string());
    match outcome {
        Outcome::Refused(check, cause) => json!({
            "artifact": artifact, "bundle": bundle, "verified": false,
            "check": check, "cause": cause,
        }),
        Outcome::Unreadable(why) => json!({
            "artifact": artifact, "bundle": bundle, "verified": false, "cause": why,
        }),
        Outcome::Verified(verified) => {
            let times = verified.times().iter().map(|time| {
                let source = match time.source() {
                    TimeSource::LedgerPromise => "ledger-promise",
                    _ => "timestamp",
                };
                json!({
                    "time": said_time(time.time()), "source": source,
                    "authority": time.authority(),
                })
            });
            let scts = verified.scts().iter().map(|sct| {
                json!({
                    "logId": sct.log_id().to_string(), "time": said_time(sct.time()),
                    "leafIndex": sct.leaf_index(),
                })
            });
            let entries = verified.entries().iter().map(|entry| {
                json!({
                    "ledger": entry.ledger(), "logIndex": entry.log_index(), "kind": entry.kind(),
                })
            });
            let extensions: serde_json::Map<String, Value> = verified
                .extensions()
                .present()
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect();
            json!({
                "artifact": artifact, "bundle": bundle, "verified": true,
                "identity": verified.identity().as_str(), "issuer": verified.issuer(),
                "extensions": extensions,
                "times": times.collect::<Vec<_>>(), "scts": scts.collect::<Vec<_>>(),
                "entries": entries.collect::<Vec<_>>(),
                "predicateType": verified.statement().map(|one| one.predicate_type()),
            })
        }
    }
}

/// Takes out what would move a terminal's cursor: names are whatever somebody signed.
fn harmless(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
