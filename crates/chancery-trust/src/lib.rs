//! What clients trust: the documents that say it, and the TUF repository that brings them.
//!
//! Pure: no clock, no files, no database. Root and targets are signed by operators, through a
//! [`plan::Plan`]; snapshot and timestamp by the server, through [`update::renew`]. Whoever stores
//! the result signs nothing, and what is read back is verified from a root that is trusted already.

pub mod documents;
pub mod plan;
pub mod store;
pub mod tuf;
pub mod update;
