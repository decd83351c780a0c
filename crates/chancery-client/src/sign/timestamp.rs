//! Having a signature stamped (RFC 3161), and holding the answer against the trusted root.

use std::time::SystemTime;

use chancery_keys::HashAlgorithm;
use chancery_trust::documents::{CertificateAuthority, TrustedRoot};
use chancery_tsa::{Imprint, TimestampRequest, TsaChain, verify_answer};

use super::credential::Certificate;
use super::error::{Service, SignError};
use super::http::{Http, Question, content};

/// A timestamp by an authority of the trusted root.
#[derive(Clone, Debug)]
pub struct SignedTime {
    pub(super) time: SystemTime,
    /// The answer, a `TimeStampResp` in DER.
    pub(super) response: Vec<u8>,
}

impl SignedTime {
    /// Returns the time that is stamped.
    #[must_use]
    pub fn time(&self) -> SystemTime {
        self.time
    }
}

/// Has a signature stamped.
pub(super) async fn stamp(
    http: &Http,
    authority: &str,
    signature: &[u8],
    certificate: &Certificate,
    trusted: &TrustedRoot,
) -> Result<SignedTime, SignError> {
    let request = TimestampRequest::new(Imprint::of(HashAlgorithm::Sha256, signature));
    let der = request.to_der();
    let der = der.map_err(|_| SignError::Machine("encode a timestamp request"))?;
    let question = Question {
        service: Service::Timestamps,
        url: authority,
        endpoint: authority.to_owned(),
        headers: content("application/timestamp-query"),
        body: der.into(),
        taken: &[200, 201],
    };
    let response = http.ask(&question).await?.body;
    let time = verify(&response, &request, trusted).map_err(|why| question.untrusted(why))?;
    if time < certificate.not_before() || time > certificate.not_after() {
        return Err(question.untrusted("its time is outside the certificate's validity"));
    }
    Ok(SignedTime {
        time,
        response: response.to_vec(),
    })
}

/// Returns the time if one of the trusted authorities stamped it within its window.
fn verify(
    response: &[u8],
    request: &TimestampRequest,
    trusted: &TrustedRoot,
) -> Result<SystemTime, String> {
    let mut why = "the trusted root names no timestamp authority".to_owned();
    for authority in &trusted.timestamp_authorities {
        match verify_by(response, request, authority) {
            Ok(time) => return Ok(time),
            Err(reason) => why = reason,
        }
    }
    Err(why)
}

fn verify_by(
    response: &[u8],
    request: &TimestampRequest,
    authority: &CertificateAuthority,
) -> Result<SystemTime, String> {
    let ders = authority.certificates().map(<[u8]>::to_vec).collect();
    let chain = TsaChain::from_ders(ders).map_err(|error| error.to_string())?;
    let time = verify_answer(response, request, &chain)
        .map_err(|error| error.to_string())?
        .time();
    match authority.valid_for.unwrap_or_default().holds(time) {
        true => Ok(time),
        false => Err("its time is outside the window of the trusted root".to_owned()),
    }
}
