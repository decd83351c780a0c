//! In-toto statements, and the envelope that they are signed in (DSSE).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
use url::Url;

use super::{ArtifactDigest, predicate};
use crate::bundle::limits;
use crate::verify::signature::pre_authentication;

/// The type of the payload of an envelope that holds a statement.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// An in-toto statement: something that is said about artifacts.
///
/// ```
/// use chancery_client::sign::{ArtifactDigest, Statement};
///
/// let release = ArtifactDigest::of(b"a release");
/// let predicate = br#"{"tests": "passed"}"#;
/// let statement = Statement::new(
///     &[("release.tar.gz".to_owned(), release)],
///     "https://example.org/tests/v1",
///     predicate,
/// )?;
/// assert!(statement.as_str().contains(&release.hex()));
/// # Ok::<(), chancery_client::sign::StatementError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statement {
    text: String,
    subject: ArtifactDigest,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(rename = "_type")]
    kind: &'a str,
    subject: Vec<Subject<'a>>,
    predicate_type: &'a str,
    predicate: &'a RawValue,
}

#[derive(Serialize)]
struct Subject<'a> {
    name: &'a str,
    digest: BTreeMap<&'a str, String>,
}

/// Why a statement cannot be made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StatementError {
    /// It would be about nothing.
    #[error("a statement needs at least one artifact that it is about")]
    NoSubject,
    /// The type is no URI.
    #[error("the predicate type {0:?} is no URI such as https://slsa.dev/provenance/v1")]
    PredicateType(String),
    /// More than is attested.
    #[error(
        "the statement has {found} bytes or more; at most {} are attested",
        Statement::LONGEST
    )]
    TooLong {
        /// How many bytes it has at least.
        found: usize,
    },
    /// The predicate is no JSON object that means the same to everybody.
    #[error("the predicate is no JSON object whose members all have names of their own")]
    Predicate(#[from] Arc<serde_json::Error>),
}

// The rest of a bundle, entries and timestamps, is a fraction of this.
const _: () = assert!(Statement::LONGEST / 3 * 4 + (512 << 10) <= limits::BUNDLE_BYTES);

impl Statement {
    /// The longest statement, in bytes: in base64, its bundle can be read again.
    pub const LONGEST: usize = 4 << 20;

    /// Says `predicate`, a JSON object, of artifacts by their names. It is signed byte for byte as it is.
    ///
    /// # Errors
    /// [`StatementError`] says what is wrong with the predicate.
    pub fn new(
        subjects: &[(String, ArtifactDigest)],
        predicate_type: &str,
        predicate: &[u8],
    ) -> Result<Self, StatementError> {
        let subject = subjects.first().ok_or(StatementError::NoSubject)?.1;
        if Url::parse(predicate_type).is_err() {
            return Err(StatementError::PredicateType(predicate_type.to_owned()));
        }
        require_short(predicate.len())?;
        let predicate = predicate::read(predicate).map_err(Arc::new)?;
        let subjects = subjects.iter().map(|(name, digest)| Subject {
            name,
            digest: BTreeMap::from([("sha256", digest.hex())]),
        });
        let statement = serde_json::to_string(&Written {
            kind: STATEMENT_TYPE,
            subject: subjects.collect(),
            predicate_type,
            predicate,
        });
        let text = statement.map_err(Arc::new)?;
        require_short(text.len())?;
        Ok(Self { text, subject })
    }

    /// Returns the statement as it is signed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns one of the artifacts that it is about.
    pub(super) fn subject(&self) -> ArtifactDigest {
        self.subject
    }

    /// Returns the type of the payload.
    pub(super) fn payload_type() -> &'static str {
        PAYLOAD_TYPE
    }

    /// Returns the digest of the pre-authentication encoding: what is signed, and what is entered in
    /// the ledger.
    pub(super) fn digest(&self) -> ArtifactDigest {
        ArtifactDigest::of(&pre_authentication(PAYLOAD_TYPE, self.text.as_bytes()))
    }
}

fn require_short(found: usize) -> Result<(), StatementError> {
    match found > Statement::LONGEST {
        true => Err(StatementError::TooLong { found }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_that_of_the_protocols_example() {
        let encoded = pre_authentication("http://example.com/HelloWorld", b"hello world");
        assert_eq!(
            encoded,
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn a_predicate_is_signed_as_it_was_written() {
        let subjects = [("a".to_owned(), ArtifactDigest::of(b"a"))];
        let predicate = r#"{"b": 10000000000000000000001.50, "a" :1e2}"#;
        let statement = Statement::new(&subjects, "https://a/b", predicate.as_bytes()).unwrap();
        let digest = subjects[0].1.hex();
        assert_eq!(
            statement.as_str(),
            format!(
                r#"{{"_type":"{STATEMENT_TYPE}","subject":[{{"name":"a","digest":{{"sha256":"{digest}"}}}}],"predicateType":"https://a/b","predicate":{predicate}}}"#
            )
        );
    }

    #[test]
    fn only_an_object_under_a_uri_about_something_is_attested() {
        let subjects = [("a".to_owned(), ArtifactDigest::of(b"a"))];
        let make = |kind, predicate: &[u8]| Statement::new(&subjects, kind, predicate);
        assert!(make("https://a/b", b"{}").is_ok());
        let refused = [
            make("b", b"{}").unwrap_err(),
            make("https://a/b", b"[]").unwrap_err(),
            make("https://a/b", b"{").unwrap_err(),
            make("https://a/b", &vec![b' '; Statement::LONGEST + 1]).unwrap_err(),
            Statement::new(&[], "https://a/b", b"{}").unwrap_err(),
        ];
        use StatementError::{NoSubject, Predicate, PredicateType, TooLong};
        assert!(
            matches!(
                refused,
                [
                    PredicateType(_),
                    Predicate(_),
                    Predicate(_),
                    TooLong { .. },
                    NoSubject
                ]
            ),
            "{refused:?}"
        );
    }

    #[test]
    fn what_makes_a_statement_long_does_not_matter() {
        let one = ("a".repeat(64), ArtifactDigest::of(b"a"));
        let make = |count| Statement::new(&vec![one.clone(); count], "https://a/b", b"{}");
        assert!(make(20_000).is_ok());
        let many = make(30_000).unwrap_err();
        assert!(matches!(many, StatementError::TooLong { .. }), "{many}");
    }
}
