//! What came of a scenario, and the table of all of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::kind::Kind;

/// A scenario's end.
#[derive(Debug)]
pub enum Outcome {
    /// It ran; whether it passed is in its row.
    Ran(Row),
    /// It cannot run on this machine, for this reason.
    LeftOut(String),
}

/// What came of a scenario: a line of the table for each log.
#[derive(Debug, Default)]
pub struct Row {
    /// The log of certificates.
    pub issuance: LogRow,
    /// The ledger of signatures.
    pub ledger: LogRow,
    /// The longest time until both logs took an entry again.
    pub worst_recovery: Option<Duration>,
    /// What else was measured.
    pub notes: Vec<String>,
    /// What did not hold. Empty if the scenario passed.
    pub failures: Vec<String>,
}

/// What came of it for one log.
#[derive(Debug, Default)]
pub struct LogRow {
    /// Certificates, or ledger entries, that clients hold.
    pub issued: u64,
    /// Other answers by status: how many, and how many of them with `Retry-After`.
    pub refused: BTreeMap<u16, (u64, u64)>,
    /// Requests that never got an answer: connections refused, cut or timed out.
    pub unanswered: u64,
    /// Entries of the log that no client holds a certificate or an answer for.
    pub in_log_only: u64,
    /// What clients hold and the log lacks, or has otherwise.
    pub missing: u64,
    /// Distinct checkpoints that were seen.
    pub checkpoints: usize,
    /// Checkpoints that are no part of the final tree, or go back in time.
    pub inconsistent: usize,
}

impl Row {
    /// Returns what is counted of a log.
    pub(crate) fn of(&mut self, kind: Kind) -> &mut LogRow {
        match kind {
            Kind::Issuance => &mut self.issuance,
            Kind::Ledger => &mut self.ledger,
        }
    }

    /// Remembers a recovery time if it is the longest.
    pub(crate) fn recovered(&mut self, took: Duration) {
        self.worst_recovery = Some(self.worst_recovery.map_or(took, |worst| worst.max(took)));
    }

    /// Demands that something holds.
    pub(crate) fn hold(&mut self, held: bool, otherwise: impl FnOnce() -> String) {
        if !held {
            self.failures.push(otherwise());
        }
    }
}

impl LogRow {
    fn print(&self, name: &str, recovery: &str, verdict: &str) {
        println!(
            "{name:<17} {:>7} {:>16} {:>7} {:>8} {:>7} {:>11} {:>12} {recovery:>9}  {verdict}",
            self.issued,
            self.refusals(),
            self.unanswered,
            self.in_log_only,
            self.missing,
            self.checkpoints,
            self.inconsistent,
        );
    }

    fn refusals(&self) -> String {
        let mut text = String::new();
        for (status, (count, _)) in &self.refused {
            let gap = if text.is_empty() { "" } else { " " };
            // Writing to a String cannot fail.
            let _ = write!(text, "{gap}{status}:{count}");
        }
        if text.is_empty() {
            text.push('-');
        }
        text
    }
}

/// Prints the table, then notes and failures; tells whether all passed.
pub fn print_table(seed: u64, outcomes: &[(&str, Outcome)]) -> bool {
    println!(
        "\n{:<17} {:>7} {:>16} {:>7} {:>8} {:>7} {:>11} {:>12} {:>9}  verdict (seed {seed})",
        "scenario",
        "issued",
        "refused",
        "no answ",
        "log only",
        "missing",
        "checkpoints",
        "inconsistent",
        "recovery"
    );
    let mut passed = true;
    for (name, outcome) in outcomes {
        let row = match outcome {
            Outcome::Ran(row) => row,
            Outcome::LeftOut(why) => {
                println!("{name:<17} left out: {why}");
                continue;
            }
        };
        let recovery = row
            .worst_recovery
            .map_or_else(|| "-".to_owned(), |t| format!("{:.2} s", t.as_secs_f64()));
        let verdict = if row.failures.is_empty() {
            "ok"
        } else {
            "FAILED"
        };
        row.issuance.print(name, &recovery, verdict);
        row.ledger.print("  its ledger", "", "");
        passed &= row.failures.is_empty();
    }
    println!();
    for (name, outcome) in outcomes {
        let Outcome::Ran(row) = outcome else { continue };
        for note in &row.notes {
            println!("{name}: {note}");
        }
        for failure in &row.failures {
            println!("{name}: FAILED: {failure}");
        }
    }
    passed
}
