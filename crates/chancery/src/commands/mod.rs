//! The commands, one file each.

pub(crate) mod backup;
pub(crate) mod config_check;
pub(crate) mod config_show;
pub(crate) mod demo;
pub(crate) mod dev;
pub(crate) mod init;
pub(crate) mod issuer_test;
pub(crate) mod ledger_new;
pub(crate) mod log_check;
pub(crate) mod log_export;
pub(crate) mod log_keys;
pub(crate) mod log_mirror;
pub(crate) mod log_new;
pub(crate) mod log_prove;
pub(crate) mod log_prune;
pub(crate) mod log_recover;
pub(crate) mod log_verify;
pub(crate) mod log_witness;
pub(crate) mod migrate;
pub(crate) mod restore;
pub(crate) mod serve;
pub(crate) mod timestamps_renew;
pub(crate) mod token_explain;
