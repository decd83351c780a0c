//! Signs and verifies with identities, against a Chancery or any Sigstore.
//!
//! It reads no flags, no environment and no terminal: whoever calls hands those in.

pub mod bundle;
mod http;
pub mod instances;
mod loopback;
mod rfc3339;
pub mod sign;
pub mod token;
pub mod trust;
pub mod verify;
