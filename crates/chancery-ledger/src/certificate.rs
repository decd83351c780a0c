//! A certificate as it is presented with a signature: unverified, with what it says of logs.

use std::time::SystemTime;

use chancery_certs::{CertificateDetails, precert_tbs_of_final, serial_of_tbs, signed_parts};
use chancery_tlog::ct::parse_sct_list;

use crate::issuance::LogPlace;

/// A certificate in DER, as somebody presents it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PresentedCertificate {
    der: Vec<u8>,
    /// What Fulcio's kind of certificates say; other kinds are not looked into.
    validity: Option<(SystemTime, SystemTime)>,
    places: Vec<LogPlace>,
}

impl PresentedCertificate {
    /// Takes what parses as a certificate.
    pub(crate) fn new(der: Vec<u8>) -> Self {
        let details = CertificateDetails::from_der(&der).ok();
        let validity = details.as_ref().map(|d| (d.not_before, d.not_after));
        let places = details.and_then(|details| details.sct_list);
        let places = places.map(|list| places_in(&list)).unwrap_or_default();
        Self {
            der,
            validity,
            places,
        }
    }

    /// Returns the DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Tells whether a code-signing certificate is valid at a time, both ends included.
    pub fn is_valid_at(&self, time: SystemTime) -> bool {
        self.validity
            .is_some_and(|(from, to)| (from..=to).contains(&time))
    }

    /// Returns the places in logs that its SCTs name, as far as they name any.
    pub fn places(&self) -> &[LogPlace] {
        &self.places
    }

    /// Returns the serial number as the index of an issuance log has it.
    pub(crate) fn serial(&self) -> Option<String> {
        serial_of_tbs(signed_parts(&self.der).ok()?.signed_part).ok()
    }

    /// Returns what a log has of it when it is entered before it is issued; `None` if there is no SCT
    /// in it.
    pub(crate) fn logged_tbs(&self) -> Option<Vec<u8>> {
        precert_tbs_of_final(&self.der).ok()
    }
}

fn places_in(sct_list: &[u8]) -> Vec<LogPlace> {
    let scts = parse_sct_list(sct_list).unwrap_or_default();
    let places = scts.iter().filter_map(|sct| {
        Some(LogPlace {
            log_id: *sct.log_id().as_bytes(),
            leaf_index: sct.leaf_index().ok()?.get(),
        })
    });
    places.collect()
}
