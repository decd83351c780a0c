//! An independent implementation agrees: what aws-lc signs, the `p256` crate verifies, and the
//! other way round.

mod wycheproof;

use chancery_keys::{KeyType, LocalKey, PublicKey, Signer};
use p256::ecdsa::signature::{Signer as _, Verifier};
use p256::ecdsa::{DerSignature, SigningKey, VerifyingKey};
use p256::pkcs8::{DecodePublicKey, EncodePublicKey};

#[test]
fn p256_verifies_what_we_sign() -> Result<(), Box<dyn std::error::Error>> {
    let key = LocalKey::generate(KeyType::P256)?;
    let signature = key.sign_now(b"a precertificate")?;
    let theirs = VerifyingKey::from_public_key_der(key.public_key().spki_der())?;
    theirs.verify(b"a precertificate", &DerSignature::from_bytes(&signature)?)?;
    assert!(
        theirs
            .verify(b"another", &DerSignature::from_bytes(&signature)?)
            .is_err()
    );
    Ok(())
}

#[test]
fn we_verify_what_p256_signs() -> Result<(), Box<dyn std::error::Error>> {
    // SHA-256 of "chancery-vector ct log", the scalar of the vectors' log key.
    let scalar = hex::decode("f47388ab39fd44b9699227e8691fd3a08abc5059070ffacab690ad742a046eab")?;
    let theirs = SigningKey::from_slice(&scalar)?;
    let signature: DerSignature = theirs.sign(b"an SCT");
    let spki = theirs.verifying_key().to_public_key_der()?;
    let ours = PublicKey::from_spki_der(spki.as_bytes())?;
    ours.verify(b"an SCT", signature.as_bytes())?;
    assert!(ours.verify(b"another", signature.as_bytes()).is_err());
    Ok(())
}
