//! Fulcio's REST API, and what we add to it.

pub(crate) mod configuration;
mod json_body;
mod json_object;
pub(crate) mod signing_cert;
pub(crate) mod signing_cert_request;
pub(crate) mod token_explanation;
pub(crate) mod trust_bundle;
pub(crate) mod v1;
