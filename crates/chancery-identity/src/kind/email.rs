//! Type `email`: people, by an e-mail address that the issuer has verified.

use chancery_certs::SubjectAlternativeName;
use serde_json::Value;

use crate::config::Entry;
use crate::issuer::VerifiedClaims;
use crate::kind::{Identity, IdentityError, required};
use crate::token::claims::Claims;

/// The rules for one issuer.
#[derive(Debug, Clone)]
pub(crate) struct Email {
    /// For issuers that verify addresses without saying so.
    skip_verification: bool,
}

impl Email {
    pub(super) const fn new(entry: &Entry) -> Self {
        Self {
            skip_verification: entry.skip_email_verification,
        }
    }

    pub(super) fn identify(&self, claims: &VerifiedClaims) -> Result<Identity, IdentityError> {
        let email = required(claims, "email")?;
        if !is_verified(claims)? && !self.skip_verification {
            return Err(IdentityError::EmailNotVerified);
        }
        if !email.is_ascii() || !looks_like_email(email) {
            return Err(IdentityError::EmailMalformed);
        }
        Ok(Identity {
            name: email.to_owned(),
            san: SubjectAlternativeName::email(email)?,
        })
    }
}

/// Reads `email_verified`, which some issuers send as text. Anything but a truth value or one of the
/// four texts is refused even where the claim does not matter, as Fulcio does.
fn is_verified(claims: &Claims) -> Result<bool, IdentityError> {
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
