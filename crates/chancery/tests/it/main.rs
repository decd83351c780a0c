//! The binary as its users run it: processes, files, signals, exit codes, real databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod blocked_output;
mod client_instances;
mod clients;
mod configuration;
mod demo;
mod dev;
mod documents;
mod explain;
mod external_log;
mod fake_log;
mod grpc;
mod guards;
mod harness;
mod hostile;
mod issuer_test;
mod ledger;
mod ledger_away;
mod ledger_copies;
mod ledger_verify;
mod log_new;
mod log_verify;
mod migrate;
mod mirrors;
mod outage;
mod parity;
mod possession;
mod production;
mod proofs;
mod published_logs;
mod rate_limit;
mod recover;
mod recovery;
mod refusals;
mod reload;
mod rfc6962;
mod rollback;
mod secrets;
mod settings;
mod shutdown;
mod signing;
mod timestamps;
mod tls;
mod trust;
