//! What the fuzz targets do with an input: each `run` reads it as the product would, and asserts what
//! must hold whatever it is.
//!
//! A panic is a finding, and so is a broken assertion. Everything here is the same in every process:
//! one key, one time, one configuration, so that a file with an input is all that it takes to run a
//! finding again.

#![forbid(unsafe_code)]

pub mod bundle;
pub mod csr;
pub mod identity_config;
pub mod jwks;
pub mod ledger;
pub mod ledger_grpc;
pub mod public_key;
pub mod request;
pub mod submitted_chain;
pub mod template;
pub mod timestamp;
pub mod tlog_proof;
pub mod token;
pub mod trust_metadata;
pub mod trusted_root;
pub mod witness;

mod genuine;
mod possession;
