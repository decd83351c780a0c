//! Tests of what is no chain of a timestamp authority.

use std::time::{Duration, UNIX_EPOCH};

use chancery_keys::{KeyType, LocalKey};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose,
};

use super::*;
use crate::ceremony::TsaCeremony;

const LEAF: &[u8] = include_bytes!("../../tests/vectors/leaf.der");
const ROOT: &[u8] = include_bytes!("../../tests/vectors/root.der");

/// Makes a root and a leaf, changed by `root` and `leaf`.
fn chain(
    root: impl FnOnce(&mut CertificateParams),
    leaf: impl FnOnce(&mut CertificateParams),
) -> Result<TsaChain, TsaChainError> {
    let (root_key, leaf_key) = (key(), key());
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    root(&mut params);
    let root = params.self_signed(&root_key).unwrap();
    let issuer = Issuer::new(params, &root_key);

    let mut params = CertificateParams::default();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.custom_extensions = vec![time_stamping(true, "300a06082b06010505070308")];
    leaf(&mut params);
    let leaf = params.signed_by(&leaf_key, &issuer).unwrap();
    TsaChain::from_ders(vec![leaf.der().to_vec(), root.der().to_vec()])
}

fn time_stamping(critical: bool, value: &str) -> CustomExtension {
    let value = hex::decode(value).unwrap();
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 37], value);
    extension.set_criticality(critical);
    extension
}

fn key() -> LocalKey {
    LocalKey::generate(KeyType::P256).unwrap()
}

#[test]
fn the_unchanged_chain_is_one() {
    chain(|_| (), |_| ()).unwrap();
    TsaChain::from_ders(vec![LEAF.to_vec(), ROOT.to_vec()]).unwrap();
}

#[test]
fn a_chain_reads_back_from_its_sequence_and_nothing_else_does() {
    let chain = TsaChain::from_ders(vec![LEAF.to_vec(), ROOT.to_vec()]).unwrap();
    let sequence = chain.to_der().unwrap();
    let again = TsaChain::from_der(&sequence).unwrap();
    assert_eq!(again.ders(), chain.ders());
    for wrong in [
        LEAF,
        &sequence[..100],
        &[&sequence[..], &[0]].concat(),
        &[0x30, 0],
    ] {
        TsaChain::from_der(wrong).unwrap_err();
    }
}

#[test]
fn the_certificate_that_signs_must_be_for_timestamps_alone() {
    for extension in [
        vec![time_stamping(false, "300a06082b06010505070308")],
        vec![time_stamping(true, "300a06082b06010505070303")],
        vec![time_stamping(
            true,
            "301406082b0601050507030806082b06010505070303",
        )],
        vec![],
    ] {
        let refused = chain(|_| (), |leaf| leaf.custom_extensions = extension);
        assert!(
            matches!(refused, Err(TsaChainError::Leaf(_))),
            "{refused:?}"
        );
    }
    let refused = chain(
        |_| (),
        |leaf| leaf.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)),
    );
    assert!(matches!(refused, Err(TsaChainError::Leaf(_))));
    let refused = chain(
        |_| (),
        |leaf| leaf.key_usages = vec![KeyUsagePurpose::KeyAgreement],
    );
    assert!(matches!(refused, Err(TsaChainError::Leaf(_))));
}

#[test]
fn what_stands_above_must_be_a_ca_that_may() {
    let other_usage = |root: &mut CertificateParams| {
        root.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    };
    for refused in [
        chain(|root| root.is_ca = IsCa::ExplicitNoCa, |_| ()),
        chain(
            |root| root.key_usages = vec![KeyUsagePurpose::CrlSign],
            |_| (),
        ),
        chain(other_usage, |_| ()),
    ] {
        assert!(
            matches!(refused, Err(TsaChainError::Issuer { position: 2, .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn a_critical_extension_that_nobody_knows_is_refused() {
    let mut unknown = CustomExtension::from_oid_content(&[1, 2, 3], vec![5, 0]);
    unknown.set_criticality(true);
    let refused = chain(|_| (), |leaf| leaf.custom_extensions.push(unknown));
    let position = 1;
    assert!(
        matches!(refused, Err(TsaChainError::CriticalExtension { position: p, .. }) if p == position)
    );
}

#[test]
fn a_chain_out_of_order_too_short_too_long_or_of_strangers_is_refused() {
    let ders = |ders: &[&[u8]]| TsaChain::from_ders(ders.iter().map(|der| der.to_vec()).collect());
    for few_or_many in [&[LEAF][..], &[][..], &[ROOT; 9][..]] {
        let refused = ders(few_or_many);
        assert!(matches!(refused, Err(TsaChainError::Length { .. })));
    }
    let refused = ders(&[ROOT, LEAF]);
    assert!(matches!(
        refused,
        Err(TsaChainError::Broken { position: 1 })
    ));

    // Another authority's root of the same name.
    let ceremony = TsaCeremony {
        organization: "Example",
        common_name: "Example",
        now: UNIX_EPOCH + Duration::from_secs(1_793_534_400),
    };
    let one = ceremony.perform(&key(), None, &key()).unwrap();
    let other = ceremony.perform(&key(), None, &key()).unwrap();
    let refused = ders(&[&one.ders()[0], &other.ders()[1]]);
    assert!(matches!(
        refused,
        Err(TsaChainError::Broken { position: 1 })
    ));
}

#[test]
fn a_changed_certificate_is_refused() {
    let mut root = ROOT.to_vec();
    let last = root.len() - 1;
    root[last] ^= 1;
    assert!(TsaChain::from_ders(vec![LEAF.to_vec(), root]).is_err());
    let mut longer = LEAF.to_vec();
    longer.push(0);
    assert!(TsaChain::from_ders(vec![longer, ROOT.to_vec()]).is_err());
}

#[test]
fn what_is_no_pem_of_certificates_is_refused() {
    for text in [
        "-----BEGIN",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ] {
        let refused = TsaChain::parse_pem(text);
        assert!(refused.is_err(), "{text}");
    }
}
