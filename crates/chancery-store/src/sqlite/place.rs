//! Which file a connection leads to.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{Connection, sql};
use crate::guard::Place;

pub(super) async fn of(connection: &mut Connection) -> sqlx::Result<Place> {
    let path: String = sqlx::query_scalar(sql::PLACE).fetch_one(connection).await?;
    Ok(at(Path::new(&path))?)
}

/// Tells which file a path leads to.
pub(crate) fn at(path: &Path) -> io::Result<Place> {
    let metadata = fs::metadata(path)?;
    Ok(Place::Sqlite {
        device: metadata.dev(),
        inode: metadata.ino(),
    })
}
