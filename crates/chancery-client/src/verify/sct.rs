//! That the certificate was logged: signed certificate timestamps of trusted logs.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chancery_certs::precert_tbs_of_final;
use chancery_tlog::ct::{Entry, LogId, PrecertEntry, SignedCertificateTimestamp, parse_sct_list};

use super::chain::{Leaf, VerifiedChain};
use super::error::{Check, VerifyError};
use crate::rfc3339::rfc3339;
use crate::trust::TrustMaterial;

/// A trusted log's signed word that it has the certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifiedSct {
    log_id: LogId,
    time: SystemTime,
    leaf_index: Option<u64>,
}

impl VerifiedSct {
    /// Returns the log's id.
    #[must_use]
    pub fn log_id(&self) -> &LogId {
        &self.log_id
    }

    /// Returns when the certificate was logged.
    #[must_use]
    pub fn time(&self) -> SystemTime {
        self.time
    }

    /// Returns the place in the log, if it is a static-ct-api log, which signs it.
    #[must_use]
    pub fn leaf_index(&self) -> Option<u64> {
        self.leaf_index
    }
}

/// Verifies the SCTs that the certificate holds. Those of logs that are not trusted do not count.
pub(super) fn verify(
    trust: &TrustMaterial,
    leaf: &Leaf<'_>,
    chain: &VerifiedChain,
    threshold: usize,
) -> Result<Vec<VerifiedSct>, VerifyError> {
    let failed = |wrong: &dyn std::fmt::Display| Check::Sct.failed(wrong);
    let Some(list) = &leaf.details.sct_list else {
        return match threshold {
            0 => Ok(Vec::new()),
            _ => Err(failed(&"the certificate holds no SCT")),
        };
    };
    let scts = parse_sct_list(list).map_err(|wrong| failed(&wrong))?;
    let tbs = precert_tbs_of_final(leaf.der).map_err(|wrong| failed(&wrong))?;
    let entry = PrecertEntry::new(*chain.issuer_key_hash(), tbs, leaf.der.to_vec(), Vec::new());
    let entry = Entry::Precert(entry.map_err(|wrong| failed(&wrong))?);
    let mut verified = Vec::new();
    let mut cause = None;
    for sct in &scts {
        match verify_one(trust, &entry, sct) {
            Ok(sct) => verified.push(sct),
            Err(why) => cause = cause.or(Some(why)),
        }
    }
    let logs: BTreeSet<&[u8; 32]> = verified.iter().map(|sct| sct.log_id.as_bytes()).collect();
    if logs.len() >= threshold {
        return Ok(verified);
    }
    let few = || format!("{} trusted logs have it, {threshold} must", logs.len());
    Err(failed(&cause.unwrap_or_else(few)))
}

fn verify_one(
    trust: &TrustMaterial,
    entry: &Entry,
    sct: &SignedCertificateTimestamp,
) -> Result<VerifiedSct, String> {
    let mut named = trust
        .ct_logs
        .iter()
        .filter(|log| log.id == *sct.log_id())
        .peekable();
    if named.peek().is_none() {
        return Err(format!(
            "the SCT is of log {}, which is not trusted",
            sct.log_id()
        ));
    }
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(sct.timestamp_ms()));
    let time = time.ok_or("the SCT is of no time that there is")?;
    let log = named
        .find(|log| log.window.holds(time))
        .ok_or_else(|| format!("the log of the SCT does not count at {}", rfc3339(time)))?;
    let input = entry.sct_input(sct.timestamp_ms(), sct.extensions());
    log.key
        .verify(&input, sct.signature().signature_der())
        .map_err(|_| "the log's signature of the SCT is wrong")?;
    Ok(VerifiedSct {
        log_id: *sct.log_id(),
        time,
        leaf_index: sct.leaf_index().ok().map(chancery_tlog::ct::LeafIndex::get),
    })
}

#[cfg(test)]
mod tests {
    use chancery_trust::documents::TrustedRoot;

    use super::*;
    use crate::bundle::UnverifiedBundle;

    #[test]
    fn a_trusted_log_must_have_signed_this_certificate() {
        let bundle = include_bytes!("../../tests/vectors/artifact.txt.sigstore.json");
        let root = include_bytes!("../../tests/vectors/trusted_root.json");
        let trust = TrustMaterial::of(&TrustedRoot::parse(root).unwrap());
        let bundle = UnverifiedBundle::parse(bundle).unwrap();
        let leaf = Leaf::read(bundle.wire.certificate()).unwrap();
        let list = leaf.details.sct_list.as_ref().unwrap();
        let sct = parse_sct_list(list).unwrap().remove(0);
        let entry = |issuer: [u8; 32]| {
            let tbs = precert_tbs_of_final(leaf.der).unwrap();
            Entry::Precert(PrecertEntry::new(issuer, tbs, vec![0], Vec::new()).unwrap())
        };
        let issuer = trust.authorities[0].intermediates[0].clone();
        let issuer = chancery_certs::Outline::of(&issuer)
            .unwrap()
            .spki_der
            .to_vec();
        let issuer = *LogId::of_spki(&issuer).as_bytes();
        verify_one(&trust, &entry(issuer), &sct).unwrap();
        let wrong = "the log's signature of the SCT is wrong";
        assert_eq!(
            verify_one(&trust, &entry([7; 32]), &sct).unwrap_err(),
            wrong
        );
        let later = SignedCertificateTimestamp::from_parts(
            *sct.log_id(),
            sct.timestamp_ms() + 1,
            sct.extensions().to_vec(),
            sct.signature().clone(),
        );
        let error = verify_one(&trust, &entry(issuer), &later.unwrap()).unwrap_err();
        assert_eq!(error, wrong);
    }
}
