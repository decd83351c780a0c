//! Which encryptions of a key are accepted: OpenSSL's, ours, and none that is weak or ruinous.

use std::time::{Duration, Instant};

use pbes2::{EncryptionScheme, Kdf, Parameters, Pbkdf2Params, Salt, ScryptParams};

use super::*;
use crate::LocalKey;
use crate::Signer;

/// `openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -scrypt`, OpenSSL
/// 3.0.19, with the passphrase `hunter2`.
const BY_OPENSSL: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAg5Is7B0TcipgICQAAC
AQgCAQEwHQYJYIZIAWUDBAEqBBD7NI4eE6YttjT8vH1J7Sw+BIGQ9hWaPtTQZ2xH
2tC0nb8A7DL2t2x0g4hZ3HTcScULLnh3OiTvqXLrF1HA30QRgWB0b3bJBle/iohJ
G/61KHtvQN8LfRd0MAzLFNQ4QFOaES9EVm+FLnoQnf3cmKgiLKBw3ncVoyBQH54s
XztiJUsHEedstcog3YZo2q2qjhmcrx/XoRMey2bvchrP1tg22V1d
-----END ENCRYPTED PRIVATE KEY-----
";

/// The public half of that key, by `openssl pkey -pubout -outform DER`.
const ITS_PUBLIC_KEY: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200043e32c548f240\
139c05ac427dbfdd8059d95c774fea77e69b4cc4ce2d48860a56f4cd821d297032b03b729bdc518f031ab6e170f42b943\
54903473c3f28f5c137";

fn passphrase() -> Passphrase {
    Passphrase::from_bytes(b"hunter2").unwrap()
}

fn scrypt(cost_parameter: u64, block_size: u16, parallelization: u16) -> Kdf {
    Kdf::Scrypt(ScryptParams {
        salt: Salt::new([7; 16]).unwrap(),
        cost_parameter,
        block_size,
        parallelization,
        key_length: None,
    })
}

fn pbkdf2(iterations: u32) -> Kdf {
    Kdf::Pbkdf2(Pbkdf2Params::hmac_sha256(iterations, &[7; 16]).unwrap())
}

fn document(parameters: &Parameters) -> Vec<u8> {
    let info = EncryptedPrivateKeyInfoRef {
        encryption_algorithm: parameters.clone().into(),
        encrypted_data: OctetStringRef::new(&[0; 48]).unwrap(),
    };
    info.to_der().unwrap()
}

#[test]
fn a_key_encrypted_by_openssl_is_read() {
    let (_, der) = der::pem::decode_vec(BY_OPENSSL.as_bytes()).unwrap();
    let info = decrypt(&der, &passphrase()).unwrap();
    let key = LocalKey::from_pkcs8_der(&info).unwrap();
    assert_eq!(hex::encode(key.public_key().spki_der()), ITS_PUBLIC_KEY);
}

#[test]
fn what_is_encrypted_decrypts_with_its_passphrase_only() {
    let sealed = encrypt(b"a secret", &passphrase()).unwrap();
    let opened = decrypt(&sealed, &passphrase()).unwrap();
    assert_eq!(&opened[..], b"a secret");
    let other = Passphrase::from_bytes(b"hunter3").unwrap();
    if let Ok(opened) = decrypt(&sealed, &other) {
        assert_ne!(&opened[..], b"a secret");
    }
}

/// The parameters come from the file, so a ruinous one must be refused before it is obeyed.
#[test]
fn weak_and_ruinous_parameters_are_refused_at_once() {
    let begun = Instant::now();
    for (words, kdf) in [
        ("too weak", scrypt(0, 8, 1)),
        ("too weak", scrypt(1, 8, 1)),
        ("too weak", scrypt(1 << 13, 8, 1)),
        ("too weak", scrypt(1 << 14, 7, 1)),
        ("too weak", scrypt(1 << 14, 8, 0)),
        ("too weak", scrypt(1 << 14, 0, 1)),
        ("too much", scrypt(1 << 19, 8, 1)),
        ("too much", scrypt(1 << 63, 8, 1)),
        ("too much", scrypt(u64::MAX, u16::MAX, u16::MAX)),
        ("too much", scrypt(1 << 14, 8, u16::MAX)),
        ("too much", scrypt(1 << 14, u16::MAX, 1)),
        ("not supported", scrypt((1 << 14) + 1, 8, 1)),
        ("600000", pbkdf2(2048)),
        ("600000", pbkdf2(599_999)),
        ("600000", pbkdf2(10_000_001)),
    ] {
        let parameters = Parameters {
            kdf: kdf.clone(),
            encryption: EncryptionScheme::Aes256Cbc { iv: [7; 16] },
        };
        match decrypt(&document(&parameters), &passphrase()) {
            Err(DecryptError::Unsupported { reason }) => {
                assert!(reason.contains(words), "{kdf:?}: {reason}");
            }
            other => panic!("{kdf:?}: {other:?}"),
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn what_openssl_and_owasp_choose_is_accepted() {
    for kdf in [
        scrypt(1 << 14, 8, 1),
        scrypt(SCRYPT_COST, SCRYPT_BLOCK_SIZE, SCRYPT_PARALLELIZATION),
        scrypt(1 << 17, 8, 1),
        pbkdf2(600_000),
    ] {
        check_cost(&kdf).unwrap();
    }
}

#[test]
fn other_encryption_is_told_from_damage() {
    let encrypted = |algorithm: &str| {
        let algorithm = hex::decode(algorithm).unwrap();
        let any = AnyEncryption {
            _algorithm: AlgorithmIdentifierRef::from_der(&algorithm).unwrap(),
            _encrypted_data: OctetStringRef::new(&[0; 48]).unwrap(),
        };
        any.to_der().unwrap()
    };
    // What `openssl pkcs8 -topk8` writes with `-v1 PBE-SHA1-3DES` and with `-v2 des3`.
    for algorithm in [
        "301c060a2a864886f70d010c0103300e0408173587908030241202020800",
        "304e06092a864886f70d01050d3041302906092a864886f70d01050c301c0408b31db2fa962fbee002020800300c06082a864886f70d02090500301406082a864886f70d03070408d77e2ca50fa0bc70",
    ] {
        let result = decrypt(&encrypted(algorithm), &passphrase());
        let Err(DecryptError::Unsupported { reason }) = result else {
            panic!("{result:?}");
        };
        assert!(reason.contains("not PBES2"), "{reason}");
    }
    for broken in [&b""[..], b"\x30\x00", b"\x30\x80\x00\x00", b"no DER at all"] {
        let result = decrypt(broken, &passphrase());
        assert!(matches!(result, Err(DecryptError::Damaged)), "{result:?}");
    }
}
