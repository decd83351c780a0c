//! Fulcio's extensions, 1.3.6.1.4.1.57264.1: what the token said of who signs and what was built.
//!
//! ```text
//! .1          issuer, deprecated          value = the text's bytes, without any DER
//! .2 … .6     GitHub workflow, deprecated value = the text's bytes, without any DER
//! .8          issuer                      value = UTF8String
//! .9 … .24    build, source and subject   value = UTF8String
//! ```
//! Source: Fulcio's `docs/oid-info.md`. An extension is present only if its text is not empty.

use const_oid::ObjectIdentifier;

use crate::oid;
use crate::raw::{RawCertificate, RawError, RawExtension};
use crate::tbs::push_extension;
use crate::tlv::{Tlv, UTF8_STRING, tlv};

/// The most octets of one value: no token that is accepted is longer as a whole.
const MAX_OCTETS: usize = 16 * 1024;

/// The values of Fulcio's extensions. The issuer is required; `None` and an empty text both leave
/// an extension out. Each field's doc names its number under the arc.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FulcioExtensions {
    /// .1 and .8: the token's issuer.
    pub issuer: String,
    /// .2, deprecated: the event that triggered the GitHub workflow.
    pub github_workflow_trigger: Option<String>,
    /// .3, deprecated: the commit the GitHub workflow ran for.
    pub github_workflow_sha: Option<String>,
    /// .4, deprecated: the name of the GitHub workflow.
    pub github_workflow_name: Option<String>,
    /// .5, deprecated: the repository of the GitHub workflow.
    pub github_workflow_repository: Option<String>,
    /// .6, deprecated: the git ref of the GitHub workflow.
    pub github_workflow_ref: Option<String>,
    /// .9: the build instructions that did the signing, with their version.
    pub build_signer_uri: Option<String>,
    /// .10: the digest of the build instructions that did the signing.
    pub build_signer_digest: Option<String>,
    /// .11: whether the build ran on hosted or on the project's own machines.
    pub runner_environment: Option<String>,
    /// .12: the source repository that was built.
    pub source_repository_uri: Option<String>,
    /// .13: the commit that was built.
    pub source_repository_digest: Option<String>,
    /// .14: the git ref that was built.
    pub source_repository_ref: Option<String>,
    /// .15: the immutable identifier of the source repository.
    pub source_repository_identifier: Option<String>,
    /// .16: the owner of the source repository.
    pub source_repository_owner_uri: Option<String>,
    /// .17: the immutable identifier of the repository's owner.
    pub source_repository_owner_identifier: Option<String>,
    /// .18: the top-level build instructions.
    pub build_config_uri: Option<String>,
    /// .19: the digest of the top-level build instructions.
    pub build_config_digest: Option<String>,
    /// .20: the event that started the build.
    pub build_trigger: Option<String>,
    /// .21: the run of the build.
    pub run_invocation_uri: Option<String>,
    /// .22: who could see the source repository when it was signed.
    pub source_repository_visibility_at_signing: Option<String>,
    /// .23: the environment that the build deploys to.
    pub deployment_environment: Option<String>,
    /// .24: the token's `sub`.
    pub subject: Option<String>,
}

/// Why a value cannot stand in a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExtensionValueError {
    /// Fulcio's specification requires the issuer.
    #[error("the issuer is empty, but every certificate must name the token's issuer")]
    NoIssuer,
    /// A value is longer than 16 KiB.
    #[error("the value of {name} has {octets} octets; at most {MAX_OCTETS} are certified")]
    TooLong {
        /// The field's name.
        name: &'static str,
        /// The value's length in octets.
        octets: usize,
    },
}

/// Why Fulcio's extensions could not be read from a certificate.
#[derive(Debug, thiserror::Error)]
pub enum ReadExtensionsError {
    /// The bytes are not a certificate.
    #[error(transparent)]
    Certificate(#[from] RawError),
    /// An extension stands in the certificate more than once (RFC 5280, section 4.2).
    #[error("the extension 1.3.6.1.4.1.57264.1.{0} is there more than once")]
    Duplicate(u8),
    /// A value is not the text that its extension should hold.
    #[error("the value of the extension 1.3.6.1.4.1.57264.1.{0} is not the text that it should be")]
    Malformed(u8),
    /// Extensions .1 and .8 name different issuers.
    #[error("the two issuer extensions differ: .1 says {deprecated:?}, .8 says {current:?}")]
    TwoIssuers {
        /// What .1 says.
        deprecated: String,
        /// What .8 says.
        current: String,
    },
    /// Neither .1 nor .8 is there.
    #[error("the certificate does not name the issuer of a token")]
    NoIssuer,
}

/// How a text becomes an extension's value.
#[derive(Clone, Copy)]
enum Encoding {
    Raw,
    Utf8String,
}

/// One optional extension: its number, its name and where its value is kept.
struct Field {
    number: u8,
    id: ObjectIdentifier,
    name: &'static str,
    encoding: Encoding,
    value: fn(&FulcioExtensions) -> &Option<String>,
    value_mut: fn(&mut FulcioExtensions) -> &mut Option<String>,
}

macro_rules! field {
    ($number:literal, $encoding:ident, $name:ident) => {
        Field {
            number: $number,
            id: ObjectIdentifier::new_unwrap(concat!("1.3.6.1.4.1.57264.1.", $number)),
            name: stringify!($name),
            encoding: Encoding::$encoding,
            value: |extensions| &extensions.$name,
            value_mut: |extensions| &mut extensions.$name,
        }
    };
}

/// .1 of the arc: the issuer as raw bytes.
pub(crate) const ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.1");
/// .8 of the arc: the issuer as a `UTF8String`.
pub(crate) const ISSUER_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.8");

/// The optional extensions between .1 and .8.
const DEPRECATED: [Field; 5] = [
    field!(2, Raw, github_workflow_trigger),
    field!(3, Raw, github_workflow_sha),
    field!(4, Raw, github_workflow_name),
    field!(5, Raw, github_workflow_repository),
    field!(6, Raw, github_workflow_ref),
];

/// The optional extensions after .8.
const CURRENT: [Field; 16] = [
    field!(9, Utf8String, build_signer_uri),
    field!(10, Utf8String, build_signer_digest),
    field!(11, Utf8String, runner_environment),
    field!(12, Utf8String, source_repository_uri),
    field!(13, Utf8String, source_repository_digest),
    field!(14, Utf8String, source_repository_ref),
    field!(15, Utf8String, source_repository_identifier),
    field!(16, Utf8String, source_repository_owner_uri),
    field!(17, Utf8String, source_repository_owner_identifier),
    field!(18, Utf8String, build_config_uri),
    field!(19, Utf8String, build_config_digest),
    field!(20, Utf8String, build_trigger),
    field!(21, Utf8String, run_invocation_uri),
    field!(22, Utf8String, source_repository_visibility_at_signing),
    field!(23, Utf8String, deployment_environment),
    field!(24, Utf8String, subject),
];

impl FulcioExtensions {
    /// Makes extensions that name the issuer of a token and nothing else.
    pub fn of_issuer(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            ..Self::default()
        }
    }

    /// Returns the name and value of each extension that is present, in the order of their numbers;
    /// the issuer, which two extensions carry, comes first and once.
    pub fn present(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let issuer = std::iter::once(("issuer", self.issuer.as_str()));
        let optional = DEPRECATED.iter().chain(&CURRENT);
        issuer.chain(optional.filter_map(|field| Some((field.name, field.read(self)?))))
    }

    /// Reads Fulcio's extensions from a certificate or precertificate in DER. Numbers that this
    /// version does not know are passed over.
    ///
    /// # Errors
    /// Bytes that are no certificate, and values that contradict the table above.
    pub fn from_certificate_der(der: &[u8]) -> Result<Self, ReadExtensionsError> {
        let certificate = RawCertificate::parse(der)?;
        Self::from_extensions(&certificate.tbs.extensions)
    }

    pub(crate) fn from_extensions(
        extensions: &[RawExtension<'_>],
    ) -> Result<Self, ReadExtensionsError> {
        let mut read = Self::default();
        let mut seen = Vec::new();
        let (mut deprecated, mut current) = (None, None);
        for extension in extensions {
            let Some(number) = extension.number_below(oid::FULCIO) else {
                continue;
            };
            if seen.contains(&number) {
                return Err(ReadExtensionsError::Duplicate(number));
            }
            seen.push(number);
            let mut fields = DEPRECATED.iter().chain(&CURRENT);
            if extension.is(ISSUER) {
                deprecated = Some(Encoding::Raw.decode(number, extension)?);
            } else if extension.is(ISSUER_V2) {
                current = Some(Encoding::Utf8String.decode(number, extension)?);
            } else if let Some(field) = fields.find(|field| field.number == number) {
                *(field.value_mut)(&mut read) = Some(field.encoding.decode(number, extension)?);
            }
        }
        read.issuer = one_issuer(deprecated, current)?;
        Ok(read)
    }

    /// Checks what no certificate may break; [`Self::encode`] is only for values that pass.
    pub(crate) fn check(&self) -> Result<(), ExtensionValueError> {
        if self.issuer.is_empty() {
            return Err(ExtensionValueError::NoIssuer);
        }
        match self.present().find(|(_, value)| value.len() > MAX_OCTETS) {
            Some((name, value)) => Err(ExtensionValueError::TooLong {
                name,
                octets: value.len(),
            }),
            None => Ok(()),
        }
    }

    /// Encodes the extensions that are present, in Fulcio's order, after those in `out`.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let optional = |out: &mut Vec<u8>, fields: &[Field]| {
            for field in fields {
                if let Some(value) = field.read(self) {
                    field.encoding.encode(out, field.id, value);
                }
            }
        };
        Encoding::Raw.encode(out, ISSUER, &self.issuer);
        optional(out, &DEPRECATED);
        Encoding::Utf8String.encode(out, ISSUER_V2, &self.issuer);
        optional(out, &CURRENT);
    }
}

impl Field {
    /// Returns the value if there is one that is not empty.
    fn read<'a>(&self, extensions: &'a FulcioExtensions) -> Option<&'a str> {
        let value = (self.value)(extensions).as_deref();
        value.filter(|value| !value.is_empty())
    }
}

impl Encoding {
    fn encode(self, out: &mut Vec<u8>, id: ObjectIdentifier, text: &str) {
        match self {
            Self::Raw => push_extension(out, id, false, text.as_bytes()),
            Self::Utf8String => {
                push_extension(out, id, false, &tlv(UTF8_STRING, &[text.as_bytes()]));
            }
        }
    }

    fn decode(
        self,
        number: u8,
        extension: &RawExtension<'_>,
    ) -> Result<String, ReadExtensionsError> {
        let text = match self {
            Self::Raw => Some(extension.value),
            Self::Utf8String => utf8_string(extension.value),
        };
        let text = text.and_then(|text| std::str::from_utf8(text).ok());
        text.map(str::to_owned)
            .ok_or(ReadExtensionsError::Malformed(number))
    }
}

/// Returns the bytes of a `UTF8String` that nothing follows.
pub(crate) fn utf8_string(value: &[u8]) -> Option<&[u8]> {
    Tlv::only(value, UTF8_STRING).ok().map(|text| text.value)
}

/// Old certificates have .1 alone, ours have both.
fn one_issuer(
    deprecated: Option<String>,
    current: Option<String>,
) -> Result<String, ReadExtensionsError> {
    match (deprecated, current) {
        (Some(deprecated), Some(current)) if deprecated != current => {
            Err(ReadExtensionsError::TwoIssuers {
                deprecated,
                current,
            })
        }
        (Some(issuer), _) | (None, Some(issuer)) => Ok(issuer),
        (None, None) => Err(ReadExtensionsError::NoIssuer),
    }
}
