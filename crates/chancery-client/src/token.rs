//! Identity tokens: what they say, and where they come from.
//!
//! ```
//! use chancery_client::token::IdentityToken;
//!
//! // {"iss":"https://issuer.example","sub":"1","aud":"sigstore","exp":1900000000}
//! let token = IdentityToken::parse(
//!     "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwic3ViIjoiMSIsImF1ZCI6InNpZ3\
//!      N0b3JlIiwiZXhwIjoxOTAwMDAwMDAwfQ.c2lnbmF0dXJl",
//! )?;
//! assert_eq!(token.issuer(), "https://issuer.example");
//! assert_eq!(token.proof_subject(), "1");
//! // A token is a secret: it is never printed.
//! assert!(!format!("{token:?}").contains("c2ln"));
//! # Ok::<(), chancery_client::token::TokenError>(())
//! ```

mod ambient;
mod identity_token;
mod login;

#[doc(inline)]
pub use url::Url;

pub use ambient::{AmbientError, AmbientSource, Places};
pub use identity_token::{IdentityToken, TokenError};
pub use login::{BrowserLogin, DevTokenError, DevicePrompt, LoginError, LoginProvider, dev_token};
