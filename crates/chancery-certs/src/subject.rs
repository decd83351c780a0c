//! The one subject alternative name of a certificate: an e-mail address, a URI or a user name.
//!
//! ```text
//! SubjectAltName ::= SEQUENCE OF GeneralName            -- RFC 5280, section 4.2.1.6; here one
//! rfc822Name                [1] IMPLICIT IA5String
//! uniformResourceIdentifier [6] IMPLICIT IA5String
//! otherName                 [0] IMPLICIT SEQUENCE { type-id 1.3.6.1.4.1.57264.1.7,
//!                                                   value [0] EXPLICIT UTF8String }
//! ```

use std::fmt;

use der::asn1::{Ia5String, Utf8StringRef};
use der::{Any, Decode, Encode};
use x509_cert::ext::pkix::name::{GeneralName, OtherName};

use crate::oid;
use crate::raw::{RawCertificate, RawError, RawTbs};

/// The most octets a name may have: far above any real one, far below what would bloat the log.
const MAX_OCTETS: usize = 4096;

/// Who a certificate is for. Each payload can be made only by its constructor here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SubjectAlternativeName {
    /// An e-mail address: rfc822Name.
    Email(Email),
    /// A URI: uniformResourceIdentifier.
    Uri(Uri),
    /// A user name of an issuer's domain, `user!domain`: Fulcio's otherName.
    OtherName(Username),
}

/// An e-mail address that can stand in a certificate: ASCII, `local@domain`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

/// An absolute URI that can stand in a certificate: ASCII, percent-encoded by the caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Uri(String);

/// A user name that can stand in a certificate: any text without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Username(String);

/// Why a text cannot be the subject alternative name of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubjectNameError {
    /// The text is empty.
    #[error("the {kind} is empty")]
    Empty {
        /// Which kind of name it should have been.
        kind: &'static str,
    },
    /// The text is longer than 4096 octets.
    #[error("the {kind} has {octets} octets; at most {MAX_OCTETS} are certified")]
    TooLong {
        /// Which kind of name it should have been.
        kind: &'static str,
        /// Its length in octets.
        octets: usize,
    },
    /// The text holds a control character, which could hide the rest from a reader or a parser.
    #[error("the {kind} holds the control character {character:?}")]
    ControlCharacter {
        /// Which kind of name it should have been.
        kind: &'static str,
        /// The first such character.
        character: char,
    },
    /// The text is not ASCII, but RFC 5280, section 4.2.1.6, wants an `IA5String`.
    #[error(
        "the {kind} cannot be encoded as an IA5String: \
         it holds the non-ASCII character {character:?}"
    )]
    NotIa5 {
        /// Which kind of name it should have been.
        kind: &'static str,
        /// The first such character.
        character: char,
    },
    /// The text has not the form `local@domain` (RFC 5280, section 4.2.1.6: a Mailbox).
    #[error("the e-mail address has not the form local@domain without white space")]
    NotMailbox,
    /// The text is no absolute URI (RFC 5280, section 4.2.1.6).
    #[error("the URI is not absolute, or holds white space that is not percent-encoded")]
    NotAbsoluteUri,
}

/// Why no identity could be read from a certificate.
#[derive(Debug, thiserror::Error)]
pub enum ReadSubjectError {
    /// The bytes are not a certificate.
    #[error(transparent)]
    Certificate(#[from] RawError),
    /// The certificate has no, or several, subjectAltName extensions.
    #[error("the certificate does not have exactly one subject alternative name extension")]
    NotOneExtension,
    /// The extension's value does not parse.
    #[error("the subject alternative name does not parse")]
    Malformed(#[source] der::Error),
    /// The extension names nobody, several, or a kind that Fulcio does not use.
    #[error("the certificate does not name exactly one e-mail address, URI or user name")]
    NotOneName,
    /// The name is of a known kind, but no name that would be certified.
    #[error(transparent)]
    Name(#[from] SubjectNameError),
}

impl SubjectAlternativeName {
    /// Makes the name of an e-mail identity; the case is kept.
    ///
    /// # Errors
    /// Anything that is not an ASCII `local@domain` of at most 4096 octets.
    pub fn email(address: &str) -> Result<Self, SubjectNameError> {
        ia5("e-mail address", address)?;
        let parts = address.rsplit_once('@');
        if parts.is_none_or(|(local, domain)| local.is_empty() || domain.is_empty())
            || address.contains(' ')
        {
            return Err(SubjectNameError::NotMailbox);
        }
        Ok(Self::Email(Email(address.to_owned())))
    }

    /// Makes the name of an identity that is a URI, such as a CI workflow.
    ///
    /// # Errors
    /// Anything that is not an ASCII `scheme:rest` of at most 4096 octets.
    pub fn uri(uri: &str) -> Result<Self, SubjectNameError> {
        ia5("URI", uri)?;
        let parts = uri.split_once(':');
        if parts.is_none_or(|(scheme, rest)| !is_scheme(scheme) || rest.is_empty())
            || uri.contains(' ')
        {
            return Err(SubjectNameError::NotAbsoluteUri);
        }
        Ok(Self::Uri(Uri(uri.to_owned())))
    }

    /// Makes the name of a user of an issuer's domain, `user!domain`.
    ///
    /// # Errors
    /// An empty name, one with control characters, or one of more than 4096 octets.
    pub fn username(name: &str) -> Result<Self, SubjectNameError> {
        text("user name", name)?;
        Ok(Self::OtherName(Username(name.to_owned())))
    }

    /// Reads the identity from a certificate or precertificate in DER.
    ///
    /// # Errors
    /// Bytes that are no certificate, or one that does not name exactly one known identity.
    pub fn from_certificate_der(der: &[u8]) -> Result<Self, ReadSubjectError> {
        Self::from_tbs(&RawCertificate::parse(der)?.tbs)
    }

    pub(crate) fn from_tbs(tbs: &RawTbs<'_>) -> Result<Self, ReadSubjectError> {
        let mut names = tbs.extensions_with(oid::SUBJECT_ALT_NAME);
        match (names.next(), names.next()) {
            (Some(name), None) => Self::from_extension_value(name.value),
            _ => Err(ReadSubjectError::NotOneExtension),
        }
    }

    /// Reads the identity from the value of a subjectAltName extension.
    pub(crate) fn from_extension_value(value: &[u8]) -> Result<Self, ReadSubjectError> {
        let names = Vec::<GeneralName>::from_der(value).map_err(ReadSubjectError::Malformed)?;
        let [name] = names.as_slice() else {
            return Err(ReadSubjectError::NotOneName);
        };
        match name {
            GeneralName::Rfc822Name(address) => Ok(Self::email(address.as_str())?),
            GeneralName::UniformResourceIdentifier(uri) => Ok(Self::uri(uri.as_str())?),
            GeneralName::OtherName(other) if other.type_id == oid::FULCIO_USERNAME => {
                let name = other.value.decode_as::<Utf8StringRef<'_>>();
                Ok(Self::username(
                    name.map_err(ReadSubjectError::Malformed)?.as_ref(),
                )?)
            }
            _ => Err(ReadSubjectError::NotOneName),
        }
    }

    /// Encodes the value of the subjectAltName extension.
    pub(crate) fn to_extension_value(&self) -> Result<Vec<u8>, der::Error> {
        let name = match self {
            Self::Email(Email(address)) => GeneralName::Rfc822Name(Ia5String::new(address)?),
            Self::Uri(Uri(uri)) => GeneralName::UniformResourceIdentifier(Ia5String::new(uri)?),
            Self::OtherName(Username(name)) => GeneralName::OtherName(OtherName {
                type_id: oid::FULCIO_USERNAME,
                value: Any::encode_from(&Utf8StringRef::new(name)?)?,
            }),
        };
        vec![name].to_der()
    }

    /// Returns the name itself.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Email(Email(name)) | Self::Uri(Uri(name)) | Self::OtherName(Username(name)) => {
                name
            }
        }
    }
}

impl fmt::Display for SubjectAlternativeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Checks what holds for every name.
fn text(kind: &'static str, name: &str) -> Result<(), SubjectNameError> {
    if name.is_empty() {
        return Err(SubjectNameError::Empty { kind });
    }
    let octets = name.len();
    if octets > MAX_OCTETS {
        return Err(SubjectNameError::TooLong { kind, octets });
    }
    match name.chars().find(|character| character.is_control()) {
        Some(character) => Err(SubjectNameError::ControlCharacter { kind, character }),
        None => Ok(()),
    }
}

/// Checks what holds for a name that is encoded as an `IA5String`.
fn ia5(kind: &'static str, name: &str) -> Result<(), SubjectNameError> {
    text(kind, name)?;
    match name.chars().find(|character| !character.is_ascii()) {
        Some(character) => Err(SubjectNameError::NotIa5 { kind, character }),
        None => Ok(()),
    }
}

/// Tells whether a text is a URI's scheme (RFC 3986, section 3.1).
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_outside_ascii_is_refused_with_the_character() {
        let error = SubjectAlternativeName::email("bücher@example.com").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the e-mail address cannot be encoded as an IA5String: \
             it holds the non-ASCII character 'ü'"
        );
    }

    #[test]
    fn an_email_needs_a_local_part_and_a_domain() {
        for bad in ["alice", "@example.com", "alice@", "alice smith@example.com"] {
            let error = SubjectAlternativeName::email(bad).unwrap_err();
            assert_eq!(error, SubjectNameError::NotMailbox, "{bad}");
        }
    }

    #[test]
    fn control_characters_are_refused_in_every_kind_of_name() {
        for control in ['\0', '\n', '\u{7f}'] {
            let name = format!("a{control}b@example.com");
            let expected = |kind| SubjectNameError::ControlCharacter {
                kind,
                character: control,
            };
            let email = SubjectAlternativeName::email(&name);
            assert_eq!(email.unwrap_err(), expected("e-mail address"));
            let uri = SubjectAlternativeName::uri(&format!("https://{name}"));
            assert_eq!(uri.unwrap_err(), expected("URI"));
            let user = SubjectAlternativeName::username(&name);
            assert_eq!(user.unwrap_err(), expected("user name"));
        }
        assert!(SubjectAlternativeName::username("a\u{85}b").is_err());
    }

    #[test]
    fn an_empty_or_oversize_name_is_refused() {
        let long = format!("https://{}", "a".repeat(MAX_OCTETS - 8));
        assert!(SubjectAlternativeName::uri(&long).is_ok());
        let error = SubjectAlternativeName::uri(&format!("{long}a")).unwrap_err();
        assert!(matches!(
            error,
            SubjectNameError::TooLong { octets: 4097, .. }
        ));
        assert!(matches!(
            SubjectAlternativeName::username("").unwrap_err(),
            SubjectNameError::Empty { .. }
        ));
    }

    #[test]
    fn a_uri_without_a_scheme_or_with_a_raw_space_is_refused() {
        for bad in ["/users/1", "1http://x", "https:", "https://x/a b", "://x"] {
            let error = SubjectAlternativeName::uri(bad).unwrap_err();
            assert_eq!(error, SubjectNameError::NotAbsoluteUri, "{bad}");
        }
        assert!(SubjectAlternativeName::uri("spiffe://example.com/a%20b").is_ok());
    }

    #[test]
    fn a_user_name_is_an_other_name_with_a_utf8_string_inside() {
        let name = SubjectAlternativeName::username("bob!example.com").unwrap();
        let value = name.to_extension_value().unwrap();
        let expected = "3021a01f060a2b0601040183bf300107a0110c0f626f62216578616d706c652e636f6d";
        assert_eq!(hex::encode(&value), expected);
        assert_eq!(
            SubjectAlternativeName::from_extension_value(&value).unwrap(),
            name
        );
    }

    #[test]
    fn a_value_with_two_names_or_an_unknown_kind_is_refused() {
        let email = GeneralName::Rfc822Name(Ia5String::new("a@b").unwrap());
        let dns = GeneralName::DnsName(Ia5String::new("b").unwrap());
        for names in [vec![], vec![email.clone(), email], vec![dns]] {
            let value = names.to_der().unwrap();
            let error = SubjectAlternativeName::from_extension_value(&value).unwrap_err();
            assert!(matches!(error, ReadSubjectError::NotOneName));
        }
    }
}
