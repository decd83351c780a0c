//! Type `uri`: subjects that are URIs of the issuer's own domain.

use chancery_certs::SubjectAlternativeName;

use crate::config::{Entry, EntryFault};
use crate::go_url::GoUrl;
use crate::issuer::VerifiedClaims;
use crate::kind::naming::Naming;
use crate::kind::{
    Identity, IdentityError, KindError, issuer_url, looks_like_email, require_own_domain,
};

/// The rules for one issuer.
#[derive(Debug, Clone)]
pub(super) struct Uri {
    /// Whose scheme and host each subject must have.
    domain: GoUrl,
}

impl Uri {
    pub(super) fn new(entry: &Entry, address: &str) -> Result<Self, EntryFault> {
        let configured = entry.subject_domain.as_deref().unwrap_or_default();
        let domain = GoUrl::parse(configured)
            .ok()
            .filter(|domain| domain.hostname().is_ascii());
        let domain = domain.ok_or_else(|| KindError::SubjectDomain {
            subject_domain: configured.into(),
            expected: "a URL with scheme and host such as \"https://example.com\"",
        })?;
        let issuer = issuer_url(address)?;
        if domain.scheme() != issuer.scheme() {
            return Err(KindError::ForeignScheme {
                subject_domain: configured.into(),
            }
            .into());
        }
        require_own_domain(configured, domain.hostname(), issuer.hostname())?;
        Ok(Self { domain })
    }

    pub(super) fn identify(
        &self,
        claims: &VerifiedClaims,
        naming: &Naming,
    ) -> Result<Identity, IdentityError> {
        let (name, subject) = naming.subject(claims)?;
        let subject = &*subject;
        if looks_like_email(subject) {
            return Err(IdentityError::SubjectIsEmail);
        }
        let uri = GoUrl::parse(subject)?;
        // Port, path and query are the issuer's business.
        if uri.scheme() != self.domain.scheme() || uri.hostname() != self.domain.hostname() {
            return Err(IdentityError::SubjectForeign(format!(
                "subject domain {}",
                self.domain
            )));
        }
        Ok(Identity::new(
            name,
            SubjectAlternativeName::uri(&uri.to_string())?,
        ))
    }
}
