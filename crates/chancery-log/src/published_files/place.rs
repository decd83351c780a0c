//! Where published files are kept: a folder, or a part of a bucket.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::StoreError;

/// A place for the files of one published log. Names are relative, with slashes, as in
/// `tile/0/x001/067`.
#[async_trait]
pub trait FilePlace: Debug + Send + Sync {
    /// Returns how operators know the place.
    fn name(&self) -> String;

    /// Reads a file of at most `bound` bytes; `None` if there is none.
    async fn read(&self, name: &str, bound: u64) -> Result<Option<Vec<u8>>, PlaceError>;

    /// Writes files, in the place of those that have their names. When it returns `Ok`, all are
    /// durable; a reader never sees a part of one.
    async fn write(&self, files: Vec<NewFile>) -> Result<(), PlaceError>;

    /// Writes a file if the one that has its name still has the bytes `expected`, or if there still
    /// is none. Returns whether it did: of any number of callers with one expectation, one gets
    /// `true`.
    async fn replace(&self, expected: Option<&[u8]>, file: NewFile) -> Result<bool, PlaceError>;

    /// Removes a folder of files, such as `tile/0/x001/067.p`; it is no error if there is none.
    async fn remove_folder(&self, folder: &str) -> Result<(), PlaceError>;

    /// Removes a file; it is no error if there is none.
    async fn remove(&self, name: &str) -> Result<(), PlaceError>;
}

/// A file to write.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// Its name in the place.
    pub name: String,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// Why a place could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// What is there is not a file of a published log.
    #[error("{name} {wrong}")]
    Damaged {
        /// The file.
        name: String,
        /// What is wrong with it.
        wrong: String,
    },
    /// The place did not answer, refused, or is full.
    #[error("{place} cannot be used")]
    Unavailable {
        /// Which place.
        place: String,
        /// Why.
        #[source]
        error: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<PlaceError> for StoreError {
    fn from(error: PlaceError) -> Self {
        match error {
            damaged @ PlaceError::Damaged { .. } => Self::Inconsistent(damaged.to_string()),
            away @ PlaceError::Unavailable { .. } => Self::Unavailable(Box::new(away)),
        }
    }
}

/// Returns the media type of a published file and how long caches may keep it, as the HTTP API says
/// both.
pub fn media_type(name: &str) -> (&'static str, &'static str) {
    const FOREVER: &str = "public, max-age=604800, immutable";
    match name {
        "checkpoint" => ("text/plain; charset=utf-8", "no-store"),
        name if name.starts_with("tile/") => ("application/octet-stream", FOREVER),
        name if name.starts_with("issuer/") => ("application/pkix-cert", FOREVER),
        _ => ("application/octet-stream", "no-store"),
    }
}
