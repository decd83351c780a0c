//! What becomes of a token, and why, step by step.
//!
//! An explanation is for people who ask before they sign, or after they were refused. It shows what a
//! certificate would show and what refusals say; no other claims, and nothing of the signature.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use chancery_certs::SubjectAlternativeName;
use serde::Serialize;

use crate::error::{AuthenticateError, FailureClass};
use crate::issuer::{Issuer, TermsAndKeys, VerifiedClaims, verify};
use crate::issuers::Set;
use crate::principal::Principal;
use crate::quoted::quoted;
use crate::signature;
use crate::token::UnverifiedToken;
use crate::token::claims::Claims;

/// Whether issuers are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// No. The signature is not checked, all else is shown as if it were good: for whoever may read
    /// the configuration, not for strangers, who could try out its rules.
    Offline,
    /// Yes, under the same conditions as when a certificate is asked for. Rules are shown only to
    /// whoever has a token that the issuer signed.
    Online,
}

/// What becomes of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The outcome.
    pub verdict: Verdict,
    /// How it came about, always in the same order.
    pub steps: Vec<Step>,
    /// As what the holder is, or would be, certified; missing if that is not known.
    pub certificate: Option<Certified>,
}

/// The outcome of an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The token is good.
    Accepted,
    /// Nothing speaks against it, but its signature was not checked.
    Undecided,
    /// At least one step failed.
    Refused,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Which one.
    pub name: StepName,
    /// How it went.
    pub outcome: StepOutcome,
    /// The stable code of the reason if it failed.
    pub code: Option<&'static str>,
    /// What was found, or why it failed or was skipped.
    pub detail: String,
}

/// The steps, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepName {
    /// The text is a token.
    Form,
    /// Its issuer is configured.
    Issuer,
    /// Its algorithm is one that issuers use.
    Algorithm,
    /// It is for an audience of the issuer's configuration.
    Audience,
    /// It is valid now.
    Time,
    /// Its issuer signed it.
    Signature,
    /// The operator's rules accept it.
    Rules,
    /// Its holder can be named in a certificate.
    Identity,
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepOutcome {
    /// Nothing speaks against the token.
    Passed,
    /// The token is refused for it.
    Failed,
    /// It was not looked at.
    Skipped,
}

/// What a certificate would say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Certified {
    /// `email`, `uri` or `username`.
    pub name_type: &'static str,
    /// The subject alternative name.
    pub name: String,
    /// Fulcio's extensions that would be there, in the order of their numbers.
    pub extensions: Vec<Extension>,
    /// The texts that a proof of possession may be over.
    pub proof_over: Vec<String>,
    /// How long it would be valid, in seconds, if the issuer's entry says so.
    pub lifetime_s: Option<u64>,
    /// Whether the token is good for one certificate only. Whether it was used is not looked at.
    pub once_only: bool,
}

/// One extension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Extension {
    /// Its name in Fulcio's configuration.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// The steps that have been made.
#[derive(Default)]
struct Steps {
    made: Vec<Step>,
    refused: bool,
    undecided: bool,
}

/// Explains a token to the issuers of one configuration.
pub(crate) async fn explain(set: &Set, token: &str, now: SystemTime, reach: Reach) -> Explanation {
    let mut steps = Steps::default();
    let certificate = match steps.form(token) {
        None => None,
        Some(token) => {
            let entry = steps.before_the_issuer(set, &token, now, reach).await;
            let name = token.claims.issuer().unwrap_or_default().to_owned();
            entry.and_then(|chosen| steps.after_the_issuer(&name, chosen, token.claims, reach))
        }
    };
    steps.explanation(certificate)
}

/// The issuer of a token, and which of its entries the token is for.
struct Chosen(Arc<Issuer>, usize);

impl Chosen {
    fn entry(&self) -> Option<&TermsAndKeys> {
        self.0.entries().get(self.1)
    }
}

impl Steps {
    fn form<'a>(&mut self, token: &'a str) -> Option<UnverifiedToken<'a>> {
        self.record(StepName::Form, UnverifiedToken::parse(token), |_| {
            "header, payload and signature".into()
        })
    }

    /// Does what can be done without the issuer, and then asks it for its keys if nothing speaks
    /// against the token.
    async fn before_the_issuer(
        &mut self,
        set: &Set,
        token: &UnverifiedToken<'_>,
        now: SystemTime,
        reach: Reach,
    ) -> Option<Chosen> {
        let name = token.claims.issuer();
        let found = name
            .map_err(AuthenticateError::from)
            .and_then(|name| set.find(name).map(|issuer| (name, issuer)));
        let found = self.record(StepName::Issuer, found, |(name, _)| quoted(name));
        self.record(
            StepName::Algorithm,
            signature::algorithm(token),
            ToString::to_string,
        );
        let (_, issuer) = found?;
        let chosen = self.record(StepName::Audience, issuer.choose(&token.claims), |entry| {
            let audiences: Vec<String> = entry.terms.audiences().map(quoted).collect();
            format!("the entry for {}", audiences.join(", "))
        });
        // What else a token for another audience lacks helps only if there is no other entry.
        let chosen = match (chosen, issuer.entries()) {
            (Some(chosen), _) => Some(chosen),
            (None, [only]) => Some(only),
            _ => None,
        }?;
        let time = chosen.terms.require_time(&token.claims, now);
        self.record(StepName::Time, time, |()| rest(&token.claims, now));
        self.signature(chosen, token, reach).await;
        let index = issuer
            .entries()
            .iter()
            .position(|entry| std::ptr::eq(entry, chosen))?;
        Some(Chosen(issuer, index))
    }

    async fn signature(
        &mut self,
        chosen: &TermsAndKeys,
        token: &UnverifiedToken<'_>,
        reach: Reach,
    ) {
        if reach == Reach::Offline {
            self.undecided = true;
            self.skip(
                StepName::Signature,
                "not checked: the issuer is not asked offline",
            );
        } else if !self.refused {
            let verified = verify(&chosen.keys, token).await;
            self.record(StepName::Signature, verified, |()| {
                "made with a key of the issuer".into()
            });
        }
    }

    /// Does what the holder of a genuine token may know.
    fn after_the_issuer(
        &mut self,
        issuer: &str,
        chosen: Chosen,
        claims: Claims,
        reach: Reach,
    ) -> Option<Certified> {
        if reach == Reach::Online && (self.refused || self.undecided) {
            return None;
        }
        let terms = &chosen.entry()?.terms;
        // Nobody is certified for it: only what it would come to is told.
        let claims = VerifiedClaims::supposed(claims);
        match terms.rules().is_empty() {
            true => self.skip(StepName::Rules, "there are none for this issuer"),
            false => {
                self.record(StepName::Rules, terms.rules().check(&claims), |()| {
                    "accepted".into()
                });
            }
        }
        let principal = terms.identify(issuer, &claims);
        let certified = self.record(StepName::Identity, principal, |principal| {
            quoted(principal.san().as_str())
        });
        certified.as_ref().map(Certified::of)
    }

    /// Notes how a step went, and returns what it found.
    fn record<T, E: Into<AuthenticateError>>(
        &mut self,
        name: StepName,
        result: Result<T, E>,
        detail: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        let (outcome, code, detail, found) = match result {
            Ok(found) => (StepOutcome::Passed, None, detail(&found), Some(found)),
            Err(error) => {
                let error = error.into();
                match error.class() {
                    FailureClass::Refused => self.refused = true,
                    FailureClass::Limited { .. } | FailureClass::Unavailable { .. } => {
                        self.undecided = true;
                    }
                }
                (
                    StepOutcome::Failed,
                    Some(error.code()),
                    error.to_string(),
                    None,
                )
            }
        };
        self.made.push(Step {
            name,
            outcome,
            code,
            detail,
        });
        found
    }

    fn skip(&mut self, name: StepName, why: &str) {
        self.made.push(Step {
            name,
            outcome: StepOutcome::Skipped,
            code: None,
            detail: why.to_owned(),
        });
    }

    fn explanation(mut self, certificate: Option<Certified>) -> Explanation {
        for name in StepName::ALL {
            if !self.made.iter().any(|step| step.name == name) {
                self.skip(name, "not looked at, because an earlier step failed");
            }
        }
        self.made.sort_by_key(|step| step.name as usize);
        Explanation {
            verdict: match (self.refused, self.undecided) {
                (true, _) => Verdict::Refused,
                (false, true) => Verdict::Undecided,
                (false, false) => Verdict::Accepted,
            },
            steps: self.made,
            certificate,
        }
    }
}

impl StepName {
    const ALL: [Self; 8] = [
        Self::Form,
        Self::Issuer,
        Self::Algorithm,
        Self::Audience,
        Self::Time,
        Self::Signature,
        Self::Rules,
        Self::Identity,
    ];
}

impl Certified {
    fn of(principal: &Principal) -> Self {
        let extensions = principal.extensions().present();
        Self {
            name_type: match principal.san() {
                SubjectAlternativeName::Email(_) => "email",
                SubjectAlternativeName::Uri(_) => "uri",
                SubjectAlternativeName::OtherName(_) => "username",
            },
            name: principal.san().to_string(),
            extensions: extensions
                .map(|(name, value)| Extension {
                    name: name.replace('_', "-"),
                    value: value.to_owned(),
                })
                .collect(),
            proof_over: principal.proof_candidates().map(str::to_owned).collect(),
            lifetime_s: principal.lifetime().map(|lifetime| lifetime.as_secs()),
            once_only: principal.once().is_some(),
        }
    }
}

/// Says for how long a token is valid.
fn rest(claims: &Claims, now: SystemTime) -> String {
    let end = claims.end(None).unwrap_or(UNIX_EPOCH);
    let left = end.duration_since(now).unwrap_or_default();
    format!("it expires in {} s", left.as_secs())
}
