//! What every signer and every public key must do, written once and run for each kind of key.

use std::sync::LazyLock;

use crate::{BadSignature, KeyType, LocalKey, Passphrase, PublicKey, Signer, file};

const MESSAGE: &[u8] = b"entered on the roll before the seal dries";

/// Runs the whole suite for one kind of key.
macro_rules! conformance_suite {
    ($($name:ident: $key_type:expr;)*) => {$(
        mod $name {
            use super::*;

            static KEY: LazyLock<LocalKey> = LazyLock::new(|| key($key_type));

            #[tokio::test]
            async fn a_signature_verifies_over_its_message_only() {
                signatures_verify_over_their_message_only(&*KEY).await;
            }

            #[test]
            fn another_keys_signature_is_refused() {
                signatures_of_other_keys_are_refused(&KEY, &key($key_type));
            }

            #[test]
            fn the_public_key_survives_its_encoding() {
                public_keys_survive_their_encoding(&*KEY, $key_type);
            }

            #[test]
            fn a_created_file_loads_the_same_key() {
                created_files_load_the_same_key(&KEY);
            }
        }
    )*};
}

conformance_suite! {
    ed25519: KeyType::Ed25519;
    p256: KeyType::P256;
    p384: KeyType::P384;
    p521: KeyType::P521;
    rsa2048: KeyType::Rsa2048;
    rsa3072: KeyType::Rsa3072;
    rsa4096: KeyType::Rsa4096;
}

fn key(key_type: KeyType) -> LocalKey {
    LocalKey::generate(key_type).unwrap()
}

async fn signatures_verify_over_their_message_only(signer: &dyn Signer) {
    let public_key = signer.public_key();
    for message in [MESSAGE, b""] {
        let signature = signer.sign(message).await.unwrap();
        public_key.verify(message, &signature).unwrap();

        let refuse = |message: &[u8], signature: &[u8]| {
            assert_eq!(public_key.verify(message, signature), Err(BadSignature));
        };
        refuse(b"another message", &signature);
        for index in 0..signature.len() {
            let mut tampered = signature.clone();
            tampered[index] ^= 1;
            refuse(message, &tampered);
        }
        refuse(message, &[]);
        refuse(message, &signature[..signature.len() - 1]);
        refuse(message, &[&signature[..], &[0]].concat());
    }
}

fn signatures_of_other_keys_are_refused(key: &LocalKey, other: &LocalKey) {
    assert_ne!(key.public_key(), other.public_key());
    let signature = other.sign_now(MESSAGE).unwrap();
    let refusal = key.public_key().verify(MESSAGE, &signature);
    assert_eq!(refusal, Err(BadSignature));
}

fn public_keys_survive_their_encoding(signer: &dyn Signer, key_type: KeyType) {
    let public_key = signer.public_key();
    let parsed = PublicKey::from_spki_der(public_key.spki_der()).unwrap();
    assert_eq!(&parsed, public_key);
    assert_eq!(parsed.algorithm(), key_type.algorithm());
    assert_eq!(parsed.sha256(), public_key.sha256());
    assert!(parsed.spki_der().ends_with(parsed.subject_public_key()));

    let expected_bits = match key_type {
        KeyType::Rsa2048 => Some(2048),
        KeyType::Rsa3072 => Some(3072),
        KeyType::Rsa4096 => Some(4096),
        _ => None,
    };
    assert_eq!(parsed.rsa_modulus_bits(), expected_bits);
    assert_eq!(
        parsed.rsa_modulus().map(<[u8]>::len),
        expected_bits.map(|bits| bits / 8)
    );
    assert_eq!(parsed.rsa_exponent(), expected_bits.map(|_| 65537));
}

fn created_files_load_the_same_key(key: &LocalKey) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key.pem");
    let passphrase = Passphrase::generate().unwrap();
    file::create(&path, key, &passphrase).unwrap();
    let loaded = file::load(&path, &passphrase).unwrap();
    assert_eq!(loaded.public_key(), key.public_key());
    let signature = loaded.sign_now(MESSAGE).unwrap();
    key.public_key().verify(MESSAGE, &signature).unwrap();
}

/// What nobody can forget to redact, because nothing prints it.
#[test]
fn debug_shows_the_public_key_only() {
    let key = key(KeyType::P256);
    let shown = format!("{key:?}");
    let name = hex::encode(key.public_key().sha256());
    assert_eq!(
        shown,
        format!("LocalKey(PublicKey(ECDSA P-256 with SHA-256, sha256:{name}))")
    );
}
