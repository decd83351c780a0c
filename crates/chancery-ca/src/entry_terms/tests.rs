//! Entries of every kind of name, as the authority logs them.

use std::sync::Arc;
use std::time::SystemTime;

use chancery_certs::{FulcioExtensions, Precertificate, Profile, ProfileConfig, Term};
use chancery_keys::{KeyType, LocalKey, Signer};
use chancery_tlog::ct::{LeafIndex, PrecertEntry, TileLeaf, X509Entry};

use super::*;
use crate::ceremony::Ceremony;
use crate::issuer::IssuingCa;

const ISSUER: &str = "https://login.example.com";

fn ca() -> IssuingCa {
    let key = |key_type| LocalKey::generate(key_type).unwrap();
    let (root, issuing) = (key(KeyType::P384), key(KeyType::P256));
    let ceremony = Ceremony {
        organization: "test",
        common_name: "test root",
        now: SystemTime::now(),
    };
    let chain = ceremony.perform(&root, &issuing).unwrap();
    IssuingCa::new(chain, Arc::new(issuing), SystemTime::now()).unwrap()
}

async fn precertificate(
    ca: &IssuingCa,
    san: &SubjectAlternativeName,
    issuer: &str,
) -> Precertificate {
    let extensions = FulcioExtensions {
        subject: Some("1".to_owned()),
        ..FulcioExtensions::of_issuer(issuer)
    };
    let key = LocalKey::generate(KeyType::P256).unwrap();
    let tbs = Profile::new(ProfileConfig::default()).unwrap().certify(
        ca.certificate(),
        san,
        &extensions,
        key.public_key().spki_der(),
        SerialNumber::from_random(rand::random()),
        Term {
            begin: SystemTime::now(),
            lifetime: None,
        },
    );
    ca.sign_precertificate(tbs.unwrap()).await.unwrap()
}

/// Passes an entry through a data tile.
fn stored(entry: &PrecertEntry) -> Entry {
    let bytes = entry.tile_leaf(LeafIndex::new(7).unwrap(), 1);
    TileLeaf::parse(&bytes).unwrap().0.entry().clone()
}

#[tokio::test]
async fn the_terms_of_every_kind_of_name_are_those_that_issuing_writes() {
    let ca = ca();
    let own = EntryIndex::of_chain(ca.chain().ders()).unwrap();
    let long = "a".repeat(4000);
    let names = [
        SubjectAlternativeName::email("Ada@Example.com"),
        SubjectAlternativeName::email(&format!("{long}@example.com")),
        SubjectAlternativeName::uri("https://example.com/a%20b?c#d"),
        SubjectAlternativeName::uri(&format!("spiffe://example.com/{long}")),
        SubjectAlternativeName::username("bücher!example.com"),
        SubjectAlternativeName::username(&format!("{long}!example.com")),
    ];
    let long_issuer = format!("{ISSUER}/{long}");
    for san in names.map(Result::unwrap) {
        for issuer in [ISSUER, &long_issuer] {
            let precertificate = precertificate(&ca, &san, issuer).await;
            let entry = stored(&ca.entry(&precertificate).unwrap());
            let written = index_terms(precertificate.serial(), &san, issuer);
            assert_eq!(own.terms(&entry).unwrap(), written);
            assert!(own.is_own(&entry));
        }
    }
}

#[tokio::test]
async fn an_entry_whose_precertificate_is_not_the_hashed_one_is_refused() {
    let ca = ca();
    let san = SubjectAlternativeName::email("ada@example.com").unwrap();
    let (one, other) = (
        precertificate(&ca, &san, ISSUER).await,
        precertificate(&ca, &san, ISSUER).await,
    );
    let entry = |precertificate: &[u8]| {
        let tbs = one.tbs_for_log().to_vec();
        let entry = PrecertEntry::new([0; 32], tbs, precertificate.to_vec(), vec![]);
        EntryIndex::default().terms(&Entry::Precert(entry.unwrap()))
    };
    entry(one.der()).unwrap();
    let refused = entry(other.der()).unwrap_err();
    assert!(matches!(refused, EntryTermsError::OtherPrecertificate));
    let refused = entry(b"no certificate").unwrap_err();
    assert!(matches!(refused, EntryTermsError::Precertificate(_)));
}

#[test]
fn a_certificate_that_names_its_issuer_in_the_oldest_extension_alone_is_found_by_it() {
    let old = include_bytes!("../../../chancery-certs/tests/vectors/precert.der");
    let mut der = old.to_vec();
    // .8 becomes .88, which nobody knows.
    let oid = [0x2b, 6, 1, 4, 1, 0x83, 0xbf, 0x30, 1, 8];
    let place = der.windows(oid.len()).position(|octets| octets == oid);
    der[place.unwrap() + oid.len() - 1] = 88;
    let entry = |der: &[u8]| Entry::X509(X509Entry::new(der.to_vec(), vec![]).unwrap());
    let index = EntryIndex::default();
    let terms = index.terms(&entry(&der)).unwrap();
    assert_eq!(terms[..3], index.terms(&entry(old)).unwrap()[..3]);
    assert_eq!(terms[2].name, "issuer");
    assert_eq!(terms[3], submission_term(&der));
}

#[test]
fn what_is_not_for_code_signing_is_found_by_serial_number_and_digest() {
    let root = include_bytes!("../../../chancery-certs/tests/vectors/intermediate.der");
    let entry = Entry::X509(X509Entry::new(root.to_vec(), vec![]).unwrap());
    let terms = EntryIndex::default().terms(&entry).unwrap();
    let names: Vec<_> = terms.iter().map(|term| term.name).collect();
    assert_eq!(names, ["serial", "submission"]);
    assert_eq!(terms[1], submission_term(root));
    let garbage = Entry::X509(X509Entry::new(vec![1], vec![]).unwrap());
    assert!(EntryIndex::default().terms(&garbage).is_err());
}
