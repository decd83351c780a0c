//! What holds for every request.

use chancery_keys::{KeyType, LocalKey, Signer as _};
use chancery_ledger::{
    EntryRequest, HashedRekordRequest, KeyDetails, VerifiedEntry, Verifier, VerifierMaterial,
};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::vectors::REQUEST;

/// Signs a message as a client would.
pub(crate) fn signed(key: &LocalKey, message: &[u8]) -> EntryRequest {
    let details = KeyDetails::of_key(key.public_key()).unwrap();
    let digest = match details {
        KeyDetails::P384 => Sha384::digest(message).to_vec(),
        KeyDetails::P521 => Sha512::digest(message).to_vec(),
        _ => Sha256::digest(message).to_vec(),
    };
    EntryRequest::HashedRekord(HashedRekordRequest {
        digest,
        signature: key.sign_now(message).unwrap(),
        verifier: Verifier {
            material: VerifierMaterial::PublicKey(key.public_key().spki_der().to_vec()),
            key_details: details,
        },
    })
}

#[test]
fn every_kind_of_key_is_taken_as_what_it_is() {
    for kind in [
        KeyType::P256,
        KeyType::P384,
        KeyType::P521,
        KeyType::Rsa2048,
    ] {
        let key = LocalKey::generate(kind).unwrap();
        let entry = signed(&key, b"hello").verify().unwrap();
        let again = VerifiedEntry::from_body(entry.body()).unwrap();
        assert_eq!(again.key(), key.public_key());
        for said in KeyDetails::ALL {
            let mut request = signed(&key, b"hello");
            if let EntryRequest::HashedRekord(request) = &mut request {
                request.verifier.key_details = said;
            }
            let own = KeyDetails::of_key(key.public_key()) == Some(said);
            assert_eq!(request.verify().is_ok(), own, "{kind} {said}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in any::<Vec<u8>>()) {
        let _ = EntryRequest::parse(&bytes).map(EntryRequest::verify);
        let _ = VerifiedEntry::from_body(&bytes);
    }

    #[test]
    fn a_request_with_one_byte_changed_is_refused_or_says_the_same_of_the_artifact(
        place in 0..REQUEST.len(), byte in any::<u8>(),
    ) {
        let mut request = REQUEST.to_vec();
        request[place] = byte;
        if let Ok(entry) = EntryRequest::parse(&request).and_then(EntryRequest::verify) {
            let genuine = crate::vectors::verified(REQUEST);
            prop_assert_eq!(entry.artifact(), genuine.artifact());
            prop_assert_eq!(entry.key(), genuine.key());
            prop_assert!(VerifiedEntry::from_body(entry.body()).is_ok());
        }
    }

    #[test]
    fn what_is_verified_reads_back_from_its_body(message in any::<Vec<u8>>()) {
        let key = LocalKey::generate(KeyType::P256).unwrap();
        let entry = signed(&key, &message).verify().unwrap();
        let again = VerifiedEntry::from_body(entry.body()).unwrap();
        prop_assert_eq!(again.artifact(), entry.artifact());
        prop_assert_eq!(again.leaf_hash(), entry.leaf_hash());
    }
}
