//! What `chancery log verify` says: how far it is, and what it found.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use chancery_log::Form;
use chancery_log::verify::{Finding, Progress, Report, Stage};
use serde_json::json;

use crate::report::say;

/// What is said of a log.
pub(super) struct LogSaid {
    pub(super) form: Form,
    pub(super) origin: String,
}

pub(super) fn say_text(log: &LogSaid, report: &Report, took: Duration) {
    for finding in report.findings.first() {
        // What strangers chose must not move the cursor.
        let line = finding.to_string().replace(char::is_control, "\u{fffd}");
        say(format_args!("{line}\n"));
    }
    let kept = report.findings.first().len() as u64;
    if report.findings.total() > kept {
        let more = report.findings.total() - kept;
        say(format_args!("… and {more} more\n"));
    }
    let Report {
        head,
        since,
        entries,
        tiles,
        issuers,
        deliveries,
        terms,
        findings,
    } = report;
    let trusted = match since.tree_size {
        0 => String::new(),
        size => format!(
            ", after {size} that were trusted (root {})",
            since.root_hash
        ),
    };
    let what = match log.form {
        Form::StaticCt => format!(
            "{tiles} hash tiles, {issuers} issuers, {terms} index terms and {deliveries} certificates"
        ),
        Form::TlogTiles => format!("{tiles} hash tiles and {terms} index terms"),
    };
    say(format_args!(
        "{}: {entries} entries{trusted}, {what} verified in {:.1} s ({:.0} entries/s); head: {} \
         entries, root {}; {} findings\n",
        log.origin,
        took.as_secs_f64(),
        rate(*entries, took),
        head.tree.tree_size,
        head.tree.root_hash,
        findings.total(),
    ));
}

pub(super) fn say_json(log: &LogSaid, report: &Report, took: Duration) {
    let finding =
        |finding: &Finding| json!({"object": finding.object.to_string(), "wrong": finding.wrong});
    let findings = report.findings.first().iter();
    let value = json!({
        "log": log.origin,
        "kind": match log.form {
            Form::StaticCt => "issuance",
            Form::TlogTiles => "ledger",
        },
        "head": {
            "tree-size": report.head.tree.tree_size,
            "root-hash": report.head.tree.root_hash.to_string(),
            "timestamp-ms": report.head.timestamp_ms,
        },
        "since": {
            "tree-size": report.since.tree_size,
            "root-hash": report.since.root_hash.to_string(),
        },
        "entries": report.entries,
        "hash-tiles": report.tiles,
        "issuers": report.issuers,
        "index-terms": report.terms,
        "deliveries": report.deliveries,
        "seconds": took.as_secs_f64(),
        "entries-per-second": rate(report.entries, took),
        "findings": findings.map(finding).collect::<Vec<_>>(),
        "findings-total": report.findings.total(),
    });
    say(format_args!("{value:#}\n"));
}

#[expect(clippy::cast_precision_loss, reason = "shown to people")]
fn rate(entries: u64, took: Duration) -> f64 {
    entries as f64 / took.as_secs_f64().max(0.001)
}

/// Shows on standard error how far it is: in place on a terminal, a line every five seconds
/// elsewhere.
pub(super) struct Shown {
    begun: Instant,
    last: Instant,
    terminal: bool,
    any: bool,
}

impl Shown {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            begun: now,
            last: now,
            terminal: std::io::stderr().is_terminal(),
            any: false,
        }
    }

    pub(super) fn show(&mut self, Progress { stage, done, total }: Progress) {
        let pause = match self.terminal {
            true => Duration::from_millis(200),
            false => Duration::from_secs(5),
        };
        if self.last.elapsed() < pause {
            return;
        }
        self.last = Instant::now();
        let what = match stage {
            Stage::Entries => "entries",
            Stage::Index => "index terms",
        };
        let of = total.map_or_else(String::new, |total| format!(" of {total}"));
        let seconds = self.begun.elapsed().as_secs();
        let line = format!("verified {done}{of} {what} after {seconds} s");
        let mut stderr = std::io::stderr().lock();
        // Whoever does not read it misses nothing that counts.
        let _ = match self.terminal {
            true => write!(stderr, "\r{line}\x1b[K").and_then(|()| stderr.flush()),
            false => writeln!(stderr, "{line}"),
        };
        self.any = true;
    }

    pub(super) fn end(&self) {
        if self.any && self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
