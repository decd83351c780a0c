//! An S3 server, by way of a proxy that can be cut.

use std::sync::Arc;

use async_trait::async_trait;
use chancery_log::Guard;
use chancery_log::guard::conformance::{TestBed, check};
use chancery_log::published_files::{FilePlace as _, NewFile};
use chancery_objects::{
    Bucket, ObjectFiles, ObjectGuard, ObjectGuardError, ObjectStoreConfig, ObjectStoreUrl,
};
use chancery_tlog::TreeHead;
use object_store::ObjectStoreExt;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use url::Url;

use crate::proxy::Proxy;

const BUCKET: &str = "chancery-test";

struct S3 {
    endpoint: Url,
    proxy: Proxy,
    prefix: String,
}

impl S3 {
    /// Makes a bucket on the server, if there is one.
    async fn new() -> Option<Self> {
        let endpoint = endpoint()?;
        let server = endpoint.socket_addrs(|| None).unwrap()[0];
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let made = client.put(endpoint.join(BUCKET).unwrap()).send().await;
        made.unwrap().error_for_status().unwrap();
        Some(Self {
            endpoint,
            proxy: Proxy::to(server).await,
            prefix: format!("test/{:016x}", rand::random::<u64>()),
        })
    }

    fn bucket(&self, name: &str) -> Bucket {
        Bucket::s3(&self.config(name)).unwrap()
    }

    fn config(&self, name: &str) -> ObjectStoreConfig {
        let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        ObjectStoreConfig {
            url: ObjectStoreUrl::parse(&format!("s3://{name}/{}", self.prefix)).unwrap(),
            endpoint: Some(format!("http://{}", self.proxy.address)),
            region: Some("us-east-1".to_owned()),
            settings: vec![
                setting("AWS_ACCESS_KEY_ID", "test"),
                setting("AWS_SECRET_ACCESS_KEY", "test"),
            ],
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "where the tests' server is")]
fn endpoint() -> Option<Url> {
    if let Ok(endpoint) = std::env::var("CHANCERY_TEST_S3") {
        return Some(Url::parse(&endpoint).unwrap());
    }
    let required = std::env::var("CHANCERY_REQUIRE_S3").is_ok();
    assert!(
        !required,
        "CHANCERY_REQUIRE_S3 is set, but not CHANCERY_TEST_S3"
    );
    println!("left out: needs an S3 server, see `cargo xtask clients s3-guard`");
    None
}

#[async_trait]
impl TestBed for S3 {
    async fn create(&self) -> Arc<dyn Guard> {
        Arc::new(ObjectGuard::create(&self.bucket(BUCKET)).await.unwrap())
    }

    async fn create_at(&self, head: &TreeHead) -> Arc<dyn Guard> {
        let made = ObjectGuard::create_at(&self.bucket(BUCKET), head).await;
        Arc::new(made.unwrap())
    }

    async fn open(&self, id: &str) -> Result<Arc<dyn Guard>, String> {
        match ObjectGuard::open(&self.bucket(BUCKET), id).await {
            Ok(guard) => Ok(Arc::new(guard)),
            Err(e) => Err(e.to_string()),
        }
    }

    async fn damage(&self, id: &str) {
        let store = AmazonS3Builder::new()
            .with_bucket_name(BUCKET)
            .with_endpoint(self.endpoint.as_str().trim_end_matches('/'))
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_access_key_id("test")
            .with_secret_access_key("test")
            .build()
            .unwrap();
        let path = Path::from(format!("{}/{id}", self.prefix));
        store.put(&path, "no guard".into()).await.unwrap();
    }

    async fn take_away(&self) {
        self.proxy.cut();
    }

    async fn bring_back(&self) {
        self.proxy.mend();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_on_an_s3_server_is_a_guard() {
    let Some(s3) = S3::new().await else { return };
    check(&s3).await;
}

#[tokio::test]
async fn a_missing_bucket_is_refused_and_a_missing_server_is_not_there() {
    let Some(s3) = S3::new().await else { return };
    let refused = ObjectGuard::create(&s3.bucket("no-such-bucket")).await;
    assert!(
        matches!(refused, Err(ObjectGuardError::Refused { .. })),
        "{refused:?}"
    );
    s3.proxy.cut();
    let refused = ObjectGuard::create(&s3.bucket(BUCKET)).await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused:?}");
}

#[tokio::test]
async fn a_logs_files_on_an_s3_server_are_written_read_replaced_by_one_and_removed() {
    let Some(s3) = S3::new().await else { return };
    let file = |name: &str, bytes: &[u8]| NewFile {
        name: name.to_owned(),
        bytes: bytes.to_vec(),
    };
    let bucket = Bucket::s3_for_files(&s3.config(BUCKET)).unwrap();
    let files = ObjectFiles::new(bucket.below("log"));
    assert_eq!(files.read("checkpoint", 9).await.unwrap(), None);
    let tiles = (0..40).map(|width| file(&format!("tile/0/000.p/{width}"), b"hashes"));
    files.write(tiles.collect()).await.unwrap();
    files
        .write(vec![file("tile/0/000", b"full")])
        .await
        .unwrap();
    let read = files.read("tile/0/000.p/39", 6).await.unwrap();
    assert_eq!(read.unwrap(), b"hashes");
    assert!(files.read("tile/0/000.p/39", 5).await.is_err());

    // The checkpoint is replaced by whoever knows the one before.
    assert!(files.replace(None, file("checkpoint", b"1")).await.unwrap());
    assert!(!files.replace(None, file("checkpoint", b"2")).await.unwrap());
    let replaced = files.replace(Some(b"1"), file("checkpoint", b"2")).await;
    assert!(replaced.unwrap());
    let replaced = files.replace(Some(b"1"), file("checkpoint", b"3")).await;
    assert!(!replaced.unwrap());
    assert_eq!(files.read("checkpoint", 9).await.unwrap().unwrap(), b"2");

    files.remove_folder("tile/0/000.p").await.unwrap();
    assert_eq!(files.read("tile/0/000.p/39", 9).await.unwrap(), None);
    assert_eq!(files.read("tile/0/000", 9).await.unwrap().unwrap(), b"full");
    s3.proxy.cut();
    assert!(files.read("checkpoint", 9).await.is_err());
}
