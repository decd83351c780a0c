//! Lints: what must hold for every certificate, checked on the bytes before they are signed.
//!
//! The to-be-signed certificate is read back, its fields by `x509-cert`, which did not write the
//! frames around them. Each lint is one small function with the rule's source; the first that fails
//! stops the issuance, because a signature cannot be taken back.

mod fulcio;
mod rfc5280;
mod rfc6962;
#[cfg(test)]
mod tests;

use std::time::Duration;

use der::Decode;
use x509_cert::time::Validity;

use crate::issuer::IssuingCertificate;
use crate::raw::RawTbs;
use crate::subject::SubjectAlternativeName;

/// A rule that a certificate breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("lint {lint} ({citation}): {detail}")]
pub struct LintFailure {
    /// The lint's name.
    pub lint: &'static str,
    /// Where the rule is written.
    pub citation: &'static str,
    /// What was found instead.
    pub detail: String,
}

/// What is linted, and what was asked for.
pub(crate) struct Request<'a> {
    /// The to-be-signed certificate, poison included.
    pub(crate) der: &'a [u8],
    pub(crate) issuer: &'a IssuingCertificate,
    pub(crate) san: &'a SubjectAlternativeName,
    pub(crate) subject_spki_der: &'a [u8],
    pub(crate) max_lifetime: Duration,
}

/// A to-be-signed certificate, read back, beside what was asked for.
struct Inspected<'a> {
    request: &'a Request<'a>,
    raw: RawTbs<'a>,
    validity: Validity,
}

/// One rule.
struct Lint {
    name: &'static str,
    citation: &'static str,
    /// Says what is wrong.
    check: fn(&Inspected<'_>) -> Result<(), String>,
}

/// Checks a to-be-signed certificate against every lint.
pub(crate) fn check(request: &Request<'_>) -> Result<(), LintFailure> {
    let inspected = Inspected::read(request)?;
    all().try_for_each(|lint| lint.run(&inspected))
}

fn all() -> impl Iterator<Item = &'static Lint> {
    let lints = [rfc5280::LINTS, rfc6962::LINTS, fulcio::LINTS];
    lints.into_iter().flatten()
}

impl<'a> Inspected<'a> {
    fn read(request: &'a Request<'a>) -> Result<Self, LintFailure> {
        let failure = |detail: String| LintFailure {
            lint: "the_certificate_parses",
            citation: "RFC 5280, 4.1",
            detail,
        };
        let raw = RawTbs::parse(request.der).map_err(|error| failure(error.to_string()))?;
        Ok(Self {
            validity: Validity::from_der(raw.validity)
                .map_err(|error| failure(error.to_string()))?,
            raw,
            request,
        })
    }
}

impl Lint {
    fn run(&self, inspected: &Inspected<'_>) -> Result<(), LintFailure> {
        (self.check)(inspected).map_err(|detail| LintFailure {
            lint: self.name,
            citation: self.citation,
            detail,
        })
    }
}

/// Returns the text of a finding unless the rule holds.
fn ensure(holds: bool, detail: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(detail()) }
}

/// Names a list of lints by their functions, with the source of each.
macro_rules! lints {
    ($($name:ident: $citation:literal,)*) => {
        &[$(super::Lint { name: stringify!($name), citation: $citation, check: $name },)*]
    };
}
use lints;
