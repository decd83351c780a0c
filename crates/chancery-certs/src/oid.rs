//! The object identifiers of the certificate profile, in the order of its extensions.

use const_oid::ObjectIdentifier;
use const_oid::db::{rfc5280, rfc6962};

/// keyUsage: RFC 5280, section 4.2.1.3.
pub(crate) const KEY_USAGE: ObjectIdentifier = rfc5280::ID_CE_KEY_USAGE;
/// extKeyUsage: RFC 5280, section 4.2.1.12.
pub(crate) const EXT_KEY_USAGE: ObjectIdentifier = rfc5280::ID_CE_EXT_KEY_USAGE;
/// id-kp-codeSigning: RFC 5280, section 4.2.1.12.
pub(crate) const CODE_SIGNING: ObjectIdentifier = rfc5280::ID_KP_CODE_SIGNING;
/// subjectKeyIdentifier: RFC 5280, section 4.2.1.2.
pub(crate) const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = rfc5280::ID_CE_SUBJECT_KEY_IDENTIFIER;
/// authorityKeyIdentifier: RFC 5280, section 4.2.1.1.
pub(crate) const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier =
    rfc5280::ID_CE_AUTHORITY_KEY_IDENTIFIER;
/// subjectAltName: RFC 5280, section 4.2.1.6.
pub(crate) const SUBJECT_ALT_NAME: ObjectIdentifier = rfc5280::ID_CE_SUBJECT_ALT_NAME;
/// basicConstraints: RFC 5280, section 4.2.1.9.
pub(crate) const BASIC_CONSTRAINTS: ObjectIdentifier = rfc5280::ID_CE_BASIC_CONSTRAINTS;

/// The arc under which Fulcio's own extensions are numbered.
pub(crate) const FULCIO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1");
/// The type-id of Fulcio's otherName: a user name.
pub(crate) const FULCIO_USERNAME: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");

/// The precertificate poison: RFC 6962, section 3.1.
pub(crate) const POISON: ObjectIdentifier = rfc6962::CT_PRECERT_POISON;
/// The list of signed certificate timestamps: RFC 6962, section 3.3.
pub(crate) const SCT_LIST: ObjectIdentifier = rfc6962::CT_PRECERT_SCTS;
