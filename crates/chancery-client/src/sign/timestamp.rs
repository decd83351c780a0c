//! Having a signature stamped (RFC 3161), and holding the answer against the trusted root.

use std::time::SystemTime;

use chancery_keys::HashAlgorithm;
use chancery_tsa::{Imprint, TimestampRequest, verify_answer};

use super::credential::{CLOCKS_APART, Certificate};
use super::error::{Service, SignError};
use super::http::{Http, Question, content};
use crate::trust::TrustMaterial;
use crate::verify::time::by_timestamp;

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
///
/// # Errors
/// [`SignError::Untimely`] if the time is good, and the certificate was not valid then.
pub(super) async fn stamp(
    http: &Http,
    authority: &str,
    signature: &[u8],
    certificate: &Certificate,
    trust: &TrustMaterial,
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
    // The answer is held against the request: what it stamps, and its nonce.
    let stamped = by_timestamp(trust, |chain| verify_answer(&response, &request, chain));
    let time = stamped
        .map_err(|why| question.untrusted(why.to_string()))?
        .time();
    if time + CLOCKS_APART < certificate.not_before() {
        return Err(question.untrusted("its time is long before the certificate's validity"));
    }
    if time < certificate.not_before() || time > certificate.not_after() {
        let url = authority.to_owned();
        return Err(SignError::Untimely { url, time });
    }
    Ok(SignedTime {
        time,
        response: response.to_vec(),
    })
}
