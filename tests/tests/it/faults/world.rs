//! What outlives a process: the database, the guard, the keys, and what clients hold.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use chancery_ca::Issued;
use chancery_ca::ceremony::Ceremony;
use chancery_certs::CertificateChain;
use chancery_keys::{KeyType, LocalKey, Passphrase, Signer, file};
use chancery_log::Guard;
use chancery_log::clock::unix_ms;
use chancery_log::guard::FileGuard;
use chancery_store::{ConnectOptions, DatabaseUrl, NewInstance, NewLog, Purpose, Readers, Store};
use chancery_tests::issuer::{Issuer, TokenSpec};
use chancery_tlog::ct::LogId;
use serde_json::json;

/// The number of the only log.
pub(crate) const LOG: i64 = 1;
/// Its origin.
pub(crate) const ORIGIN: &str = "ca.example.org/ct/main";
/// Whose certificates they are.
pub(crate) const EMAIL: &str = "alice@example.org";

/// An instance that processes come and go on.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) folder: PathBuf,
    pub(crate) database: DatabaseUrl,
    pub(crate) issuer: String,
    pub(crate) keys: CaKeys,
}

/// The keys and the chain of every world: making and reading them takes longer than most tests.
#[derive(Clone, Debug)]
pub(crate) struct CaKeys {
    pub(crate) issuing: Arc<LocalKey>,
    pub(crate) log: Arc<LocalKey>,
    pub(crate) witness: Arc<LocalKey>,
    pub(crate) chain: CertificateChain,
}

impl CaKeys {
    pub(crate) fn generate() -> Self {
        let key = |key_type| Arc::new(LocalKey::generate(key_type).unwrap());
        let (root, issuing) = (key(KeyType::P384), key(KeyType::P256));
        let ceremony = Ceremony {
            organization: "test",
            common_name: "test root",
            now: SystemTime::now(),
        };
        Self {
            chain: ceremony.perform(&root, &issuing).unwrap(),
            issuing,
            log: key(KeyType::P256),
            witness: key(KeyType::Ed25519),
        }
    }

    /// Leaves them in files for a process of its own.
    pub(crate) fn save(&self, folder: &Path) {
        let passphrase = passphrase();
        file::create(&folder.join("issuing.pem"), &self.issuing, &passphrase).unwrap();
        file::create(&folder.join("log.pem"), &self.log, &passphrase).unwrap();
        file::create(&folder.join("witness.pem"), &self.witness, &passphrase).unwrap();
        fs::write(folder.join("chain.pem"), self.chain.pems().join("\n")).unwrap();
    }

    pub(crate) fn load(folder: &Path) -> Self {
        let passphrase = passphrase();
        let key = |name| Arc::new(file::load(&folder.join(name), &passphrase).unwrap());
        let chain = fs::read_to_string(folder.join("chain.pem")).unwrap();
        Self {
            issuing: key("issuing.pem"),
            log: key("log.pem"),
            witness: key("witness.pem"),
            chain: CertificateChain::parse_pem(&chain).unwrap(),
        }
    }
}

fn passphrase() -> Passphrase {
    Passphrase::from_bytes(b"only for tests, and long enough for any rule").unwrap()
}

impl World {
    /// Founds an instance in an empty folder and an empty database.
    pub(crate) async fn found(
        folder: PathBuf,
        database: DatabaseUrl,
        issuer: &Issuer,
        keys: CaKeys,
    ) -> Self {
        fs::create_dir(folder.join("received")).unwrap();
        let guard = FileGuard::create(&folder.join("guard")).unwrap();
        let store = Store::connect(
            &database,
            ConnectOptions {
                create: true,
                ..ConnectOptions::default()
            },
        )
        .await;
        let store = store.unwrap();
        store.migrate().await.unwrap();
        let public_key = keys.log.public_key().spki_der().to_vec();
        let instance = NewInstance {
            purpose: Purpose::Development,
            guard_id: guard.id().to_owned(),
            url: "https://ca.example.org".to_owned(),
            chain: keys.chain.ders().to_vec(),
            log: NewLog {
                name: "main".to_owned(),
                origin: ORIGIN.to_owned(),
                log_id: *LogId::of_spki(&public_key).as_bytes(),
                witness_key: keys.witness.public_key().spki_der().to_vec(),
                public_key,
                readers: Readers::Open,
            },
            now_ms: unix_ms(SystemTime::now()),
        };
        store.create_instance(instance).await.unwrap();
        store.close().await;
        Self {
            folder,
            database,
            issuer: issuer.url().to_owned(),
            keys,
        }
    }

    pub(crate) fn identity_config(&self) -> String {
        let entry = json!({
            "issuer-url": self.issuer, "client-id": "sigstore", "type": "email", "once-only": true,
        });
        json!({ "oidc-issuers": { self.issuer.clone(): entry } }).to_string()
    }

    /// Does what a careful client does before it counts a certificate as its own.
    pub(crate) fn receive(&self, issued: &Issued) {
        let path = self.received().join(issued.leaf_index.to_string());
        let mut file = File::create_new(path).unwrap();
        file.write_all(issued.certificate.der()).unwrap();
        file.sync_all().unwrap();
    }

    /// Returns every certificate that a client holds, with its place.
    pub(crate) fn all_received(&self) -> Vec<(usize, Vec<u8>)> {
        let files = fs::read_dir(self.received()).unwrap();
        let read = |file: fs::DirEntry| {
            let index = file.file_name().to_str().unwrap().parse().unwrap();
            (index, fs::read(file.path()).unwrap())
        };
        files.map(|file| read(file.unwrap())).collect()
    }

    fn received(&self) -> PathBuf {
        self.folder.join("received")
    }
}

/// Makes a token that counts once.
pub(crate) fn token(issuer: &Issuer) -> String {
    let claims = json!({
        "sub": EMAIL, "email": EMAIL, "email_verified": true,
        "jti": format!("{:032x}", rand::random::<u128>()),
    });
    let spec = TokenSpec {
        claims: claims.as_object().unwrap().clone(),
        key: Some("es256".to_owned()),
        ..TokenSpec::default()
    };
    issuer.mint(&spec).unwrap()
}
