//! Telling what was done: ticks on a terminal, plain lines in a pipe, JSON for machines.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Instant;

use chancery_client::sign::{ArtifactDigest, Certificate, Signature};
use serde_json::{Value, json};

use crate::cli::{Format, SignArgs};
use crate::failure::Failure;
use crate::report::{counted, said_time, say, tell};

/// With more artifacts than this, each has one line.
const FEW: usize = 3;

/// How it went with one artifact.
pub(super) struct Outcome {
    pub(super) name: String,
    pub(super) bundle: PathBuf,
    /// The digest, unless it is a statement, and the signature.
    pub(super) result: Result<(Option<ArtifactDigest>, Signature), Failure>,
}

/// Who is told, and what was told already.
pub(super) struct Progress {
    format: Format,
    /// Whether anybody reads lines: beside JSON, only on a terminal.
    watched: bool,
    tick: &'static str,
    arrow: &'static str,
    many: bool,
    since: Instant,
    identity: Option<(String, String)>,
    signed: Vec<Value>,
    failed: Vec<Value>,
    last_bundle: Option<(String, PathBuf)>,
}

impl Progress {
    pub(super) fn begin(args: &SignArgs, artifacts: usize) -> Self {
        let format = Format::or_for_reader(args.format);
        let terminal = match format {
            Format::Text => std::io::stdout().is_terminal(),
            Format::Json => std::io::stderr().is_terminal(),
        };
        Self {
            format,
            watched: format == Format::Text || terminal,
            tick: if terminal { "\u{2713} " } else { "" },
            arrow: if terminal { "\u{2192} " } else { "" },
            many: artifacts > FEW && args.attest.is_none(),
            since: Instant::now(),
            identity: None,
            signed: Vec::new(),
            failed: Vec::new(),
            last_bundle: None,
        }
    }

    /// Says who signs, and under which certificate.
    pub(super) fn identity(&mut self, certificate: &Certificate, from: &str) {
        let who = certificate.identity().as_str();
        let who = who.replace(char::is_control, "\u{fffd}");
        self.step("identity", &format!("{who}  (by {from})"));
        let until = said_time(certificate.not_after());
        let serial = certificate.serial();
        self.step("certificate", &format!("serial {serial}, until {until}"));
        self.identity = Some((who, certificate.issuer().to_owned()));
        self.since = Instant::now();
    }

    /// Says how it went with one.
    pub(super) fn outcome(&mut self, outcome: Outcome) {
        let Outcome {
            name,
            bundle,
            result,
        } = outcome;
        match result {
            Ok((digest, signature)) => {
                self.say_signed(&name, &bundle, &signature);
                self.signed
                    .push(described(&name, &bundle, digest, &signature));
                self.last_bundle = Some((name, bundle));
            }
            Err(failure) => {
                tell(format_args!("chancery: {name}: {failure}"));
                self.failed
                    .push(json!({"artifact": name, "error": failure.to_string()}));
            }
        }
    }

    /// Sums up, and returns how many could not be signed.
    pub(super) fn end(&self, certificates: usize) -> Result<usize, Failure> {
        let failed = self.failed.len();
        let (who, issuer) = self.identity.clone().unwrap_or_default();
        if self.format == Format::Json {
            let all = json!({
                "identity": who,
                "issuer": issuer,
                "certificates": certificates,
                "signed": self.signed,
                "failed": self.failed,
            });
            say(format_args!("{all:#}\n"));
            return Ok(failed);
        }
        if self.many {
            let signed = counted(self.signed.len(), "artifact");
            let taken = self.since.elapsed().as_secs_f64();
            let rate = self.signed.len() as f64 / taken.max(0.001);
            let under = counted(certificates, "certificate");
            self.step(
                "signed",
                &format!("{signed} under {under} in {taken:.1} s, {rate:.0} a second"),
            );
        }
        if let Some((name, bundle)) = &self.last_bundle {
            let usual = bundle.to_str() == Some(&format!("{name}.sigstore.json"));
            let named = match usual {
                true => String::new(),
                false => format!(" --bundle {}", quoted(&bundle.display().to_string())),
            };
            say(format_args!(
                "  verify:  chancery verify {}{named} --identity {} --issuer {}\n",
                quoted(name),
                quoted(&who),
                quoted(&issuer),
            ));
        }
        Ok(failed)
    }

    /// Says where the instance shows what was signed.
    pub(super) fn look(&self, url: &str) {
        if self.format == Format::Text {
            say(format_args!("  look:    {url}/\n"));
        }
    }

    /// Tells something to whoever sits there, beside what is written to standard output.
    pub(super) fn aside(&self, text: &str) {
        tell(format_args!("{text}"));
    }

    fn say_signed(&self, name: &str, bundle: &std::path::Path, signature: &Signature) {
        if !self.many {
            for stamped in signature.timestamps() {
                self.step("timestamp", &said_time(stamped.time()));
            }
            for entry in signature.entries() {
                let index = entry.index();
                self.step("ledger", &format!("index {index}, inclusion proof checked"));
            }
        }
        let (arrow, bundle) = (self.arrow, bundle.display());
        match self.many {
            true => self.line(format_args!("{}{name}", self.tick)),
            false => self.line(format_args!("{arrow}{bundle}")),
        }
    }

    fn step(&self, what: &str, detail: &str) {
        self.line(format_args!("{}{what:<12} {detail}", self.tick));
    }

    fn line(&self, line: std::fmt::Arguments<'_>) {
        match self.format {
            Format::Text => say(format_args!("{line}\n")),
            Format::Json if self.watched => tell(line),
            Format::Json => {}
        }
    }
}

fn described(
    name: &str,
    bundle: &std::path::Path,
    digest: Option<ArtifactDigest>,
    signature: &Signature,
) -> Value {
    let entries = signature.entries().iter().map(|entry| entry.index());
    let stamped = signature.timestamps().iter();
    json!({
        "artifact": name,
        "digest": digest.map(|digest| digest.to_string()),
        "bundle": bundle.display().to_string(),
        "certificate": signature.certificate().serial(),
        "ledgerIndexes": entries.collect::<Vec<_>>(),
        "timestamps": stamped.map(|stamped| said_time(stamped.time())).collect::<Vec<_>>(),
    })
}

/// Quotes for a shell what is not plainly a word.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_typed_is_one_word_for_the_shell() {
        assert_eq!(quoted("a@b.c"), "a@b.c");
        assert_eq!(quoted("it's; rm"), "'it'\\''s; rm'");
        assert_eq!(quoted(""), "''");
    }
}
