//! A deterministic repository that cosign, sigstore-python and sigstore-js took.

use std::num::NonZeroU32;
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use chancery_keys::{PublicKey, SignError, Signer};
use chancery_trust::documents::{SIGNING_CONFIG, TRUSTED_ROOT};
use chancery_trust::tuf::{
    Expires, Files, KeyId, Metadata, MetadataVersion, Repository, Role, RoleKeys, Root, Signed,
    Snapshot, Targets, Timestamp,
};
use ed25519_dalek_2::Signer as _;
use ed25519_dalek_2::SigningKey;
use sha2::{Digest as _, Sha256};

const ROOT: &str = include_str!("../vectors/tuf/1.root.json");
const TARGETS: &str = include_str!("../vectors/tuf/1.targets.json");
const SNAPSHOT: &str = include_str!("../vectors/tuf/1.snapshot.json");
const TIMESTAMP: &str = include_str!("../vectors/tuf/timestamp.json");
const DOCUMENTS: [(&str, &[u8]); 2] = [
    (TRUSTED_ROOT, include_bytes!("../vectors/trusted_root.json")),
    (
        SIGNING_CONFIG,
        include_bytes!("../vectors/signing_config.v0.2.json"),
    ),
];

const V1: MetadataVersion = NonZeroU32::MIN;

/// A key whose secret is the hash of a text.
#[derive(Debug)]
struct Seeded(SigningKey, PublicKey);

impl Seeded {
    fn of(label: &str) -> Self {
        let key = SigningKey::from_bytes(&Sha256::digest(label).into());
        let public = PublicKey::from_ed25519(key.verifying_key().as_bytes()).unwrap();
        Self(key, public)
    }
}

#[async_trait]
impl Signer for Seeded {
    fn public_key(&self) -> &PublicKey {
        &self.1
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(self.0.sign(message).to_vec())
    }
}

/// 2036-01-01T00:00:00Z
fn expires() -> Expires {
    Expires::at(UNIX_EPOCH + Duration::from_secs(2_082_758_400))
}

async fn signed<T: Metadata>(content: T, by: &Seeded) -> Signed<T> {
    let mut signed = Signed::unsigned(content).unwrap();
    signed.sign(by).await.unwrap();
    signed
}

fn text<T: Metadata>(signed: &Signed<T>) -> String {
    String::from_utf8(signed.to_bytes()).unwrap()
}

#[tokio::test]
async fn every_file_is_signed_and_written_as_in_the_vectors() {
    let offline = Seeded::of("chancery-vector tuf root");
    let online = Seeded::of("chancery-vector tuf online");
    assert_eq!(
        KeyId::of(&offline.1).unwrap().to_string(),
        "0a0fca3a2e79fb98ed46c28092ba932b7cbabff59290e5a76953f0cbcd3c1ee2"
    );
    let root = Root::new(V1, expires(), |role| match role {
        Role::Root => RoleKeys::one(offline.1.clone()),
        _ => RoleKeys::one(online.1.clone()),
    });
    let root = signed(root.unwrap(), &offline).await;
    assert_eq!(text(&root), ROOT);
    let snapshot = signed(Snapshot::new(V1, expires(), V1), &online).await;
    assert_eq!(text(&snapshot), SNAPSHOT);
    let timestamp = signed(Timestamp::new(V1, expires(), V1), &online).await;
    assert_eq!(text(&timestamp), TIMESTAMP);
    // Here the vectors list the documents in another order, which is not signed.
    let targets = signed(Targets::new(V1, expires(), DOCUMENTS), &online).await;
    assert_eq!(targets, Signed::parse(TARGETS.as_bytes()).unwrap());
}

#[test]
fn the_vectors_are_a_repository() {
    let files = Files {
        roots: vec![ROOT.as_bytes().to_vec()],
        targets: TARGETS.as_bytes().to_vec(),
        snapshot: SNAPSHOT.as_bytes().to_vec(),
        timestamp: TIMESTAMP.as_bytes().to_vec(),
        documents: DOCUMENTS
            .map(|(_, content)| (Sha256::digest(content).into(), content.to_vec()))
            .into(),
    };
    let trusted = Signed::parse(ROOT.as_bytes()).unwrap();
    let repository = Repository::verify(files, &trusted).unwrap();
    let names: Vec<String> = repository.named_files().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "1.root.json",
            "root.json",
            "timestamp.json",
            "1.snapshot.json",
            "1.targets.json",
            "targets/f30ebd3fa25b88fbdb6d7b083e1f8ce3aab294f56636ab6e1d34e821678411da\
             .signing_config.v0.2.json",
            "targets/ae84414ec1bd3bcf08b62c4664475818120496aa5539034b1c365c5ee9bf556e\
             .trusted_root.json",
        ]
    );
}
