//! What an operator should look at or change, so that an issuer can be used.

use rustls::CertificateError;

use crate::certificate::Names;

/// A hint. Its text says what was found and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeHint {
    /// The server's certificate is not valid now.
    #[error("its certificate is not valid at this time: {0}; renew it, or compare the clocks")]
    CertificateDate(String),
    /// The server's certificate is for another name.
    #[error("its certificate is for another host name; use one that it is for")]
    CertificateName,
    /// The server's certificate cannot be used for another reason.
    #[error("its certificate cannot be used: {0}")]
    CertificateRefused(String),
    /// Clocks differ, so tokens may seem expired or not valid yet.
    #[error("its clock differs from ours by {ahead_s} s; tokens may seem expired or too new")]
    ClockDiffers {
        /// By how many seconds its clock is ahead of ours.
        ahead_s: i64,
    },
    /// The configuration is of somebody else.
    #[error(
        "its configuration says that the issuer is {says}; tokens have that in `iss`, so configure \
         that, to the letter"
    )]
    IssuerDiffers {
        /// The issuer of the document, quoted.
        says: String,
    },
    /// The keys are on another origin.
    #[error("its keys are on another origin, {origin}, which has to be reached and trusted, too")]
    KeysElsewhere {
        /// Scheme, host and port.
        origin: String,
    },
    /// There is nothing that a token could be verified with.
    #[error("none of its keys verifies what it says that it signs with; look at the reasons")]
    NoUsableKey,
    /// There is no configuration.
    #[error(
        "there is no such document; the issuer's URL may lack its path (a realm, a tenant) or have \
         one too much"
    )]
    NotFound,
    /// The issuer is not on https.
    #[error(
        "it is not on https, so anybody on the way could replace its keys; its entry has to say \
         `allow-http: true`"
    )]
    PlainHttp,
    /// A CA that this system does not know.
    #[error(
        "its certificate, of {subject}, is by {issuer}, a CA that this system does not trust; put \
         that CA's certificate into its entry, as `ca-cert-file`"
    )]
    PrivateCa {
        /// The subject of the certificate, not verified.
        subject: String,
        /// Its issuer.
        issuer: String,
    },
    /// A redirect that was not followed.
    #[error("it redirects to another origin, or in a circle; configure the URL at the end of it")]
    Redirects,
    /// A certificate that nobody vouches for.
    #[error(
        "its certificate, of {subject}, is self-signed; put that certificate into its entry, as \
         `ca-cert-file`, or give it one by a CA"
    )]
    SelfSigned {
        /// The subject of the certificate, not verified.
        subject: String,
    },
    /// One slash at the end is what differs.
    #[error(
        "its configuration says that the issuer is {says}: only the slash at the end differs, but \
         the two must be the same to the letter; configure it as the document has it"
    )]
    TrailingSlash {
        /// The issuer of the document, quoted.
        says: String,
    },
    /// The documents are not for everybody.
    #[error(
        "it wants credentials for a document that everybody may read elsewhere; a Kubernetes \
         cluster shows it to all when the role system:service-account-issuer-discovery is bound to \
         system:unauthenticated, and else its keys can be given as `jwks-file`"
    )]
    WantsCredentials,
}

impl ProbeHint {
    /// Returns the stable code of the hint, in kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::CertificateDate(_) => "certificate-date",
            Self::CertificateName => "certificate-name",
            Self::CertificateRefused(_) => "certificate-refused",
            Self::ClockDiffers { .. } => "clock-differs",
            Self::IssuerDiffers { .. } => "issuer-differs",
            Self::KeysElsewhere { .. } => "keys-elsewhere",
            Self::NoUsableKey => "no-usable-key",
            Self::NotFound => "not-found",
            Self::PlainHttp => "plain-http",
            Self::PrivateCa { .. } => "private-ca",
            Self::Redirects => "redirects",
            Self::SelfSigned { .. } => "self-signed",
            Self::TrailingSlash { .. } => "trailing-slash",
            Self::WantsCredentials => "wants-credentials",
        }
    }

    /// Says what a verifier's refusal means, with the names that the certificate has.
    pub(super) fn certificate(fault: &CertificateError, names: Option<Names>) -> Self {
        match (fault, names) {
            (
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
                _,
            ) => Self::CertificateDate(fault.to_string()),
            (
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                _,
            ) => Self::CertificateName,
            (_, Some(names)) if names.is_self_signed => Self::SelfSigned {
                subject: names.subject,
            },
            (CertificateError::UnknownIssuer, Some(names)) => Self::PrivateCa {
                subject: names.subject,
                issuer: names.issuer,
            },
            _ => Self::CertificateRefused(fault.to_string()),
        }
    }
}
