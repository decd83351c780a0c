//! The crate from outside: connections over loopback, requests through the routers.

mod dev_oidc;
mod listener;
mod service;
