//! No change to a final certificate goes unnoticed, but for those that RFC 6962 allows.

use std::ops::Range;

use chancery_certs::{CorrespondError, SigningCertificate, correspond};
use der::Decode;
use proptest::prelude::*;
use x509_cert::Certificate;

use crate::ca::{SCT_LIST, precertificate_and_final};
use crate::vectors::{FINAL, PRECERTIFICATE};

/// Returns where the bytes of the SCT and of the signature stand in the vector: those are free.
fn free() -> [Range<usize>; 2] {
    const SCT_LENGTH: usize = 0x7e;
    const SCT_BEGIN: &[u8] = &[0x00, 0x7e, 0x00, 0x34, 0x85, 0xad];
    let mut windows = FINAL.windows(SCT_BEGIN.len());
    let sct = windows.position(|window| window == SCT_BEGIN).unwrap() + 2;
    let signature = Certificate::from_der(FINAL).unwrap();
    let signature = FINAL.len() - signature.signature().raw_bytes().len();
    [sct..sct + SCT_LENGTH, signature..FINAL.len()]
}

fn is_free(index: usize) -> bool {
    free().iter().any(|range| range.contains(&index))
}

#[test]
fn every_flipped_bit_outside_sct_and_signature_is_caught() {
    let free = free();
    for index in (0..FINAL.len()).filter(|index| !free.iter().any(|range| range.contains(index))) {
        for bit in 0..8 {
            let mut mutated = FINAL.to_vec();
            mutated[index] ^= 1 << bit;
            let found = correspond(PRECERTIFICATE, &mutated);
            assert!(found.is_err(), "bit {bit} of byte {index}");
        }
    }
}

proptest! {
    #[test]
    fn every_changed_byte_outside_sct_and_signature_is_caught(
        index in 0..FINAL.len(),
        byte in any::<u8>(),
    ) {
        prop_assume!(byte != FINAL[index]);
        prop_assume!(!is_free(index));
        let mut mutated = FINAL.to_vec();
        mutated[index] = byte;
        prop_assert!(correspond(PRECERTIFICATE, &mutated).is_err());
    }

    #[test]
    fn a_byte_too_many_or_too_few_is_caught(index in 0..FINAL.len(), byte in any::<u8>()) {
        let mut longer = FINAL.to_vec();
        longer.insert(index, byte);
        prop_assert!(correspond(PRECERTIFICATE, &longer).is_err());
        let mut shorter = FINAL.to_vec();
        shorter.remove(index);
        prop_assert!(correspond(PRECERTIFICATE, &shorter).is_err());
    }

    #[test]
    fn foreign_bytes_never_correspond(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(correspond(&bytes, FINAL).is_err());
        prop_assert!(correspond(PRECERTIFICATE, &bytes).is_err());
    }
}

/// Makes the certificates of one issuance, and the final one with some bytes replaced by others of
/// the same length.
fn with_replaced(from: &[u8], to: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (precertificate, certificate) = precertificate_and_final();
    let mut der = certificate.der().to_vec();
    let at = der
        .windows(from.len())
        .position(|window| window == from)
        .unwrap();
    der[at..at + from.len()].copy_from_slice(to);
    (precertificate, der)
}

#[test]
fn the_difference_is_named() {
    let error = |from: &[u8], to: &[u8]| {
        let (precertificate, der) = with_replaced(from, to);
        correspond(&precertificate, &der).unwrap_err()
    };
    let serial = error(&[0x25, 0xa5, 0xa5], &[0x25, 0xa5, 0xa6]);
    assert_eq!(
        serial.to_string(),
        "the final certificate has another serial number than its precertificate"
    );
    assert_eq!(
        error(b"261101121000Z", b"261101131000Z"),
        CorrespondError::Field("validity")
    );
    assert_eq!(
        error(b"issuing", b"Issuing"),
        CorrespondError::Field("issuer")
    );
    assert_eq!(error(b"alice", b"malry"), CorrespondError::Extension(5));
    assert_eq!(error(SCT_LIST, &[0, 3, 0, 2, 0]), CorrespondError::SctList);
}

#[test]
fn only_the_signature_and_the_sct_may_change() {
    let (precertificate, der) = with_replaced(b"signature of the final", b"Signature of the Final");
    assert_eq!(correspond(&precertificate, &der), Ok(()));
    let (precertificate, der) = with_replaced(SCT_LIST, &[0, 3, 0, 1, 9]);
    assert_eq!(correspond(&precertificate, &der), Ok(()));
}

#[test]
fn a_certificate_of_another_issuance_is_refused() {
    let (precertificate, _) = precertificate_and_final();
    let (_, other) = precertificate_and_final();
    let found = correspond(&precertificate, SigningCertificate::der(&other));
    assert_eq!(found, Err(CorrespondError::Field("public key")));
}
