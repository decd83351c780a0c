//! What is wrong with the certificate of an issuer's server, in words that help its operator.

use std::error::Error;
use std::io;

use rustls::CertificateError;
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// Finds what the verifier said about the certificate in the causes of a failed request.
pub(crate) fn fault<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a CertificateError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(fault)) = error.downcast_ref() {
            return Some(fault);
        }
        // The system's errors hide the one that they were made of.
        let hidden = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match hidden {
            Some(hidden) => Some(hidden),
            None => error.source(),
        };
    }
    None
}

/// Who a certificate is of, and who says so.
pub(crate) struct Names {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) is_self_signed: bool,
}

/// Reads the names of a certificate that nobody has verified.
pub(crate) fn names(der: &[u8]) -> Option<Names> {
    let certificate = Certificate::from_der(der).ok()?;
    let certificate = certificate.tbs_certificate();
    let (subject, issuer) = (certificate.subject(), certificate.issuer());
    Some(Names {
        subject: subject.to_string(),
        issuer: issuer.to_string(),
        is_self_signed: subject == issuer,
    })
}
