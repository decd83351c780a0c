//! An instance whose databases are backed up, lost, and brought back, and what it has issued.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_certs::precert_tbs_of_final;
use chancery_keys::{KeyType, LocalKey};
use chancery_tests::client::{Answer, Client, Identity, request_body};
use chancery_tests::issuer::{Issuer, TokenSpec};
use chancery_tests::postgres::TestPostgres;
use chancery_tlog::ct::{Entry, TileLeaf};
use tempfile::TempDir;

use crate::harness::{chancery, init_with};
use crate::production::{Production, WHO, identity, write_issuers};

/// A kind of database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// An instance in a folder, which names its database in a file.
pub(crate) struct Instance {
    issuer: Issuer,
    folder: Option<TempDir>,
    databases: Vec<TestPostgres>,
    /// The place and the to-be-signed part of every certificate that was ever received.
    pub(crate) issued: Vec<(u64, Vec<u8>)>,
}

impl Instance {
    /// Makes one, or nothing where there is no server of that kind.
    pub(crate) async fn on(kind: Kind) -> Option<Self> {
        Self::with(kind, &[]).await
    }

    /// Makes one by more arguments of `init`.
    pub(crate) async fn with(kind: Kind, arguments: &[&str]) -> Option<Self> {
        let issuer = Issuer::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut instance = Self {
            issuer,
            folder: Some(folder),
            databases: Vec::new(),
            issued: Vec::new(),
        };
        let url = instance.empty_database(kind).await?;
        instance.use_database(&url);
        let more = ["--database-file", "database-url", "--log-name", "main"];
        init_with(instance.path(), &[&more, arguments].concat());
        let entry = format!("{}/one", instance.issuer.url());
        write_issuers(&instance.path().join("identity.yaml"), &[entry]);
        Some(instance)
    }

    /// Makes one that has a ledger, or nothing where there is no server of that kind.
    pub(crate) async fn with_ledger(kind: Kind) -> Option<Self> {
        let instance = Self::on(kind).await?;
        let section = "ledger:\n  origin: ca.example.org\n  key: log/ledger.key.pem\n  \
                       guard: {file: guard-ledger}\n";
        let path = instance.file("chancery.yaml");
        let config = fs::read_to_string(&path).unwrap();
        fs::write(&path, config + section).unwrap();
        instance.succeed(&["ledger", "new"]);
        Some(instance)
    }

    /// Returns the URL of a new database.
    pub(crate) async fn empty_database(&mut self, kind: Kind) -> Option<String> {
        if kind == Kind::Sqlite {
            let name = format!("{:016x}.db", rand::random::<u64>());
            return Some(format!("sqlite:{}", self.path().join(name).display()));
        }
        let database = TestPostgres::create().await.unwrap()?;
        let url = database.url().to_owned();
        self.databases.push(database);
        Some(url)
    }

    /// Makes the configuration name another database.
    pub(crate) fn use_database(&self, url: &str) {
        let path = self.path().join("database-url");
        let _ = fs::remove_file(&path);
        let mut file = fs::OpenOptions::new();
        let file = file.create_new(true).write(true).mode(0o600).open(&path);
        file.unwrap().write_all(url.as_bytes()).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.as_ref().unwrap().path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Runs a command on it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        chancery(self.path(), arguments)
    }

    /// Runs a command on it that has to succeed, and returns what it says.
    #[track_caller]
    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Serves it.
    pub(crate) fn serve(&mut self) -> Production {
        Production::start(self.folder.take().unwrap())
    }

    /// Ends what serves it.
    pub(crate) fn stop(&mut self, production: Production) {
        self.folder = Some(production.stop());
    }

    pub(crate) async fn identity(&self) -> Identity {
        identity(&self.issuer, "/one").await
    }

    /// Makes its issuer's tokens count once, and returns an identity with one.
    pub(crate) async fn once_only_identity(&self) -> Identity {
        let path = self.file("identity.yaml");
        let entry = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{entry}    once-only: true\n")).unwrap();
        let spec = serde_json::json!({
            "path": "/one",
            "claims": { "sub": "ada", "email": WHO, "email_verified": true, "jti": "1" },
        });
        let spec: TokenSpec = serde_json::from_value(spec).unwrap();
        let key = LocalKey::generate(KeyType::P256).unwrap();
        Identity {
            token: self.issuer.mint(&spec).unwrap(),
            body: request_body(&key, WHO).await.unwrap(),
        }
    }

    /// Serves it, has certificates issued, and stops it.
    pub(crate) async fn issue(&mut self, count: usize) {
        let production = self.serve();
        let client = production.client();
        for _ in 0..count {
            let answer = client.signing_cert(&self.identity().await).await.unwrap();
            self.issued.push(received(&answer));
        }
        self.stop(production);
    }

    /// Serves it and asserts that every certificate ever received is in its log, in its place; then
    /// that it goes on.
    pub(crate) async fn assert_whole_and_goes_on(&mut self) {
        let production = self.serve();
        let client = production.client();
        let leaves = leaves(&client).await;
        for (place, tbs) in &self.issued {
            let place = usize::try_from(*place).unwrap();
            let Some(Entry::Precert(entry)) = leaves.get(place).map(TileLeaf::entry) else {
                panic!("the certificate at {place} is not in the log");
            };
            assert!(entry.tbs() == tbs, "another certificate is at {place}");
        }
        let answer = client.signing_cert(&self.identity().await).await.unwrap();
        let (place, tbs) = received(&answer);
        assert_eq!(usize::try_from(place).unwrap(), leaves.len());
        self.issued.push((place, tbs));
        self.stop(production);
    }

    /// Drops the databases.
    pub(crate) async fn end(self) {
        for database in self.databases {
            database.drop().await.unwrap();
        }
    }
}

/// Returns the place of a certificate, and what the log hashes of it.
pub(crate) fn received(answer: &Answer) -> (u64, Vec<u8>) {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let pem = answer.certificates().unwrap().remove(0);
    let base64: String = pem.lines().filter(|line| !line.starts_with("--")).collect();
    let der = STANDARD.decode(base64).unwrap();
    let tbs = precert_tbs_of_final(&der).unwrap();
    (answer.log_index.unwrap(), tbs)
}

/// Reads the log's entries, of which there are fewer than a thousand.
async fn leaves(client: &Client) -> Vec<TileLeaf> {
    let mut leaves = Vec::new();
    let checkpoint = client.get("/ct/main/checkpoint").await.unwrap().body;
    let size: usize = checkpoint.lines().nth(1).unwrap().parse().unwrap();
    for tile in 0..=size / 256 {
        let width = (size - tile * 256).min(256);
        let path = match width {
            0 => break,
            256 => format!("/ct/main/tile/data/{tile:03}"),
            width => format!("/ct/main/tile/data/{tile:03}.p/{width}"),
        };
        let bytes = client.bytes(&path).await.unwrap();
        leaves.extend(TileLeaf::parse_all(&bytes).unwrap());
    }
    assert_eq!(leaves.len(), size);
    leaves
}
