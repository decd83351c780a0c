//! HTTP and gRPC: decode, call, encode.
//!
//! [`public_routers`] hold everything that clients see, over REST and gRPC, [`admin_router`] what
//! operators probe and scrape, and [`serve`] runs either on a listener within limits. The work itself is done by
//! `chancery-ca` and `chancery-log`; a handler here decodes, calls and encodes.

mod admin;
mod chain;
mod cors;
mod ct;
pub mod dev_oidc;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod grpc;
mod html;
pub mod instructions;
mod ledger;
mod lenient_base64;
mod listener;
mod logs;
mod metrics;
mod middleware;
mod outgoing;
mod page;
mod possession;
mod refusal_code;
mod request_body;
mod rest;
mod router;
mod state;
mod tls;
mod token;
mod trust_documents;
mod tsa;
mod witness;

pub use cors::{CorsPolicy, CorsPolicyError};
pub use ledger::{Ledgers, ServedLedger};
pub use listener::{ServeLimits, serve};
pub use logs::{LogRead, Logs, ServedLog};
pub use metrics::Metrics;
pub use refusal_code::RefusalCode;
pub use request_body::RequestLimits;
pub use router::{PublicRouters, admin_router, public_routers};
pub use state::{AdminState, AppState};
pub use tls::{Reloaded, Tls, TlsError};
pub use trust_documents::TrustDocuments;
pub use witness::witness_router;
