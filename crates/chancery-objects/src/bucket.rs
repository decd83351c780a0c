//! A part of a bucket, and how to reach it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use url::Url;

/// For one request.
const REQUEST: Duration = Duration::from_secs(2);

/// For a connection.
const CONNECT: Duration = Duration::from_secs(1);

/// For one request for a file, which may have a megabyte and more.
const FILE_REQUEST: Duration = Duration::from_secs(30);

/// For a file and what is tried again after it.
const FILE_RETRIES: Duration = Duration::from_secs(60);

/// For a request and what is tried again after it: conflicts of two writers, mostly.
const RETRIES: Duration = Duration::from_secs(4);

/// Where the objects are: `s3://BUCKET/PREFIX`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ObjectStoreUrl {
    bucket: String,
    prefix: Path,
}

/// Why a text is no URL of an object store.
#[derive(Debug, thiserror::Error)]
pub enum ObjectStoreUrlError {
    /// It is another kind of URL, or none.
    #[error("an object store's URL is s3://BUCKET/PREFIX, without user, port or parameters")]
    Malformed,
    /// The prefix is missing, or has empty or dotted segments.
    #[error("the object store's URL needs a prefix of plain segments: s3://BUCKET/PREFIX")]
    Prefix,
}

/// How to reach an object store.
#[derive(Clone)]
pub struct ObjectStoreConfig {
    /// The bucket and the prefix.
    pub url: ObjectStoreUrl,
    /// The service, unless it is AWS's own. With `http:`, nothing on the way is secret or certain.
    pub endpoint: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// Credentials and whatever else AWS's names (`AWS_ACCESS_KEY_ID`, …) say; unknown ones are
    /// passed over. Without any, they come from the machine's or the container's own service.
    pub settings: Vec<(String, String)>,
}

/// The objects below one prefix.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) prefix: Path,
    pub(crate) name: String,
}

/// Why a bucket cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the object store's settings do not fit together: {0}")]
pub struct BucketError(String);

impl ObjectStoreUrl {
    /// Parses a URL.
    pub fn parse(text: &str) -> Result<Self, ObjectStoreUrlError> {
        let url = Url::parse(text).map_err(|_| ObjectStoreUrlError::Malformed)?;
        let plain = url.scheme() == "s3"
            && url.username().is_empty()
            && url.password().is_none()
            && url.port().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let bucket = url.host_str().filter(|_| plain);
        let bucket = bucket.ok_or(ObjectStoreUrlError::Malformed)?.to_owned();
        let prefix = url.path().trim_matches('/');
        let prefix = Path::parse(prefix).map_err(|_| ObjectStoreUrlError::Prefix)?;
        if prefix.as_ref().is_empty() {
            return Err(ObjectStoreUrlError::Prefix);
        }
        Ok(Self { bucket, prefix })
    }
}

impl fmt::Display for ObjectStoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
    }
}

impl fmt::Debug for ObjectStoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The settings hold the secret key.
        f.debug_struct("ObjectStoreConfig")
            .field("url", &self.url)
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl Bucket {
    /// Takes a bucket of an S3 service for a guard, which answers soon or counts as away. Nothing is
    /// asked of it yet.
    pub fn s3(config: &ObjectStoreConfig) -> Result<Self, BucketError> {
        Self::patient(config, REQUEST, RETRIES)
    }

    /// Takes a bucket of an S3 service for files. Nothing is asked of it yet.
    pub fn s3_for_files(config: &ObjectStoreConfig) -> Result<Self, BucketError> {
        Self::patient(config, FILE_REQUEST, FILE_RETRIES)
    }

    fn patient(
        config: &ObjectStoreConfig,
        request: Duration,
        retrying: Duration,
    ) -> Result<Self, BucketError> {
        let mut builder = AmazonS3Builder::new();
        for (name, value) in &config.settings {
            if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        if let Some(region) = &config.region {
            builder = builder.with_region(region);
        }
        if let Some(endpoint) = &config.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
        // These last: no setting may take a bound or a condition away.
        let options = ClientOptions::new()
            .with_timeout(request)
            .with_connect_timeout(CONNECT)
            .with_allow_http(endpoint.is_some_and(|url| url.starts_with("http:")));
        let store = builder
            .with_bucket_name(&config.url.bucket)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_client_options(options)
            .with_retry(retries(retrying))
            .build()
            .map_err(|e| BucketError(e.to_string()))?;
        Ok(Self {
            store: Arc::new(store),
            prefix: config.url.prefix.clone(),
            name: config.url.to_string(),
        })
    }

    /// Takes any store, such as one in memory for tests.
    pub fn of(store: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self {
            name: format!("{store}/{prefix}"),
            store,
            prefix: Path::from(prefix),
        }
    }

    /// Returns the part of this one that is below a further segment of its prefix.
    #[must_use]
    pub fn below(&self, segment: &str) -> Self {
        Self {
            store: Arc::clone(&self.store),
            prefix: self.prefix.clone().join(segment),
            name: format!("{}/{segment}", self.name),
        }
    }

    /// Returns the path of an object by a name of several segments.
    pub(crate) fn path_of(&self, name: &str) -> Path {
        Path::from(format!("{}/{name}", self.prefix))
    }

    /// Returns the path of an object below the prefix.
    pub(crate) fn path(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }
}

fn retries(retry_timeout: Duration) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_millis(500),
            base: 2.0,
        },
        max_retries: 5,
        retry_timeout,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_bucket_and_a_prefix() {
        let url = ObjectStoreUrl::parse("s3://guards/chancery/production/").unwrap();
        assert_eq!(url.to_string(), "s3://guards/chancery/production");
        for text in [
            "",
            "guards/chancery",
            "https://guards/chancery",
            "s3://user@guards/chancery",
            "s3://guards/chancery?x=y",
            "s3://guards",
            "s3://guards/",
            "s3://guards/a//b",
        ] {
            assert!(ObjectStoreUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn credentials_are_never_printed() {
        let config = ObjectStoreConfig {
            url: ObjectStoreUrl::parse("s3://b/p").unwrap(),
            endpoint: None,
            region: Some("x".to_owned()),
            settings: [
                ("AWS_ACCESS_KEY_ID", "u"),
                ("AWS_SECRET_ACCESS_KEY", "hunter2"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        };
        let bucket = Bucket::s3(&config).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(!format!("{bucket:?}").contains("hunter2"));
    }
}
