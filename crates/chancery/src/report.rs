//! What a command that looks at something found: checks, one a line.

use std::fmt::{self, Write};
use std::io::Write as _;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Writes to standard output. A reader that has gone away, such as `head`, has seen enough.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    let _ = std::io::stdout().lock().write_fmt(text);
}

/// Writes a line to standard error, for whoever sits there. Nobody need be.
pub(crate) fn tell(text: fmt::Arguments<'_>) {
    let _ = std::io::stderr().lock().write_fmt(format_args!("{text}\n"));
}

/// What was looked at, in order.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) status: Status,
    /// What was found; empty if there is nothing to say.
    pub(crate) detail: String,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Passed,
    Failed,
    Skipped,
    /// Nothing is wrong, and somebody should look at it.
    Warning,
}

impl Report {
    /// Adds a check.
    pub(crate) fn add(&mut self, name: &str, status: Status, detail: impl fmt::Display) {
        self.checks.push(Check {
            name: name.to_owned(),
            status,
            detail: detail.to_string(),
        });
    }

    /// Adds a check that passed or failed.
    pub(crate) fn result<E: fmt::Display>(&mut self, name: &str, result: Result<String, E>) {
        match result {
            Ok(detail) => self.add(name, Status::Passed, detail),
            Err(error) => self.add(name, Status::Failed, error),
        }
    }

    /// Returns how many checks ended so.
    pub(crate) fn count(&self, status: Status) -> usize {
        let ended = self.checks.iter();
        ended.filter(|check| check.status == status).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.checks.iter().map(|check| check.name.chars().count());
        let width = names.max().unwrap_or_default();
        for check in &self.checks {
            let status = match check.status {
                Status::Passed => "ok",
                Status::Failed => "FAILED",
                Status::Skipped => "skipped",
                Status::Warning => "warning",
            };
            let (mut status, mut name) = (status, &*check.name);
            for detail in check.detail.split('\n') {
                // What others wrote must not move the cursor.
                let detail = detail.replace(char::is_control, "\u{fffd}");
                let line = format!("{status:7}  {name:width$}  {detail}");
                f.write_str(line.trim_end())?;
                f.write_char('\n')?;
                (status, name) = ("", "");
            }
        }
        Ok(())
    }
}

/// Makes plural: `1 problem`, `2 problems`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// Returns a value as people write it. What others wrote must not move the cursor.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.replace(char::is_control, "\u{fffd}"),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// Returns a time as people and machines read it (RFC 3339).
pub(crate) fn said_time(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time).format(&Rfc3339);
    time.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_without_spaces() {
        let mut report = Report::default();
        report.add("ca", Status::Passed, "");
        report.result("a longer name", Err::<String, _>("no"));
        report.add("x", Status::Skipped, "why\nnot\u{1b}");
        let expected = "ok       ca\n\
                        FAILED   a longer name  no\n\
                        skipped  x              why\n\
                        \x20                       not\u{fffd}\n";
        assert_eq!(report.to_string(), expected);
        assert_eq!(report.count(Status::Failed), 1);
    }
}
