//! Signs and verifies with identities, against a Chancery or any Sigstore.
//!
//! It reads no flags, no environment and no terminal: whoever calls hands those in.
//!
//! To verify, one needs what is trusted, a bundle, what was signed, and whose signature is wanted. Nobody
//! is asked for anything:
//!
//! ```
//! use std::fs::{self, File};
//!
//! use chancery_client::bundle::UnverifiedBundle;
//! use chancery_client::trust::{TrustMaterial, TrustedRoot};
//! use chancery_client::verify::{Artifact, Pattern, Policy, Verifier};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # std::env::set_current_dir("tests/vectors")?;
//! let trusted = TrustedRoot::parse(&fs::read("trusted_root.json")?)?;
//! let verifier = Verifier::new(TrustMaterial::of(&trusted));
//!
//! let bundle = UnverifiedBundle::parse(&fs::read("artifact.txt.sigstore.json")?)?;
//! let artifact = Artifact::read(File::open("artifact.txt")?, &bundle)?;
//! let policy = Policy::new(
//!     Pattern::exact("alice@chancery.test"),
//!     Pattern::exact("https://issuer.chancery.test"),
//! );
//! let verified = verifier.verify(&bundle, &artifact, &policy)?;
//! println!("signed by {}, who logged in with {}", verified.identity(), verified.issuer());
//! # assert_eq!(verified.identity().as_str(), "alice@chancery.test");
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it is for |
//! |---|---|
//! | [`verify`] | verifying bundles |
//! | [`sign`] | signing, with one certificate for many artifacts |
//! | [`token`] | the identity token that a signer needs, from wherever it runs |
//! | [`trust`] | what is trusted, from a `trusted_root.json` |
//! | [`instances`] | the same from instances that were set up, kept fresh |
//! | [`bundle`] | what signatures are kept in |

pub mod bundle;
mod http;
pub mod instances;
mod loopback;
mod rfc3339;
pub mod sign;
pub mod token;
pub mod trust;
pub mod verify;
