//! Fulcio's REST API.

pub(crate) mod configuration;
mod json_object;
pub(crate) mod signing_cert;
mod signing_cert_request;
mod token;
pub(crate) mod trust_bundle;
