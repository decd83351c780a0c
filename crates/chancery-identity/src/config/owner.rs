//! Whether the entries of shared issuers say whose tokens may have certificates.

use std::fmt;

use super::{ConfigError, Entry, IdentityConfig};
use crate::issuers::OwnerRule;
use crate::owner::shared;
use crate::quoted::quoted;

/// The shared issuers of a configuration that neither pin an owner nor take any. The text says what
/// to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownerless {
    addresses: Vec<String>,
    /// The first one's rule that pins nobody, quoted; none if there is no rule.
    rule: Option<String>,
    /// A claim that would pin an owner of the first one, as YAML.
    example: String,
}

/// Why it cannot be said of an issuer that everybody's tokens are accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{source_name} configures no issuer {issuer}; it has {configured}")]
pub struct AnyOwnerError {
    source_name: String,
    /// As it was named, quoted.
    issuer: String,
    configured: String,
}

impl IdentityConfig {
    /// Returns the addresses of shared issuers, such as github.com's, that have an entry without
    /// `any-owner: true` whose allow rules, if there are any, do not all pin an owner.
    pub fn ownerless(&self) -> Vec<String> {
        self.find_ownerless()
            .map_or_else(Vec::new, |found| found.addresses)
    }

    /// Says `any-owner: true` in all entries of an issuer, for a file that cannot say it: everybody
    /// that the issuer knows may have a certificate.
    ///
    /// # Errors
    /// No entry has that very address.
    pub fn accept_any_owner(&mut self, issuer: &str) -> Result<(), AnyOwnerError> {
        let mut is_known = false;
        for section in [&mut self.issuers, &mut self.meta_issuers] {
            for entry in section.get_mut(issuer).into_iter().flatten() {
                entry.any_owner = true;
                is_known = true;
            }
        }
        if is_known {
            return Ok(());
        }
        let configured = self.issuers.keys().chain(self.meta_issuers.keys());
        Err(AnyOwnerError {
            source_name: self.source_name.clone(),
            issuer: quoted(issuer),
            configured: configured
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    /// Refuses shared issuers without owner, or warns of them.
    pub(crate) fn require_owners(&self, rule: OwnerRule) -> Result<(), ConfigError> {
        let Some(ownerless) = self.find_ownerless() else {
            return Ok(());
        };
        match rule {
            OwnerRule::Require => Err(ConfigError::Ownerless {
                source_name: self.source_name.clone(),
                ownerless,
            }),
            OwnerRule::Warn => {
                for issuer in ownerless.addresses {
                    tracing::warn!(
                        issuer,
                        "everybody that this issuer knows gets a certificate"
                    );
                }
                Ok(())
            }
        }
    }

    fn find_ownerless(&self) -> Option<Ownerless> {
        let sections = [&self.issuers, &self.meta_issuers];
        let mut found: Option<Ownerless> = None;
        for (address, entries) in sections.into_iter().flatten() {
            let Some(fault) = entries.iter().find_map(|entry| fault(address, entry)) else {
                continue;
            };
            match &mut found {
                None => found = Some(fault),
                Some(first) => first.addresses.push(address.clone()),
            }
        }
        found
    }
}

fn fault(address: &str, entry: &Entry) -> Option<Ownerless> {
    let shared = shared(address).filter(|_| !entry.any_owner)?;
    let verifies_email = verifies_email(entry);
    let rule = shared.ownerless(address, &entry.allow, verifies_email);
    (rule.is_some() || entry.allow.is_empty()).then(|| Ownerless {
        addresses: vec![address.to_owned()],
        rule: rule.map(|rule| quoted(&rule.name)),
        example: shared.example(address, verifies_email),
    })
}

/// Tells whether the type refuses addresses that the issuer has not verified.
fn verifies_email(entry: &Entry) -> bool {
    match entry.kind.as_deref() {
        Some("email") => {
            let other = entry.identity_claim.as_deref().unwrap_or_default();
            other.is_empty() && !entry.skip_email_verification
        }
        Some("chainguard-identity") => true,
        _ => false,
    }
}

impl fmt::Display for Ownerless {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut addresses = self.addresses.iter();
        let first = addresses.next().map(String::as_str).unwrap_or_default();
        write!(formatter, "issuer {first} has everybody's tokens, and ")?;
        match &self.rule {
            Some(rule) => write!(formatter, "its allow rule {rule} pins no owner; ")?,
            None => formatter.write_str("no allow rule says whose are accepted; ")?,
        }
        write!(
            formatter,
            "write in its entry\n      allow:\n        - name: ours\n          claims:\n            \
             {}\nor, for everybody's, `any-owner: true` (in a file that is Fulcio's, too, start \
             with `--any-owner {first}`)",
            self.example
        )?;
        let others: Vec<&str> = addresses.map(String::as_str).collect();
        match others.is_empty() {
            true => Ok(()),
            false => write!(formatter, "\nthe same holds for {}", others.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Issuers, IssuersOptions};

    const GITHUB: &str = "https://token.actions.githubusercontent.com";

    /// A file with that address, whose type is none that its tokens would really have.
    fn config(section: &str, address: &str, members: &str) -> IdentityConfig {
        let text = format!("{section}: {{\"{address}\": {{client-id: x, type: email{members}}}}}");
        IdentityConfig::parse(text.as_bytes(), "f.yaml").unwrap()
    }

    fn refusal(config: IdentityConfig) -> Option<String> {
        let made = Issuers::new(config, IssuersOptions::default());
        made.err().map(|error| error.to_string())
    }

    #[test]
    fn a_shared_issuer_without_owner_is_refused_with_what_to_write() {
        let said = refusal(config("oidc-issuers", GITHUB, "")).unwrap();
        for part in [
            GITHUB,
            "f.yaml",
            "repository_owner: YOURS",
            "any-owner: true",
            "--any-owner https://token",
        ] {
            assert!(said.contains(part), "{said}");
        }
        let unpinned = ", allow: [{name: main only, claims: {ref: refs/heads/main}}]";
        let said = refusal(config("oidc-issuers", GITHUB, unpinned)).unwrap();
        assert!(
            said.contains("allow rule \"main only\" pins no owner"),
            "{said}"
        );
        let deny = ", deny: [{name: evil, claims: {repository_owner: evil}}]";
        assert!(refusal(config("oidc-issuers", GITHUB, deny)).is_some());
        let meta = format!("{GITHUB}/*");
        assert!(refusal(config("meta-issuers", &meta, "")).is_some());
        assert_eq!(config("meta-issuers", &meta, "").ownerless(), [meta]);
    }

    #[test]
    fn an_owner_or_the_operators_word_is_enough() {
        for members in [
            ", any-owner: true",
            ", allow: [{name: ours, claims: {repository_owner: acme}}]",
        ] {
            let config = config("oidc-issuers", GITHUB, members);
            assert!(config.ownerless().is_empty());
            assert_eq!(refusal(config), None);
        }
        let mut said = config("oidc-issuers", GITHUB, "");
        let error = said.accept_any_owner("https://token.actions").unwrap_err();
        assert!(error.to_string().contains(GITHUB), "{error}");
        said.accept_any_owner(GITHUB).unwrap();
        assert_eq!(refusal(said), None);
        let options = IssuersOptions {
            owner_rule: OwnerRule::Warn,
            ..IssuersOptions::default()
        };
        assert!(Issuers::new(config("oidc-issuers", GITHUB, ""), options).is_ok());
    }

    #[test]
    fn an_address_that_nobody_verifies_is_no_owner() {
        let google = "https://accounts.google.com";
        let ours = ", allow: [{name: ours, claims: {email: {glob: \"*@acme.test\"}}}]";
        assert_eq!(refusal(config("oidc-issuers", google, ours)), None);
        for loose in [", skip-email-verification: true", ", identity-claim: sub"] {
            let members = format!("{ours}{loose}");
            let said = refusal(config("oidc-issuers", google, &members)).unwrap();
            assert!(said.contains("allow rule \"ours\" pins no owner"), "{said}");
        }
    }

    #[test]
    fn one_entry_without_owner_among_several_is_enough_to_refuse() {
        let text = format!(
            "oidc-issuers:\n  {GITHUB}:\n  - {{client-id: a, type: email, any-owner: true}}\n  \
             - {{client-id: b, type: email}}\n  https://gitlab.com: {{client-id: b, type: email}}\n"
        );
        let config = IdentityConfig::parse(text.as_bytes(), "f.yaml").unwrap();
        assert_eq!(config.ownerless(), ["https://gitlab.com", GITHUB]);
        let said = refusal(config).unwrap();
        assert!(
            said.ends_with(&format!("the same holds for {GITHUB}")),
            "{said}"
        );
    }
}
