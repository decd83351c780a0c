//! Object storage: the guard, and published files.
//!
//! A store is good for a guard only if it honours conditional writes (`If-None-Match` and `If-Match`)
//! and answers reads with the newest write, as S3 does. The first is tried out whenever a guard is
//! made or opened; the second has to be known of the store.

mod bucket;
mod files;
mod guard;

pub use bucket::{Bucket, BucketError, ObjectStoreConfig, ObjectStoreUrl, ObjectStoreUrlError};
pub use files::ObjectFiles;
pub use guard::{ObjectGuard, ObjectGuardError};
