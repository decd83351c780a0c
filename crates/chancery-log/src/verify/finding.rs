//! What a verification found wrong, named as an operator finds it in the store.

use std::fmt;
use std::ops::RangeInclusive;

use chancery_tlog::TileId;

/// The most findings that are kept; the others are counted.
pub const MAX_FINDINGS: usize = 100;

/// What is wrong in a log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// Where it is.
    pub object: Object,
    /// What is wrong with it.
    pub wrong: String,
}

/// A thing that is stored, or another's word on it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Object {
    /// The tree head.
    Head,
    /// One entry, or several in a row.
    Entries(RangeInclusive<u64>),
    /// A hash tile.
    HashTile(TileId),
    /// An issuer certificate, by the fingerprint that entries name.
    Issuer([u8; 32]),
    /// A term of the search index.
    Term {
        /// The kind of term.
        name: String,
        /// Its value as stored.
        value: String,
        /// The entry that it finds.
        leaf_index: u64,
    },
    /// What was handed out for an entry.
    Delivery(u64),
    /// What cannot be named more closely, such as a table that cannot be read.
    Stored(&'static str),
    /// A head that somebody else has seen, such as the guard.
    Known(String),
}

impl Object {
    /// Names one entry.
    pub fn entry(leaf_index: u64) -> Self {
        Self::Entries(leaf_index..=leaf_index)
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("head"),
            Self::Entries(range) if range.start() == range.end() => {
                write!(f, "entry {}", range.start())
            }
            Self::Entries(range) => write!(f, "entries {} to {}", range.start(), range.end()),
            Self::HashTile(TileId { level, index }) => {
                write!(f, "hash tile level {level} index {index}")
            }
            Self::Issuer(fingerprint) => write!(f, "issuer {}", hex::encode(fingerprint)),
            Self::Term {
                name,
                value,
                leaf_index,
            } => write!(f, "term {name}={value:?} of entry {leaf_index}"),
            Self::Delivery(leaf_index) => write!(f, "delivery {leaf_index}"),
            Self::Stored(what) => f.write_str(what),
            Self::Known(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.wrong)
    }
}

/// Findings in the order in which they were made: the first [`MAX_FINDINGS`], and how many there
/// are.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    list: Vec<Finding>,
    total: u64,
}

impl Findings {
    /// Returns the first [`MAX_FINDINGS`].
    pub fn first(&self) -> &[Finding] {
        &self.list
    }

    /// Returns how many there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Tells whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    pub(super) fn add(&mut self, object: Object, wrong: impl Into<String>) {
        let wrong = wrong.into();
        if let Object::Entries(next) = &object
            && (self.named(next) || self.prolong(next, &wrong))
        {
            return;
        }
        self.total += 1;
        if self.list.len() < MAX_FINDINGS {
            self.list.push(Finding { object, wrong });
        }
    }

    /// Puts what ended the verification before all else, so that it is seen.
    pub(super) fn add_first(&mut self, object: Object, wrong: String) {
        self.total += 1;
        self.list.insert(0, Finding { object, wrong });
        self.list.truncate(MAX_FINDINGS);
    }

    /// Tells whether entries were found wrong before: once is enough.
    pub(super) fn named(&self, entries: &RangeInclusive<u64>) -> bool {
        self.list.iter().any(|finding| match &finding.object {
            Object::Entries(named) => {
                named.contains(entries.start()) && named.contains(entries.end())
            }
            _ => false,
        })
    }

    /// Makes one finding of entries in a row with which the same is wrong.
    fn prolong(&mut self, next: &RangeInclusive<u64>, wrong: &str) -> bool {
        match self.list.last_mut() {
            Some(Finding {
                object: Object::Entries(run),
                wrong: same,
            }) if same == wrong && run.end() + 1 == *next.start() => {
                *run = *run.start()..=*next.end();
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_in_a_row_with_the_same_fault_are_one_finding() {
        let mut findings = Findings::default();
        for leaf_index in [5, 6, 7, 9] {
            findings.add(Object::entry(leaf_index), "missing");
        }
        findings.add(Object::entry(10), "unreadable");
        let said: Vec<_> = findings.first().iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "entries 5 to 7: missing",
                "entry 9: missing",
                "entry 10: unreadable"
            ]
        );
        assert_eq!(findings.total(), 3);
    }

    #[test]
    fn findings_beyond_the_first_hundred_are_counted() {
        let mut findings = Findings::default();
        for leaf_index in 0..250 {
            findings.add(Object::Delivery(leaf_index), "wrong");
        }
        assert_eq!((findings.first().len(), findings.total()), (100, 250));
    }
}
