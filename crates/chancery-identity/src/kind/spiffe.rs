//! Type `spiffe`: workloads of one trust domain (SPIFFE-ID, section 2).

use chancery_certs::SubjectAlternativeName;

use crate::config::Entry;
use crate::issuer::VerifiedClaims;
use crate::kind::naming::Naming;
use crate::kind::{Identity, IdentityError, KindError};

/// The most octets of a SPIFFE ID (section 2.3).
const MAX_ID: usize = 2048;

/// The most octets of a trust domain (section 2.3).
const MAX_TRUST_DOMAIN: usize = 255;

/// The rules for one issuer.
#[derive(Debug, Clone)]
pub(super) struct Spiffe {
    trust_domain: String,
}

impl Spiffe {
    pub(super) fn new(entry: &Entry) -> Result<Self, KindError> {
        let configured = entry.spiffe_trust_domain.as_deref().unwrap_or_default();
        // As an ID, too, like go-spiffe.
        let domain = match configured.strip_prefix("spiffe://") {
            Some(id) => id.split_once('/').map_or(id, |(domain, _)| domain),
            None => configured,
        };
        if !is_trust_domain(domain) {
            return Err(KindError::TrustDomain(configured.to_owned()));
        }
        Ok(Self {
            trust_domain: domain.to_owned(),
        })
    }

    pub(super) fn identify(
        &self,
        claims: &VerifiedClaims,
        naming: &Naming,
    ) -> Result<Identity, IdentityError> {
        let (name, subject) = naming.subject(claims)?;
        let subject = &*subject;
        let domain = trust_domain(subject)
            .ok_or_else(|| IdentityError::SubjectMalformed("is not a SPIFFE ID".into()))?;
        if domain != self.trust_domain {
            return Err(IdentityError::SubjectForeign(format!(
                "trust domain {}",
                self.trust_domain
            )));
        }
        Ok(Identity::new(name, SubjectAlternativeName::uri(subject)?))
    }
}

/// Returns the trust domain of a well-formed SPIFFE ID.
fn trust_domain(id: &str) -> Option<&str> {
    let rest = id
        .strip_prefix("spiffe://")
        .filter(|_| id.len() <= MAX_ID)?;
    let (domain, path) = match rest.split_once('/') {
        Some((domain, path)) => (domain, Some(path)),
        None => (rest, None),
    };
    let well_formed =
        is_trust_domain(domain) && path.is_none_or(|path| path.split('/').all(is_segment));
    well_formed.then_some(domain)
}

fn is_trust_domain(text: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    !text.is_empty() && text.len() <= MAX_TRUST_DOMAIN && text.bytes().all(plain)
}

fn is_segment(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !matches!(text, "" | "." | "..") && text.bytes().all(plain)
}
