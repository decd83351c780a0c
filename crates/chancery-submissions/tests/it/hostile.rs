//! Bytes that strangers may send.

use chancery_submissions::{SubmittedChain, SubmittedKind};
use proptest::prelude::*;
use rcgen::PKCS_ECDSA_P256_SHA256;

use crate::pki::{Ca, Leaf, roots};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn garbage_is_refused(chain in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..12)) {
        let taken = roots(&[]);
        if let Ok(chain) = SubmittedChain::new(chain) {
            prop_assert!(taken.verify(SubmittedKind::Certificate, chain).is_err());
        }
    }
}

#[test]
fn no_byte_of_a_chain_can_be_changed() {
    let root = Ca::root("root", &PKCS_ECDSA_P256_SHA256);
    let middle = root.below("middle");
    let leaf = middle.issue(Leaf::Precertificate);
    let taken = roots(&[&root]);
    let whole = vec![leaf, middle.der, root.der];
    let verify = |chain: Vec<Vec<u8>>| {
        let chain = SubmittedChain::new(chain).unwrap();
        taken.verify(SubmittedKind::Precertificate, chain)
    };
    verify(whole.clone()).unwrap();
    for place in 0..whole.len() {
        for byte in 0..whole[place].len() {
            let mut changed = whole.clone();
            changed[place][byte] ^= 1;
            assert!(verify(changed).is_err(), "certificate {place}, byte {byte}");
        }
    }
}
