//! The certificate profile: from an identity and a key to a linted to-be-signed certificate.
//!
//! Version 3, a short life without backdating, an empty subject, one critical subject alternative
//! name, and the extensions in Fulcio's order. Nothing but the issuer and the lifetime varies
//! between two Chanceries, so that a verifier that knows one knows all.

use std::time::{Duration, SystemTime};

use der::asn1::{OctetString, UintRef};
use der::flagset::FlagSet;
use der::{DateTime, Decode, Encode};
use sha1::{Digest, Sha1};
use spki::SubjectPublicKeyInfoRef;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectKeyIdentifier};
use x509_cert::time::{Time, Validity};

use crate::extensions::{ExtensionValueError, FulcioExtensions};
use crate::issuer::IssuingCertificate;
use crate::lint::{self, LintFailure};
use crate::oid;
use crate::precert::{Draft, LintedTbs};
use crate::serial::SerialNumber;
use crate::subject::SubjectAlternativeName;
use crate::tbs::{TbsParts, push_extension};

/// The shortest lifetime: less would not outlast the clients' own clock differences.
const MIN_LIFETIME: Duration = Duration::from_mins(1);
/// The longest lifetime: there is no revocation, so a certificate must end by itself soon.
const MAX_LIFETIME: Duration = Duration::from_hours(24);

/// `version [0] EXPLICIT INTEGER`: v3 (RFC 5280, section 4.1.2.1).
const VERSION_3: &[u8] = &[0xa0, 0x03, 0x02, 0x01, 0x02];
/// A Name without any attribute: the identity is in the subject alternative name.
const EMPTY_NAME: &[u8] = &[0x30, 0x00];

/// What an operator may choose about certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfileConfig {
    /// How long a certificate is valid, in whole seconds: from 1 minute to 24 hours.
    pub lifetime: Duration,
    /// How long one may be valid at most if its issuer is to have another lifetime; not less than
    /// [`lifetime`](Self::lifetime).
    pub max_lifetime: Duration,
}

impl Default for ProfileConfig {
    /// Ten minutes, as Fulcio.
    fn default() -> Self {
        Self::of_lifetime(Duration::from_mins(10))
    }
}

impl ProfileConfig {
    /// One lifetime for all certificates.
    pub const fn of_lifetime(lifetime: Duration) -> Self {
        Self {
            lifetime,
            max_lifetime: lifetime,
        }
    }
}

/// When a certificate begins, and how long it is to be valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// When it begins: now.
    pub begin: SystemTime,
    /// A lifetime other than the profile's, in whole seconds. What is longer than the profile's
    /// longest, or shorter than 1 minute, is brought within these bounds.
    pub lifetime: Option<Duration>,
}

impl From<SystemTime> for Term {
    /// The profile's own lifetime.
    fn from(begin: SystemTime) -> Self {
        Self {
            begin,
            lifetime: None,
        }
    }
}

/// The profile by which certificates are made.
#[derive(Debug, Clone)]
pub struct Profile {
    lifetime: Duration,
    max_lifetime: Duration,
    /// keyUsage and extKeyUsage, which are the same in every certificate.
    usages: Vec<u8>,
}

/// Why a profile is refused: the configuration is at fault.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The lifetime is out of bounds.
    #[error("the lifetime is {0:?}; choose from 1 minute to 24 hours, in whole seconds")]
    Lifetime(Duration),
    /// The longest lifetime is out of bounds, or shorter than the usual one.
    #[error(
        "the longest lifetime is {max:?}; choose from {lifetime:?}, the usual one, to 24 hours, in \
         whole seconds"
    )]
    MaxLifetime {
        /// The usual lifetime.
        lifetime: Duration,
        /// What was to be the longest.
        max: Duration,
    },
    /// The profile's fixed extensions could not be encoded, which would be a defect.
    #[error("the profile's fixed extensions could not be encoded")]
    Encode(#[from] der::Error),
}

/// Why no certificate is made.
#[derive(Debug, thiserror::Error)]
pub enum CertifyError {
    /// The token's values cannot stand in a certificate.
    #[error(transparent)]
    Extension(#[from] ExtensionValueError),
    /// The caller's public key is no `SubjectPublicKeyInfo`.
    #[error("the public key is not a DER SubjectPublicKeyInfo")]
    SubjectKey(#[source] der::Error),
    /// The clock is outside the CA certificate's validity, or within its last second.
    #[error(
        "the CA certificate is valid from {not_before} until {not_after}, but it is {now}; \
         renew the CA certificate or set the clock"
    )]
    IssuerNotValid {
        /// The time of the request.
        now: DateTime,
        /// The first second in which the CA certificate is valid.
        not_before: DateTime,
        /// The last second in which the CA certificate is valid.
        not_after: DateTime,
    },
    /// The clock shows a time that no certificate can express.
    #[error("the clock shows a time that a certificate cannot express; set the clock")]
    Clock,
    /// The certificate breaks a rule; that is a defect of this program, and nothing was signed.
    #[error("the certificate breaks a rule and was not signed")]
    Lint(#[source] LintFailure),
    /// The certificate could not be encoded; that is a defect of this program.
    #[error("the certificate could not be encoded")]
    Encode(#[source] der::Error),
}

impl Profile {
    /// Makes a profile.
    ///
    /// # Errors
    /// A lifetime of less than 1 minute, more than 24 hours, or not of whole seconds; a longest one
    /// that is shorter than the usual one.
    pub fn new(config: ProfileConfig) -> Result<Self, ProfileError> {
        let ProfileConfig {
            lifetime,
            max_lifetime: max,
        } = config;
        if !(MIN_LIFETIME..=MAX_LIFETIME).contains(&lifetime) || lifetime.subsec_nanos() != 0 {
            return Err(ProfileError::Lifetime(lifetime));
        }
        if !(lifetime..=MAX_LIFETIME).contains(&max) || max.subsec_nanos() != 0 {
            return Err(ProfileError::MaxLifetime { lifetime, max });
        }
        Ok(Self {
            lifetime,
            max_lifetime: max,
            usages: usages()?,
        })
    }

    /// Returns how long a certificate is valid, unless its issuer is to have another lifetime or
    /// its CA's certificate ends before.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Returns how long a certificate can be valid at most.
    pub fn max_lifetime(&self) -> Duration {
        self.max_lifetime
    }

    /// Returns the lifetime of a certificate that asks for one, or does not.
    fn lifetime_of(&self, wanted: Option<Duration>) -> Duration {
        wanted.map_or(self.lifetime, |wanted| {
            Duration::from_secs(wanted.as_secs()).clamp(MIN_LIFETIME, self.max_lifetime)
        })
    }

    /// Makes the to-be-signed certificate of a precertificate and lints it.
    ///
    /// # Errors
    /// Each variant of [`CertifyError`] says who is at fault: token, key, clock, CA or program.
    pub fn certify(
        &self,
        issuer: &IssuingCertificate,
        san: &SubjectAlternativeName,
        extensions: &FulcioExtensions,
        subject_spki_der: &[u8],
        serial: SerialNumber,
        term: impl Into<Term>,
    ) -> Result<LintedTbs, CertifyError> {
        extensions.check()?;
        let key_id = key_identifier(subject_spki_der)?;
        let term = term.into();
        let lifetime = self.lifetime_of(term.lifetime);
        let validity = validity(issuer, term.begin, lifetime)?;
        let parts = TbsParts {
            head: head(issuer, serial, validity, subject_spki_der).map_err(CertifyError::Encode)?,
            extensions: self
                .extensions(issuer, san, extensions, key_id)
                .map_err(CertifyError::Encode)?,
        };
        let signed_part = parts.with_poison();
        lint::check(&lint::Request {
            der: &signed_part,
            issuer,
            san,
            subject_spki_der,
            max_lifetime: lifetime,
        })
        .map_err(CertifyError::Lint)?;
        let validity = (
            validity.not_before.to_system_time(),
            validity.not_after.to_system_time(),
        );
        let draft = Draft::new(parts, issuer, serial, validity);
        Ok(LintedTbs::new(draft, signed_part))
    }

    /// Encodes all extensions but the last, in the profile's order.
    fn extensions(
        &self,
        issuer: &IssuingCertificate,
        san: &SubjectAlternativeName,
        extensions: &FulcioExtensions,
        key_id: [u8; 20],
    ) -> Result<Vec<u8>, der::Error> {
        let mut out = Vec::with_capacity(2048);
        out.extend_from_slice(&self.usages);
        let key_id = SubjectKeyIdentifier(OctetString::new(key_id)?).to_der()?;
        push_extension(&mut out, oid::SUBJECT_KEY_IDENTIFIER, false, &key_id);
        out.extend_from_slice(issuer.authority_key_identifier());
        let san = san.to_extension_value()?;
        // Critical, because the subject is empty (RFC 5280, section 4.2.1.6).
        push_extension(&mut out, oid::SUBJECT_ALT_NAME, true, &san);
        extensions.encode(&mut out);
        Ok(out)
    }
}

/// Starts at the whole second of `now`, without backdating: a log that is ahead of its
/// certificates is easier to explain than a certificate that claims to be older than it is.
/// Ends with the lifetime or with the CA certificate, whichever comes first.
fn validity(
    issuer: &IssuingCertificate,
    now: SystemTime,
    lifetime: Duration,
) -> Result<Validity, CertifyError> {
    let now = whole_seconds(now)?;
    let issuer_not_before = whole_seconds(issuer.not_before())?;
    let issuer_not_after = whole_seconds(issuer.not_after())?;
    if now < issuer_not_before || now >= issuer_not_after {
        return Err(CertifyError::IssuerNotValid {
            now: date_time(now)?,
            not_before: date_time(issuer_not_before)?,
            not_after: date_time(issuer_not_after)?,
        });
    }
    let not_after = issuer_not_after.min(now + lifetime);
    Ok(Validity::new(
        Time::from(date_time(now)?),
        Time::from(date_time(not_after)?),
    ))
}

/// Encodes the fields before the extensions.
fn head(
    issuer: &IssuingCertificate,
    serial: SerialNumber,
    validity: Validity,
    subject_spki_der: &[u8],
) -> Result<Vec<u8>, der::Error> {
    let mut head = Vec::with_capacity(1024);
    head.extend_from_slice(VERSION_3);
    UintRef::new(serial.as_bytes())?.encode_to_vec(&mut head)?;
    head.extend_from_slice(issuer.algorithm_identifier());
    head.extend_from_slice(issuer.subject_der());
    validity.encode_to_vec(&mut head)?;
    head.extend_from_slice(EMPTY_NAME);
    head.extend_from_slice(subject_spki_der);
    Ok(head)
}

/// Encodes keyUsage (critical, digitalSignature) and extKeyUsage (codeSigning).
fn usages() -> Result<Vec<u8>, der::Error> {
    let mut out = Vec::new();
    let key_usage = KeyUsage(FlagSet::from(KeyUsages::DigitalSignature)).to_der()?;
    push_extension(&mut out, oid::KEY_USAGE, true, &key_usage);
    let extended = ExtendedKeyUsage(vec![oid::CODE_SIGNING]).to_der()?;
    push_extension(&mut out, oid::EXT_KEY_USAGE, false, &extended);
    Ok(out)
}

/// Makes a subject key identifier by RFC 5280, section 4.2.1.2, method 1: the SHA-1 of the BIT
/// STRING's bytes. It names a key and protects nothing.
fn key_identifier(spki_der: &[u8]) -> Result<[u8; 20], CertifyError> {
    let spki = SubjectPublicKeyInfoRef::from_der(spki_der).map_err(CertifyError::SubjectKey)?;
    Ok(Sha1::digest(spki.subject_public_key.raw_bytes()).into())
}

/// Returns the time since the Unix epoch, truncated to seconds.
fn whole_seconds(time: SystemTime) -> Result<Duration, CertifyError> {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since_epoch.map_err(|_| CertifyError::Clock)?.as_secs();
    Ok(Duration::from_secs(seconds))
}

fn date_time(since_epoch: Duration) -> Result<DateTime, CertifyError> {
    DateTime::from_unix_duration(since_epoch).map_err(|_| CertifyError::Clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &[u8] = include_bytes!("../tests/vectors/intermediate.der");

    #[test]
    fn what_breaks_a_lint_is_not_certified() {
        let issuer = IssuingCertificate::from_der(ISSUER).unwrap();
        let certify = |profile: Profile| {
            profile.certify(
                &issuer,
                &SubjectAlternativeName::email("alice@chancery.test").unwrap(),
                &FulcioExtensions::of_issuer("https://issuer.chancery.test"),
                issuer.spki_der(),
                SerialNumber::from_random([1; 20]),
                issuer.not_before(),
            )
        };
        let mut profile = Profile::new(ProfileConfig::default()).unwrap();
        assert!(certify(profile.clone()).is_ok());
        profile.usages.clear();
        let error = certify(profile).unwrap_err();
        let CertifyError::Lint(failure) = error else {
            panic!("{error}");
        };
        assert_eq!(failure.lint, "the_key_signs_and_nothing_else");
    }
}
