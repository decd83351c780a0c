//! Type `username`: user names of the issuer's own domain, certified as `user!domain`.

use chancery_certs::SubjectAlternativeName;

use crate::config::{Entry, EntryFault};
use crate::issuer::VerifiedClaims;
use crate::kind::naming::Naming;
use crate::kind::{
    Identity, IdentityError, KindError, issuer_url, looks_like_email, require_own_domain,
};

/// The rules for one issuer.
#[derive(Debug, Clone)]
pub(super) struct Username {
    domain: String,
}

impl Username {
    pub(super) fn new(entry: &Entry, address: &str) -> Result<Self, EntryFault> {
        let domain = entry.subject_domain.as_deref().unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if domain.is_empty() || !domain.bytes().all(plain) {
            return Err(KindError::SubjectDomain {
                subject_domain: domain.into(),
                expected: "a host name without scheme such as \"example.com\"",
            }
            .into());
        }
        require_own_domain(domain, domain, issuer_url(address)?.hostname())?;
        Ok(Self {
            domain: domain.to_owned(),
        })
    }

    pub(super) fn identify(
        &self,
        claims: &VerifiedClaims,
        naming: &Naming,
    ) -> Result<Identity, IdentityError> {
        let (name, subject) = naming.subject(claims)?;
        let subject = &*subject;
        // It separates name and domain.
        if subject.contains('!') {
            return Err(IdentityError::SubjectMalformed(
                "has an exclamation mark".into(),
            ));
        }
        if looks_like_email(subject) {
            return Err(IdentityError::SubjectIsEmail);
        }
        let san = SubjectAlternativeName::username(&format!("{subject}!{}", self.domain))?;
        Ok(Identity::new(name, san))
    }
}
