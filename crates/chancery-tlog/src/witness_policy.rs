//! Policies: which witnesses there are, and whose cosignatures together are enough.
//!
//! <https://c2sp.org/tlog-policy>; one definition on each line, names before they are used
//! ```text
//! log <verifier key> [<URL>]
//! witness <name> <verifier key> [<URL>]
//! group <name> <all | any | k> <name of a witness or group> …
//! quorum <name | none>
//! ```

use std::collections::HashMap;

use crate::verifier_key::{ParseVerifierKeyError, VerifierKey};

// Three times what the specification asks readers to support of each kind.
const MAX_OF_A_KIND: usize = 100;
const MAX_LENGTH: usize = 256 << 10;

/// A policy: logs, witnesses and the rule for a quorum.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WitnessPolicy {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    quorum: Option<Member>,
}

/// A log that a policy names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PolicyLog {
    /// The log's key, whose name is the log's origin.
    pub key: VerifierKey,
    /// Where it is, in whatever sense the policy's reader gives this.
    pub url: Option<String>,
}

/// A witness that a policy names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PolicyWitness {
    /// Its name in the policy, which means nothing outside of it.
    pub name: String,
    /// Its key: always a [`VerifierKey::Cosignature`].
    pub key: VerifierKey,
    /// The prefix to which checkpoints are submitted.
    pub url: Option<String>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Group {
    threshold: usize,
    members: Vec<Member>,
}

/// A witness or an earlier group, by its place among them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Member {
    Witness(usize),
    Group(usize),
}

impl WitnessPolicy {
    /// Parses a policy. Names are text here: a file that is not UTF-8 is refused.
    ///
    /// # Errors
    ///
    /// Says the line, and what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParsePolicyError> {
        let whole = |fault| ParsePolicyError { line: 1, fault };
        if bytes.len() > MAX_LENGTH {
            return Err(whole(PolicyFault::TooLong));
        }
        let text = str::from_utf8(bytes).map_err(|_| whole(PolicyFault::NotText))?;
        let mut parser = Parser::default();
        let mut number = 0;
        for line in text.split('\n') {
            number += 1;
            parser.take(line).map_err(|fault| ParsePolicyError {
                line: number,
                fault,
            })?;
        }
        match parser.quorum {
            Some(quorum) => Ok(Self {
                logs: parser.logs,
                witnesses: parser.witnesses,
                groups: parser.groups,
                quorum,
            }),
            None => Err(ParsePolicyError {
                line: number,
                fault: PolicyFault::NoQuorum,
            }),
        }
    }

    /// Returns the logs, in the order of their lines.
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// Returns the witnesses, in the order of their lines.
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// Says whether cosignatures are enough, of which `cosigned` tells for each place in
    /// [`WitnessPolicy::witnesses`] whether there is one that verifies.
    pub fn is_satisfied(&self, cosigned: impl Fn(usize) -> bool) -> bool {
        let mut groups: Vec<bool> = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let counted = group.members.iter().filter(|member| match **member {
                Member::Witness(place) => cosigned(place),
                // Groups have earlier groups as members only.
                Member::Group(place) => groups.get(place).copied().unwrap_or(false),
            });
            let satisfied = counted.count() >= group.threshold;
            groups.push(satisfied);
        }
        match self.quorum {
            None => true,
            Some(Member::Witness(place)) => cosigned(place),
            Some(Member::Group(place)) => groups.get(place).copied().unwrap_or(false),
        }
    }
}

#[derive(Default)]
struct Parser {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    names: HashMap<String, Member>,
    /// Names that are a member of a group already.
    members: Vec<Member>,
    quorum: Option<Option<Member>>,
}

impl Parser {
    fn take(&mut self, line: &str) -> Result<(), PolicyFault> {
        if line.bytes().any(|b| (b < b' ' && b != b'\t') || b == 0x7f) {
            return Err(PolicyFault::ControlCharacter);
        }
        let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
        let Some(keyword) = words.next().filter(|word| !word.starts_with('#')) else {
            return Ok(());
        };
        let words: Vec<_> = words.collect();
        match (keyword, &*words) {
            ("log", [key]) => self.log(key, None),
            ("log", [key, url]) => self.log(key, Some(url)),
            ("witness", [name, key]) => self.witness(name, key, None),
            ("witness", [name, key, url]) => self.witness(name, key, Some(url)),
            ("group", [name, threshold, members @ ..]) if !members.is_empty() => {
                self.group(name, threshold, members)
            }
            ("quorum", [name]) => self.quorum(name),
            ("log" | "witness" | "group" | "quorum", _) => Err(PolicyFault::Items),
            _ => Err(PolicyFault::Keyword(keyword.to_owned())),
        }
    }

    fn log(&mut self, key: &str, url: Option<&str>) -> Result<(), PolicyFault> {
        let key = VerifierKey::parse(key)?;
        if matches!(key, VerifierKey::Cosignature { .. }) {
            return Err(PolicyFault::KeyType(
                "a witness's, and no log has such a key",
            ));
        }
        if self.logs.iter().any(|log| is_same_key(&log.key, &key)) {
            return Err(PolicyFault::KeyTwice);
        }
        let url = url.map(str::to_owned);
        push(&mut self.logs, PolicyLog { key, url }).map(drop)
    }

    fn witness(&mut self, name: &str, key: &str, url: Option<&str>) -> Result<(), PolicyFault> {
        let key = VerifierKey::parse(key)?;
        if !matches!(key, VerifierKey::Cosignature { .. }) {
            return Err(PolicyFault::KeyType(
                "not of type 0x04, as witnesses' keys are",
            ));
        }
        if self.witnesses.iter().any(|w| is_same_key(&w.key, &key)) {
            return Err(PolicyFault::KeyTwice);
        }
        let witness = PolicyWitness {
            name: name.to_owned(),
            key,
            url: url.map(str::to_owned),
        };
        let place = push(&mut self.witnesses, witness)?;
        self.define(name, Member::Witness(place))
    }

    fn group(&mut self, name: &str, threshold: &str, names: &[&str]) -> Result<(), PolicyFault> {
        let mut members = Vec::new();
        for name in names {
            let member = self.defined(name)?;
            if self.members.contains(&member) {
                return Err(PolicyFault::MemberTwice((*name).to_owned()));
            }
            self.members.push(member);
            members.push(member);
        }
        let threshold = match threshold {
            "all" => members.len(),
            "any" => 1,
            k => decimal(k)
                .filter(|k| (1..=members.len()).contains(k))
                .ok_or(PolicyFault::Threshold)?,
        };
        let place = push(&mut self.groups, Group { threshold, members })?;
        self.define(name, Member::Group(place))
    }

    fn quorum(&mut self, name: &str) -> Result<(), PolicyFault> {
        let quorum = match name {
            "none" => None,
            name => Some(self.defined(name)?),
        };
        match self.quorum.replace(quorum) {
            None => Ok(()),
            Some(_) => Err(PolicyFault::QuorumTwice),
        }
    }

    fn define(&mut self, name: &str, member: Member) -> Result<(), PolicyFault> {
        if name == "none" || self.names.insert(name.to_owned(), member).is_some() {
            return Err(PolicyFault::NameTaken(name.to_owned()));
        }
        Ok(())
    }

    fn defined(&self, name: &str) -> Result<Member, PolicyFault> {
        let member = self.names.get(name).copied();
        member.ok_or_else(|| PolicyFault::Undefined(name.to_owned()))
    }
}

fn push<T>(list: &mut Vec<T>, item: T) -> Result<usize, PolicyFault> {
    let place = list.len();
    if place == MAX_OF_A_KIND {
        return Err(PolicyFault::TooMany);
    }
    list.push(item);
    Ok(place)
}

/// Says whether two keys are one, whatever their names.
fn is_same_key(one: &VerifierKey, other: &VerifierKey) -> bool {
    one.public_key() == other.public_key()
}

fn decimal(text: &str) -> Option<usize> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Why a text is no policy; the fault of whoever wrote it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line} of the policy: {fault}")]
pub struct ParsePolicyError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: PolicyFault,
}

/// What is wrong with a line of a policy.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PolicyFault {
    /// Only tabs and newlines may be in it.
    #[error("it has a control character")]
    ControlCharacter,
    /// There are too few words, or too many.
    #[error("it has more or fewer items than its keyword takes")]
    Items,
    /// The key cannot be read.
    #[error(transparent)]
    Key(#[from] ParseVerifierKeyError),
    /// The key is for something else.
    #[error("the key is {0}")]
    KeyType(&'static str),
    /// The key was given before, under this name or another.
    #[error("an earlier line has the same key")]
    KeyTwice,
    /// It begins with a word that is not defined.
    #[error("{0:?} is none of log, witness, group and quorum")]
    Keyword(String),
    /// A name would count twice.
    #[error("{0:?} is a member of a group already")]
    MemberTwice(String),
    /// The name stands for something already.
    #[error("the name {0:?} is taken")]
    NameTaken(String),
    /// No line says what is enough.
    #[error("the policy ends without a quorum")]
    NoQuorum,
    /// The policy is not UTF-8.
    #[error("the policy is not UTF-8")]
    NotText,
    /// Another line says what is enough.
    #[error("an earlier line has a quorum already")]
    QuorumTwice,
    /// The number of members that are enough is none.
    #[error("the threshold is neither all, any nor a number from 1 to that of the members")]
    Threshold,
    /// Longer than any honest policy.
    #[error("the policy is longer than 256 KiB")]
    TooLong,
    /// More than any honest policy has.
    #[error("there are more than 100 of these")]
    TooMany,
    /// A name is used that no earlier line defines.
    #[error("no earlier line defines {0:?}")]
    Undefined(String),
}

#[cfg(test)]
mod tests;
