//! Chains that are taken, and chains that are not.

use chancery_submissions::{
    ChainRefused, MAX_CERTIFICATES, Roots, Submission, SubmittedChain, SubmittedKind, VerifiedChain,
};
use chancery_tlog::ct::Entry;
use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256};

use crate::pki::{Ca, Leaf, roots};

use SubmittedKind::{Certificate, Precertificate};

fn verify(
    roots: &Roots,
    kind: SubmittedKind,
    chain: &[&[u8]],
) -> Result<VerifiedChain, ChainRefused> {
    let ders = chain.iter().map(|der| der.to_vec()).collect();
    roots.verify(kind, SubmittedChain::new(ders)?)
}

#[test]
fn chains_of_every_kind_of_key_are_taken_with_their_root_or_without() {
    for algorithm in [
        &PKCS_ECDSA_P256_SHA256,
        &PKCS_ECDSA_P384_SHA384,
        &PKCS_ED25519,
        &PKCS_RSA_SHA256,
    ] {
        let root = Ca::root("root", algorithm);
        let middle = root.below("middle");
        let taken = roots(&[&root]);
        for (kind, leaf) in [
            (Certificate, Leaf::Certificate),
            (Precertificate, Leaf::Precertificate),
        ] {
            let (below, deep) = (root.issue(leaf), middle.issue(leaf));
            let chains: [&[&[u8]]; 4] = [
                &[&below],
                &[&below, &root.der],
                &[&deep, &middle.der],
                &[&deep, &middle.der, &root.der],
            ];
            for chain in chains {
                let verified = verify(&taken, kind, chain).unwrap();
                assert_eq!(verified.leaf(), chain[0]);
                assert_eq!(verified.issuers().last(), Some(&root.der));
                let names: Vec<_> = verified.issuers()[..chain.len() - 1].iter().collect();
                assert_eq!(names, chain[1..].to_vec());
            }
        }
    }
}

#[test]
fn the_entry_names_the_whole_chain_and_the_issuers_key() {
    let root = Ca::root("root", &PKCS_ECDSA_P256_SHA256);
    let middle = root.below("middle");
    let leaf = middle.issue(Leaf::Precertificate);
    let verified = verify(&roots(&[&root]), Precertificate, &[&leaf, &middle.der]).unwrap();
    let submission = Submission::new(verified.clone()).unwrap();
    let Entry::Precert(entry) = submission.entry() else {
        panic!("no precertificate entry");
    };
    assert_eq!(entry.precertificate(), leaf);
    assert_eq!(*entry.issuer_key_hash(), verified.issuer_key_hash());
    let tbs = chancery_certs::precert_tbs_of_final(&leaf).unwrap();
    assert_eq!(entry.tbs(), tbs);
    let fingerprints: Vec<_> = submission
        .issuers()
        .iter()
        .map(|i| *i.fingerprint())
        .collect();
    assert_eq!(entry.chain_fingerprints(), fingerprints);
    assert_eq!(submission.issuers()[1].der()[..], root.der);
}

#[test]
fn a_poison_decides_where_a_leaf_goes() {
    let root = Ca::root("root", &PKCS_ECDSA_P256_SHA256);
    let taken = roots(&[&root]);
    let ends = |kind, leaf| {
        let leaf = root.issue(leaf);
        verify(&taken, kind, &[&leaf]).and_then(Submission::new)
    };
    for leaf in [Leaf::Precertificate, Leaf::MildPoison, Leaf::FilledPoison] {
        let refused = ends(Certificate, leaf).unwrap_err();
        assert!(matches!(refused, ChainRefused::Precertificate), "{leaf:?}");
    }
    for leaf in [Leaf::Certificate, Leaf::MildPoison, Leaf::FilledPoison] {
        let refused = ends(Precertificate, leaf).unwrap_err();
        assert!(
            matches!(refused, ChainRefused::NotPrecertificate),
            "{leaf:?}"
        );
    }
    let refused = ends(Precertificate, Leaf::PoisonAndScts).unwrap_err();
    assert!(matches!(refused, ChainRefused::NotLoggable(_)), "{refused}");
}

#[test]
fn a_precertificate_by_a_precertificate_signing_certificate_is_refused() {
    let root = Ca::root("root", &PKCS_ECDSA_P256_SHA256);
    let signer = root.precertificate_signer();
    let leaf = signer.issue(Leaf::Precertificate);
    let refused = verify(&roots(&[&root]), Precertificate, &[&leaf, &signer.der]).unwrap_err();
    assert!(matches!(refused, ChainRefused::PrecertificateSigning));
}

#[test]
fn what_is_not_a_chain_is_refused_with_what_is_wrong() {
    let root = Ca::root("root", &PKCS_ECDSA_P256_SHA256);
    let other = Ca::root("root", &PKCS_ECDSA_P256_SHA256);
    let (middle, no_ca) = (root.below("middle"), root.no_ca_below("no ca"));
    let leaf = middle.issue(Leaf::Certificate);
    let of_no_ca = no_ca.issue(Leaf::Certificate);
    let taken = roots(&[&root]);
    let refused = |chain: &[&[u8]]| verify(&taken, Certificate, chain).unwrap_err();
    use ChainRefused as R;

    assert!(matches!(refused(&[]), R::Empty));
    assert!(matches!(refused(&[&[]]), R::Size { place: 1 }));
    let large = vec![0x30; 40_000];
    assert!(matches!(refused(&[&leaf, &large]), R::Size { place: 2 }));
    let garbage = refused(&[&leaf, b"garbage"]);
    assert!(
        matches!(garbage, R::Malformed { place: 2, .. }),
        "{garbage}"
    );
    let many = vec![&leaf[..]; MAX_CERTIFICATES + 1];
    assert!(matches!(refused(&many), R::TooLong { certificates: 11 }));
    assert!(matches!(refused(&[&leaf]), R::UnknownRoot));
    assert!(matches!(refused(&[&root.der]), R::RootAlone));
    // A cycle, and its parts in the wrong order.
    let cycle: &[&[u8]] = &[&leaf, &middle.der, &root.der, &middle.der];
    assert!(matches!(refused(cycle), R::Repeated { place: 4 }));
    let turned = refused(&[&leaf, &root.der, &middle.der]);
    assert!(matches!(turned, R::Order { place: 1 }), "{turned}");
    let upside_down = refused(&[&middle.der, &leaf]);
    assert!(
        matches!(upside_down, R::NotCa { place: 2 }),
        "{upside_down}"
    );
    let by_no_ca = refused(&[&of_no_ca, &no_ca.der]);
    assert!(matches!(by_no_ca, R::NotCa { place: 2 }), "{by_no_ca}");
    // The right name, and another key: as an intermediate and as the root.
    let twin = root.below("middle");
    let forged = refused(&[&leaf, &twin.der]);
    assert!(matches!(forged, R::Signature { place: 1 }), "{forged}");
    let strange = refused(&[&middle.der, &other.der]);
    assert!(matches!(strange, R::UnknownRoot), "{strange}");
    let elsewhere = verify(&roots(&[&other]), Certificate, &[&leaf, &middle.der]);
    assert!(matches!(elsewhere.unwrap_err(), R::UnknownRoot));
    // The last tried is not the only one with that name.
    let both = roots(&[&other, &root]);
    verify(&both, Certificate, &[&leaf, &middle.der]).unwrap();
}
