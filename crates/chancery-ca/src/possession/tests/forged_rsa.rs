//! Proofs by nobody: RSA signatures that need no private key.

use num_bigint::BigUint;

use super::*;

/// The prime of RFC 2409, section 6.2, of 1024 bits.
fn short_prime() -> BigUint {
    let digits = concat!(
        "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22",
        "514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6",
        "f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381",
        "ffffffffffffffff",
    );
    BigUint::parse_bytes(digits.as_bytes(), 16).unwrap()
}

/// The prime of RFC 3526, section 3, of 2048 bits.
fn long_prime() -> BigUint {
    let digits = concat!(
        "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22",
        "514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6",
        "f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3d",
        "c2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb",
        "9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e8603",
        "9b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510",
        "15728e5a8aacaa68ffffffffffffffff",
    );
    BigUint::parse_bytes(digits.as_bytes(), 16).unwrap()
}

/// Signs with RSA PKCS#1 v1.5 and SHA-256 for a modulus of 2048 bits whose factors are known.
fn forge(modulus: &BigUint, totient: &BigUint) -> PossessionRequest {
    // DigestInfo (RFC 8017, section 9.2, note 1).
    let info = hex::decode("3031300d060960864801650304020105000420").unwrap();
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, NAME.as_bytes());
    let padding = vec![0xff; 256 - 3 - info.len() - 32];
    let encoded = [&[0, 1][..], &padding, &[0], &info, hash.as_ref()].concat();
    let exponent = BigUint::from(65_537u32).modinv(totient).unwrap();
    let signature = BigUint::from_bytes_be(&encoded).modpow(&exponent, modulus);
    let mut proof = vec![0; 256];
    let bytes = signature.to_bytes_be();
    proof[256 - bytes.len()..].copy_from_slice(&bytes);

    let modulus = [&[0][..], &modulus.to_bytes_be()].concat();
    let numbers = [tlv(2, &modulus), tlv(2, &[1, 0, 1])].concat();
    let content = armor("RSA PUBLIC KEY", &tlv(0x30, &numbers)).into_bytes();
    PossessionRequest::PublicKey { content, proof }
}

/// Fulcio certifies both: anybody can sign with them, as is done here.
#[tokio::test]
async fn keys_whose_modulus_is_a_prime_or_a_square_are_refused() {
    let policy = KeyPolicy::default();
    let prime = long_prime();
    let request = forge(&prime, &(&prime - 1u32));
    request.prove(&[NAME], &policy).unwrap();
    let error = request.verify_over(&[NAME], &policy).await.unwrap_err();
    assert!(error.to_string().contains("is a prime"), "{error}");
    refused(Err(error), "key-insecure");

    let prime = short_prime();
    let square = &prime * &prime;
    let request = forge(&square, &((&prime - 1u32) * &prime));
    refused(request.prove(&[NAME], &policy), "key-insecure");
}

#[tokio::test]
async fn an_honest_rsa_key_passes_every_check() {
    let content = armor("PUBLIC KEY", &rsa_spki()).into_bytes();
    let proof = sign_rsa(&aws::RSA_PKCS1_SHA256, NAME.as_bytes());
    let request = PossessionRequest::PublicKey { content, proof };
    let policy = KeyPolicy::default();
    let proven = request.verify_over(&[NAME], &policy).await.unwrap();
    assert_eq!(proven.spki_der(), rsa_spki());
}
