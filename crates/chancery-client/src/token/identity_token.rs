//! A token that says who is signing, and what signing needs to know of it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

/// An identity token (a JWT) as an issuer gave it, read and not verified: the authority verifies it.
///
/// Whoever has it can have certificates for its identity, so neither `Debug` nor any message shows it.
/// What holds it here is overwritten when it is dropped; what HTTP and TLS copied of it is not.
#[derive(Clone)]
pub struct IdentityToken {
    text: Zeroizing<String>,
    claims: Claims,
}

#[derive(Clone, Deserialize)]
struct Claims {
    iss: String,
    #[serde(default)]
    sub: String,
    #[serde(default)]
    aud: Audience,
    exp: f64,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: Value,
}

#[derive(Clone, Default, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
    #[default]
    None,
}

/// Why a text is no identity token. What is wrong is said, never the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenError {
    /// Nothing is there.
    #[error("the identity token is empty")]
    Empty,
    /// More than any issuer gives.
    #[error(
        "the identity token has {found} bytes; the longest that is taken has {}",
        IdentityToken::LONGEST
    )]
    TooLong {
        /// How many bytes it has.
        found: usize,
    },
    /// Not three parts in base64 of which the second is a JSON object.
    #[error(
        "the identity token is not a signed JWT: three parts in base64url with dots between them"
    )]
    NotJwt,
    /// A claim that signing needs is not there, or is not of its type.
    #[error("the identity token lacks one of iss, exp, and sub or a verified email")]
    Claims,
}

impl IdentityToken {
    /// The audience that Sigstore's services want in a token, unless an instance says otherwise.
    pub const AUDIENCE: &str = "sigstore";
    /// The longest token that is taken, in bytes.
    pub const LONGEST: usize = 16 * 1024;

    /// Reads a token; white space around it, such as a file's last line end, does not count.
    ///
    /// # Errors
    /// [`TokenError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let text = text.trim_ascii();
        if text.is_empty() {
            return Err(TokenError::Empty);
        }
        if text.len() > Self::LONGEST {
            return Err(TokenError::TooLong { found: text.len() });
        }
        let mut parts = text.split('.');
        let (Some(_), Some(payload), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::NotJwt);
        };
        let payload = URL_SAFE_NO_PAD.decode(payload);
        let payload = Zeroizing::new(payload.map_err(|_| TokenError::NotJwt)?);
        // What is in it would be told by serde's messages.
        let claims: Claims = serde_json::from_slice(&payload).map_err(|_| TokenError::Claims)?;
        let token = Self {
            text: Zeroizing::new(text.to_owned()),
            claims,
        };
        match token.proof_subject().is_empty() || !token.claims.exp.is_finite() {
            true => Err(TokenError::Claims),
            false => Ok(token),
        }
    }

    /// Returns what is signed to prove that one has the key: the e-mail address if the issuer says
    /// that it is verified, else the subject, as cosign and sigstore-go do it.
    #[must_use]
    pub fn proof_subject(&self) -> &str {
        self.email().unwrap_or(&self.claims.sub)
    }

    /// Returns the e-mail address, if the issuer says that it is verified.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        let verified = match &self.claims.email_verified {
            Value::Bool(verified) => *verified,
            Value::String(verified) => verified == "true",
            _ => false,
        };
        let email = self.claims.email.as_deref();
        email.filter(|email| verified && !email.is_empty())
    }

    /// Returns who made the token, as it says itself.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.claims.iss
    }

    /// Returns for whom the token was made.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match &self.claims.aud {
            Audience::One(one) => (Some(&**one), &[][..]),
            Audience::Many(many) => (None, &many[..]),
            Audience::None => (None, &[][..]),
        };
        one.into_iter().chain(many.iter().map(String::as_str))
    }

    /// Tells whether the token is for this audience and nobody else: whoever gets it can show it to
    /// everybody whom it is for.
    #[must_use]
    pub fn is_only_for(&self, audience: &str) -> bool {
        let mut audiences = self.audiences().peekable();
        audiences.peek().is_some() && audiences.all(|one| one == audience)
    }

    /// Returns the moment from which the token counts no more.
    #[must_use]
    pub fn expires(&self) -> SystemTime {
        let seconds = Duration::try_from_secs_f64(self.claims.exp.max(0.0)).unwrap_or_default();
        UNIX_EPOCH.checked_add(seconds).unwrap_or(UNIX_EPOCH)
    }

    /// Returns the secret itself, for the request that it is made for.
    pub(crate) fn secret(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for IdentityToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityToken")
            .field("issuer", &self.claims.iss)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token(claims: &Value) -> Result<IdentityToken, TokenError> {
        let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
        IdentityToken::parse(&format!("e30.{payload}.c2VjcmV0\n"))
    }

    #[test]
    fn the_proof_is_over_an_address_only_if_it_is_verified() {
        let mut claims = json!({"iss": "i", "sub": "s", "exp": 1, "email": "a@b.c"});
        assert_eq!(token(&claims).unwrap().proof_subject(), "s");
        for (verified, expected) in [
            (json!(true), "a@b.c"),
            (json!("true"), "a@b.c"),
            (json!(false), "s"),
            (json!("yes"), "s"),
        ] {
            claims["email_verified"] = verified;
            assert_eq!(token(&claims).unwrap().proof_subject(), expected);
        }
    }

    #[test]
    fn an_audience_is_one_or_many() {
        for aud in [json!("sigstore"), json!(["sigstore"])] {
            let token = token(&json!({"iss": "i", "sub": "s", "exp": 1, "aud": aud})).unwrap();
            assert_eq!(token.audiences().collect::<Vec<_>>(), ["sigstore"]);
        }
        let none = token(&json!({"iss": "i", "sub": "s", "exp": 1})).unwrap();
        assert_eq!(none.audiences().count(), 0);
        assert!(!none.is_only_for("sigstore"));
    }

    #[test]
    fn a_token_that_others_take_too_is_not_only_for_one() {
        for (aud, expected) in [
            (json!("sigstore"), true),
            (json!(["sigstore"]), true),
            (json!([]), false),
            (json!("vault"), false),
            (json!(["sigstore", "vault"]), false),
        ] {
            let token = token(&json!({"iss": "i", "sub": "s", "exp": 1, "aud": aud})).unwrap();
            assert_eq!(token.is_only_for("sigstore"), expected, "{aud}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_told() {
        assert_eq!(IdentityToken::parse(" \n").unwrap_err(), TokenError::Empty);
        let long = "a".repeat(IdentityToken::LONGEST + 1);
        let found = long.len();
        assert_eq!(
            IdentityToken::parse(&long).unwrap_err(),
            TokenError::TooLong { found }
        );
        for text in ["a.b", "a.b.c.d", "a.!.c"] {
            assert_eq!(IdentityToken::parse(text).unwrap_err(), TokenError::NotJwt);
        }
        for claims in [
            json!({}),
            json!({"iss": "i", "exp": 1}),
            json!({"iss": "i", "sub": 1, "exp": 1}),
            json!([]),
        ] {
            assert_eq!(token(&claims).unwrap_err(), TokenError::Claims);
        }
        let odd = token(&json!({"iss": "i", "sub": "s", "exp": 1e300})).unwrap();
        assert_eq!(odd.expires(), UNIX_EPOCH);
    }

    #[test]
    fn a_token_is_not_shown() {
        let token = token(&json!({"iss": "i", "sub": "subject", "exp": 1})).unwrap();
        let shown = format!("{token:?}");
        assert!(
            !shown.contains("c2VjcmV0") && !shown.contains("subject"),
            "{shown}"
        );
    }
}
