//! Published files as objects, with the media types and cache rules that the HTTP API sends.

use async_trait::async_trait;
use chancery_log::published_files::{FilePlace, NewFile, PlaceError, media_type};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error, ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions,
    PutPayload, UpdateVersion,
};
use tokio::task::JoinSet;

use crate::bucket::Bucket;

/// How many objects are written at once.
const AT_ONCE: usize = 16;

/// Published files below a bucket's prefix.
#[derive(Clone, Debug)]
pub struct ObjectFiles(Bucket);

impl ObjectFiles {
    /// Takes a part of a bucket, which nothing else is in.
    pub fn new(bucket: Bucket) -> Self {
        Self(bucket)
    }

    fn unavailable(&self, error: Error) -> PlaceError {
        PlaceError::Unavailable {
            place: self.0.name.clone(),
            error: Box::new(error),
        }
    }

    /// Reads an object with what it takes to replace it.
    async fn get(
        &self,
        name: &str,
        bound: u64,
    ) -> Result<Option<(Vec<u8>, UpdateVersion)>, PlaceError> {
        let answer = match self.0.store.get(&self.0.path_of(name)).await {
            Ok(answer) => answer,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(e) => return Err(self.unavailable(e)),
        };
        if answer.meta.size > bound {
            return Err(PlaceError::Damaged {
                name: name.to_owned(),
                wrong: format!("has {} bytes, more than {bound}", answer.meta.size),
            });
        }
        let version = UpdateVersion {
            e_tag: answer.meta.e_tag.clone(),
            version: answer.meta.version.clone(),
        };
        let bytes = answer.bytes().await.map_err(|e| self.unavailable(e))?;
        Ok(Some((bytes.into(), version)))
    }

    async fn put(&self, file: NewFile, mode: PutMode) -> object_store::Result<()> {
        let (content_type, cache) = media_type(&file.name);
        let attributes = Attributes::from_iter([
            (Attribute::ContentType, content_type),
            (Attribute::CacheControl, cache),
        ]);
        let options = PutOptions {
            mode,
            attributes,
            ..PutOptions::default()
        };
        let path = self.0.path_of(&file.name);
        let payload = PutPayload::from(file.bytes);
        let put = self.0.store.put_opts(&path, payload, options).await;
        put.map(drop)
    }

    async fn delete(&self, path: &Path) -> Result<(), PlaceError> {
        match self.0.store.delete(path).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(self.unavailable(e)),
        }
    }
}

#[async_trait]
impl FilePlace for ObjectFiles {
    fn name(&self) -> String {
        self.0.name.clone()
    }

    async fn read(&self, name: &str, bound: u64) -> Result<Option<Vec<u8>>, PlaceError> {
        Ok(self.get(name, bound).await?.map(|(bytes, _)| bytes))
    }

    async fn write(&self, files: Vec<NewFile>) -> Result<(), PlaceError> {
        let mut writing = JoinSet::new();
        for file in files {
            if writing.len() >= AT_ONCE {
                self.written(writing.join_next().await)?;
            }
            let place = self.clone();
            writing.spawn(async move { place.put(file, PutMode::Overwrite).await });
        }
        while let Some(written) = writing.join_next().await {
            self.written(Some(written))?;
        }
        Ok(())
    }

    async fn replace(&self, expected: Option<&[u8]>, file: NewFile) -> Result<bool, PlaceError> {
        let bound = expected.map_or(0, <[u8]>::len) as u64;
        let found = match self.get(&file.name, bound).await {
            Err(PlaceError::Damaged { .. }) => return Ok(false),
            found => found?,
        };
        let mode = match (expected, found) {
            (None, None) => PutMode::Create,
            (Some(expected), Some((found, version))) if found == expected => {
                PutMode::Update(version)
            }
            _ => return Ok(false),
        };
        match self.put(file, mode).await {
            Ok(()) => Ok(true),
            Err(Error::Precondition { .. } | Error::AlreadyExists { .. }) => Ok(false),
            Err(e) => Err(self.unavailable(e)),
        }
    }

    async fn remove_folder(&self, folder: &str) -> Result<(), PlaceError> {
        let prefix = self.0.path_of(folder);
        let listed = self.0.store.list_with_delimiter(Some(&prefix)).await;
        let listed = listed.map_err(|e| self.unavailable(e))?;
        for object in listed.objects {
            self.delete(&object.location).await?;
        }
        Ok(())
    }

    async fn remove(&self, name: &str) -> Result<(), PlaceError> {
        self.delete(&self.0.path_of(name)).await
    }
}

impl ObjectFiles {
    fn written(
        &self,
        written: Option<Result<object_store::Result<()>, tokio::task::JoinError>>,
    ) -> Result<(), PlaceError> {
        match written {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(e))) => Err(self.unavailable(e)),
            Some(Err(panicked)) => Err(PlaceError::Unavailable {
                place: self.0.name.clone(),
                error: Box::new(panicked),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;

    fn file(name: &str, bytes: &[u8]) -> NewFile {
        NewFile {
            name: name.to_owned(),
            bytes: bytes.to_vec(),
        }
    }

    #[tokio::test]
    async fn objects_are_written_with_their_types_replaced_once_and_removed() {
        let store = Arc::new(InMemory::new());
        let place = ObjectFiles::new(Bucket::of(store.clone(), "logs").below("main"));
        let files = vec![file("tile/0/000.p/7", b"x"), file("issuer/00", b"y")];
        place.write(files).await.unwrap();
        assert!(place.replace(None, file("checkpoint", b"1")).await.unwrap());
        assert!(!place.replace(None, file("checkpoint", b"2")).await.unwrap());
        let replaced = place.replace(Some(b"0"), file("checkpoint", b"2")).await;
        assert!(!replaced.unwrap());
        let replaced = place.replace(Some(b"1"), file("checkpoint", b"2")).await;
        assert!(replaced.unwrap());
        assert_eq!(place.read("checkpoint", 1).await.unwrap().unwrap(), b"2");
        assert!(place.read("checkpoint", 0).await.is_err());
        let path = Path::from("logs/main/checkpoint");
        let attributes = store.get(&path).await.unwrap().attributes;
        let cache = attributes.get(&Attribute::CacheControl);
        assert_eq!(cache.map(AsRef::as_ref), Some("no-store"));
        place.remove_folder("tile/0/000.p").await.unwrap();
        place.remove_folder("tile/0/000.p").await.unwrap();
        assert_eq!(place.read("tile/0/000.p/7", 9).await.unwrap(), None);
        place.remove("issuer/00").await.unwrap();
        place.remove("issuer/00").await.unwrap();
    }
}
