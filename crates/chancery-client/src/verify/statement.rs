//! The in-toto statement of an envelope: what it says it is about must be the artifact.

use chancery_keys::HashAlgorithm;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::artifact::Artifact;
use super::error::{Check, VerifyError};
use super::signature::{Content, VerifiedSignature, What};
use crate::bundle::protojson::{AtMost, Object, object};

/// The type of an envelope's payload that is read.
const IN_TOTO: &str = "application/vnd.in-toto+json";
/// The versions of in-toto's statement that are read.
const STATEMENTS: [&str; 2] = [
    "https://in-toto.io/Statement/v1",
    "https://in-toto.io/Statement/v0.1",
];
/// The most subjects of a statement.
const SUBJECTS: usize = 10_000;

/// A statement about the artifact, signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifiedStatement {
    predicate_type: String,
    payload: Vec<u8>,
}

impl VerifiedStatement {
    /// Returns what kind of statement it is.
    #[must_use]
    pub fn predicate_type(&self) -> &str {
        &self.predicate_type
    }

    /// Returns the whole statement, in JSON, as it was signed.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type")]
    version: String,
    subject: AtMost<Object<Subject>, SUBJECTS>,
    predicate_type: String,
    #[serde(rename = "predicate")]
    _predicate: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Subject {
    #[serde(default)]
    digest: Object<Digests>,
}

/// The digests that are compared. Others say nothing here.
#[derive(Default, Deserialize)]
struct Digests {
    sha256: Option<String>,
    sha384: Option<String>,
    sha512: Option<String>,
}

/// Verifies what an envelope states; `None` if there is no envelope.
pub(super) fn verify(
    content: &Content<'_>,
    _signed: &VerifiedSignature,
) -> Result<Option<VerifiedStatement>, VerifyError> {
    let What::Envelope {
        artifact,
        payload_type,
        payload,
        ..
    } = &content.what
    else {
        return Ok(None);
    };
    if *payload_type != IN_TOTO {
        return Err(Check::Statement.failed(format_args!(
            "the envelope holds {payload_type:.100}, and not {IN_TOTO}"
        )));
    }
    let statement: Statement = object(payload.bytes()).map_err(|wrong| {
        Check::Statement.failed(format_args!("it is no in-toto statement: {wrong}"))
    })?;
    if !STATEMENTS.contains(&&*statement.version) {
        return Err(Check::Statement.failed(format_args!(
            "its _type is {:.100}, which is not known",
            statement.version
        )));
    }
    if !statement
        .subject
        .0
        .iter()
        .any(|subject| subject.digest.is_of(artifact))
    {
        return Err(Check::Subject.failed("none of the statement's subjects is the artifact"));
    }
    Ok(Some(VerifiedStatement {
        predicate_type: statement.predicate_type,
        payload: payload.bytes().to_vec(),
    }))
}

impl Digests {
    /// Tells whether one digest at least is the artifact's, and none is another's.
    fn is_of(&self, artifact: &Artifact) -> bool {
        let given = [
            (HashAlgorithm::Sha256, &self.sha256),
            (HashAlgorithm::Sha384, &self.sha384),
            (HashAlgorithm::Sha512, &self.sha512),
        ];
        let mut same = 0;
        for (algorithm, given) in given {
            let (Some(given), Some(known)) = (given, artifact.digest(algorithm)) else {
                continue;
            };
            if hex::encode(known) != given.to_ascii_lowercase() {
                return false;
            }
            same += 1;
        }
        same > 0
    }
}
