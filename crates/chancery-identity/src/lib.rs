//! Who is asking: OIDC issuers and tokens become principals in the certificate's vocabulary.
//!
//! ```text
//! text → UnverifiedToken → (issuer by `iss`) → VerifiedClaims → Identity → Principal
//!         form             entry by audience    signature, rules  type       rate limits
//! ```
//! Nothing here asks the network before a token of a configured issuer, for the configured audience
//! and the present time, has come; and nothing that a token says decides how it is verified.

mod address;
mod algorithm;
mod certificate;
mod ci_provider;
mod claim_path;
mod claim_texts;
mod codes;
mod config;
mod error;
mod explain;
mod go_url;
mod in_cluster;
mod issuer;
mod issuers;
mod jwk;
mod jwks;
mod key_cache;
mod key_caches;
mod key_source;
mod kind;
mod limits;
mod meta_issuer;
mod nearest;
mod network;
mod owner;
mod principal;
mod probe;
mod provider;
mod quoted;
mod rules;
mod signature;
mod terms;
mod token;
mod token_use;
mod wildcard;

pub use ci_provider::{ProviderFault, RecipeError};
pub use claim_path::ClaimPathError;
pub use codes::CODES;
pub use config::{AnyOwnerError, ConfigError, EntryFault, IdentityConfig, Ownerless};
pub use error::{AuthenticateError, FailureClass};
pub use explain::{Certified, Explanation, Extension, Reach, Step, StepName, StepOutcome, Verdict};
pub use in_cluster::InCluster;
pub use issuers::{
    HttpPolicy, IssuerAddress, IssuerDescription, Issuers, IssuersOptions, OwnerRule,
};
pub use jwk::KeyFault;
pub use jwks::UnusedKey;
pub use key_cache::Timings;
pub use key_source::{KeySourceFault, ProxyUrl};
pub use kind::{IdentityError, KindError};
pub use limits::Whose;
pub use principal::Principal;
pub use probe::{
    ProbeError, ProbeFailure, ProbeHint, ProbeKey, ProbeOptions, ProbeReport, ProbeStep, probe,
};
pub use rules::RuleRefusal;
pub use signature::SignatureError;
pub use token::TokenError;
pub use token::claims::{ClaimFault, ClaimsError};
pub use token_use::TokenUse;
pub use wildcard::WildcardError;
