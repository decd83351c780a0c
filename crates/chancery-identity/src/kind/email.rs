//! Type `email`: people, by an e-mail address that the issuer has verified.

use chancery_certs::{FulcioExtensions, SubjectAlternativeName};
use serde_json::Value;

use crate::claim_path::ClaimPath;
use crate::config::Entry;
use crate::issuer::VerifiedClaims;
use crate::kind::naming::{Naming, claim_text};
use crate::kind::{Identity, IdentityError, KindError, required};
use crate::token::claims::Claims;

/// The rules for one issuer.
#[derive(Debug, Clone)]
pub(super) struct Email {
    /// For issuers that verify addresses without saying so.
    skip_verification: bool,
    /// The claim that stands for the issuer in certificates, for issuers that pass on what others
    /// say, as Dex does.
    issuer: Option<ClaimPath>,
}

impl Email {
    pub(super) fn new(entry: &Entry) -> Result<Self, KindError> {
        let issuer = entry.issuer_claim.as_deref();
        let issuer = issuer.filter(|path| !path.is_empty()).map(ClaimPath::parse);
        Ok(Self {
            skip_verification: entry.skip_email_verification,
            issuer: issuer.transpose().map_err(|reason| KindError::Path {
                key: "issuer-claim",
                reason,
            })?,
        })
    }

    pub(super) fn identify(
        &self,
        claims: &VerifiedClaims,
        naming: &Naming,
    ) -> Result<Identity, IdentityError> {
        let (name, certified) = match naming {
            // `email_verified` says nothing of other claims (OpenID Connect Core, section 5.1);
            // naming one is the operator's word that the issuer vouches for it.
            Naming::Claim(path) => (signed_name(claims)?, claim_text(path, claims)?),
            _ => {
                let email = self.verified(claims)?;
                let certified = naming.text(claims, &[("email", email)])?;
                (email, certified.unwrap_or_else(|| email.to_owned()))
            }
        };
        require_email(&certified)?;
        let issuer = self.issuer.as_ref();
        Ok(Identity {
            name: name.to_owned(),
            san: SubjectAlternativeName::email(&certified)?,
            extensions: FulcioExtensions::default(),
            issuer: issuer.map(|path| claim_text(path, claims)).transpose()?,
        })
    }

    /// Returns the token's address, if it is one and has been verified.
    fn verified<'a>(&self, claims: &'a VerifiedClaims) -> Result<&'a str, IdentityError> {
        let email = required(claims, "email")?;
        if !is_verified(claims)? && !self.skip_verification {
            return Err(IdentityError::EmailNotVerified);
        }
        require_email(email)?;
        Ok(email)
    }
}

/// Returns what a client signs if not the name: it does not know of the operator's claim, and takes
/// the address if there is one.
fn signed_name(claims: &Claims) -> Result<&str, IdentityError> {
    let email = claims.text("email").ok().flatten();
    match email.filter(|email| !email.is_empty()) {
        Some(email) => Ok(email),
        None => required(claims, "sub"),
    }
}

fn require_email(text: &str) -> Result<(), IdentityError> {
    if text.is_ascii() && looks_like_email(text) {
        return Ok(());
    }
    Err(IdentityError::EmailMalformed)
}

/// Reads `email_verified`, which some issuers send as text. Anything but a truth value or one of the
/// four texts is refused even where the claim does not matter, as Fulcio does.
pub(super) fn is_verified(claims: &Claims) -> Result<bool, IdentityError> {
    match claims.get("email_verified") {
        None => Ok(false),
        Some(Value::Bool(verified)) => Ok(*verified),
        Some(Value::String(text)) if text == "true" || text == "True" => Ok(true),
        Some(Value::String(text)) if text == "false" || text == "False" => Ok(false),
        Some(_) => Err(IdentityError::EmailNotVerified),
    }
}

/// Tells whether a text is an e-mail address in the eyes of Fulcio's validator: dot-separated atoms,
/// one `@`, a domain of at least two labels. Letters beyond ASCII count as letters, so that no such
/// address passes for a user name; a certificate cannot hold them.
pub(crate) fn looks_like_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let mut labels = domain.rsplit('.');
    let (Some(top), Some(second)) = (labels.next(), labels.next()) else {
        return false;
    };
    local
        .split('.')
        .all(|atom| !atom.is_empty() && atom.chars().all(is_atom))
        && is_label(top)
        && top.starts_with(is_letter)
        && top.ends_with(is_letter)
        && is_label(second)
        && labels.all(is_label)
}

fn is_label(label: &str) -> bool {
    let outer = |character: char| is_letter(character) || character.is_ascii_digit();
    label.starts_with(outer)
        && label.ends_with(outer)
        && label
            .chars()
            .all(|inner| outer(inner) || matches!(inner, '-' | '_' | '~'))
}

fn is_atom(character: char) -> bool {
    is_letter(character) || character.is_ascii_digit() || "!#$%&'*+-/=?^_`{|}~".contains(character)
}

fn is_letter(character: char) -> bool {
    character.is_ascii_alphabetic() || character >= '\u{a0}'
}
