//! Project Wycheproof's hostile signatures, through the ways in which this crate is entered: a key
//! comes as `SubjectPublicKeyInfo`, a signature as bytes from a stranger.

use chancery_keys::{HashAlgorithm, PublicKey, SignatureScheme};
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

use HashAlgorithm::{Sha256, Sha384, Sha512};

/// What we said to the vectors of one set.
#[derive(Default)]
struct Tally {
    right: usize,
    wrong: Vec<String>,
}

impl Tally {
    fn count(&mut self, vector: &str, expected: TestResult, accepted: bool) {
        match (expected, accepted) {
            (TestResult::Valid, true)
            | (TestResult::Invalid, false)
            | (TestResult::Acceptable, _) => self.right += 1,
            _ => self.wrong.push(vector.to_owned()),
        }
    }

    /// Asserts that there were at least so many vectors and that we agreed with all.
    fn agrees(self, at_least: usize) {
        assert_eq!(self.wrong, [""; 0]);
        assert!(self.right >= at_least, "only {} vectors", self.right);
    }
}

#[test]
fn ecdsa_signatures_in_der_are_judged_as_wycheproof_judges_them() {
    use ecdsa::TestName::{
        EcdsaSecp256r1Sha256, EcdsaSecp256r1Sha512, EcdsaSecp384r1Sha256, EcdsaSecp384r1Sha384,
        EcdsaSecp384r1Sha512, EcdsaSecp521r1Sha512,
    };
    let mut tally = Tally::default();
    for (name, hash, is_default) in [
        (EcdsaSecp256r1Sha256, Sha256, true),
        (EcdsaSecp256r1Sha512, Sha512, false),
        (EcdsaSecp384r1Sha256, Sha256, false),
        (EcdsaSecp384r1Sha384, Sha384, true),
        (EcdsaSecp384r1Sha512, Sha512, false),
        (EcdsaSecp521r1Sha512, Sha512, true),
    ] {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let key = PublicKey::from_spki_der(&group.der).unwrap();
            for test in group.tests {
                let vector = format!("{name:?} {}: {}", test.tc_id, test.comment);
                let scheme = SignatureScheme::Ecdsa(hash);
                let accepted = key.verify_scheme(scheme, &test.msg, &test.sig).is_ok();
                tally.count(&vector, test.result, accepted);
                let by_default = key.verify(&test.msg, &test.sig).is_ok();
                assert_eq!(by_default, accepted && is_default, "{vector}");
                let either = key.verify_der_or_p1363(&test.msg, &test.sig).is_ok();
                assert_eq!(either, by_default, "{vector}");
            }
        }
    }
    tally.agrees(2_500);
}

#[test]
fn ecdsa_signatures_of_fixed_length_are_judged_as_wycheproof_judges_them() {
    use ecdsa::TestName::{
        EcdsaSecp256r1Sha256P1363, EcdsaSecp384r1Sha384P1363, EcdsaSecp521r1Sha512P1363,
    };
    let mut tally = Tally::default();
    for name in [
        EcdsaSecp256r1Sha256P1363,
        EcdsaSecp384r1Sha384P1363,
        EcdsaSecp521r1Sha512P1363,
    ] {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let key = PublicKey::from_spki_der(&group.der).unwrap();
            for test in group.tests {
                let vector = format!("{name:?} {}: {}", test.tc_id, test.comment);
                let accepted = key.verify_der_or_p1363(&test.msg, &test.sig).is_ok();
                tally.count(&vector, test.result, accepted);
                assert!(key.verify(&test.msg, &test.sig).is_err(), "{vector}");
            }
        }
    }
    tally.agrees(700);
}

#[test]
fn ed25519_signatures_are_judged_as_wycheproof_judges_them() {
    let mut tally = Tally::default();
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    for group in set.test_groups {
        let key = PublicKey::from_spki_der(&group.der).unwrap();
        for test in group.tests {
            let vector = format!("{}: {}", test.tc_id, test.comment);
            let accepted = key.verify(&test.msg, &test.sig).is_ok();
            tally.count(&vector, test.result, accepted);
            let scheme = SignatureScheme::Ed25519;
            let by_scheme = key.verify_scheme(scheme, &test.msg, &test.sig).is_ok();
            assert_eq!(by_scheme, accepted, "{vector}");
        }
    }
    tally.agrees(140);
}

#[test]
fn rsa_pkcs1_signatures_are_judged_as_wycheproof_judges_them() {
    use rsa_pkcs1_verify::TestName::{
        Rsa2048Sha256, Rsa2048Sha384, Rsa2048Sha512, Rsa3072Sha256, Rsa3072Sha384, Rsa3072Sha512,
        Rsa4096Sha256, Rsa4096Sha384, Rsa4096Sha512,
    };
    let mut tally = Tally::default();
    for (name, hash) in [
        (Rsa2048Sha256, Sha256),
        (Rsa2048Sha384, Sha384),
        (Rsa2048Sha512, Sha512),
        (Rsa3072Sha256, Sha256),
        (Rsa3072Sha384, Sha384),
        (Rsa3072Sha512, Sha512),
        (Rsa4096Sha256, Sha256),
        (Rsa4096Sha384, Sha384),
        (Rsa4096Sha512, Sha512),
    ] {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let key = PublicKey::from_spki_der(&group.der).unwrap();
            for test in group.tests {
                let vector = format!("{name:?} {}: {}", test.tc_id, test.comment);
                let scheme = SignatureScheme::RsaPkcs1(hash);
                let accepted = key.verify_scheme(scheme, &test.msg, &test.sig).is_ok();
                tally.count(&vector, test.result, accepted);
                if hash == Sha256 {
                    let by_default = key.verify(&test.msg, &test.sig).is_ok();
                    assert_eq!(by_default, accepted, "{vector}");
                }
            }
        }
    }
    tally.agrees(2_000);
}

#[test]
fn rsa_pss_signatures_are_judged_as_wycheproof_judges_them() {
    use rsa_pss_verify::TestName;
    let mut tally = Tally::default();
    for (name, hash) in [
        (TestName::RsaPss2048Sha256Mgf1SaltLen32, Sha256),
        (TestName::RsaPss2048Sha384Mgf1SaltLen48, Sha384),
        (TestName::RsaPss4096Sha512Mgf1SaltLen64, Sha512),
    ] {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let key = PublicKey::from_spki_der(&group.der).unwrap();
            for test in group.tests {
                let vector = format!("{name:?} {}: {}", test.tc_id, test.comment);
                let scheme = SignatureScheme::RsaPss(hash);
                let accepted = key.verify_scheme(scheme, &test.msg, &test.sig).is_ok();
                tally.count(&vector, test.result, accepted);
            }
        }
    }
    tally.agrees(200);
}
