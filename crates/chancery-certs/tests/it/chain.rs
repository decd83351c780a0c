//! Chains of CA certificates: complete, in order, and of certificates alone.

use chancery_certs::{CertificateChain, ChainError, IssuingCertificate};
use sha2::{Digest, Sha256};

use crate::ca::{ca_params, intermediate_and_root, root};
use crate::vectors::{FINAL, INTERMEDIATE, ROOT};

fn pem_of(ders: &[Vec<u8>]) -> String {
    let block = |der: &Vec<u8>| pem::encode(&pem::Pem::new("CERTIFICATE", der.clone()));
    ders.iter().map(block).collect()
}

#[test]
fn a_chain_is_read_from_pem_and_given_back() {
    let ders = vec![INTERMEDIATE.to_vec(), ROOT.to_vec()];
    let chain = CertificateChain::parse_pem(&pem_of(&ders)).unwrap();
    assert_eq!(chain.ders(), ders);
    assert_eq!(chain.issuing().der(), INTERMEDIATE);
    let fingerprint: [u8; 32] = Sha256::digest(ROOT).into();
    assert_eq!(chain.fingerprints()[1], fingerprint);
    assert_eq!(chain.fingerprints()[0], chain.issuing().fingerprint());
    let again = CertificateChain::parse_pem(&chain.pems().join("\n")).unwrap();
    assert_eq!(again.ders(), ders);
    assert!(chain.pems().iter().all(|pem| pem.ends_with("-----")));
}

#[test]
fn pem_with_crlf_or_text_around_it_is_read() {
    let text = pem_of(&intermediate_and_root()).replace('\n', "\r\n");
    let text = format!("# our CA\r\n{text}");
    assert_eq!(CertificateChain::parse_pem(&text).unwrap().ders().len(), 2);
}

#[test]
fn a_root_alone_is_a_chain() {
    let chain = CertificateChain::from_ders(vec![root(&ca_params("root"))]).unwrap();
    assert_eq!(chain.ders().len(), 1);
}

#[test]
fn an_empty_text_is_no_chain() {
    for text in ["", "no PEM here"] {
        let error = CertificateChain::parse_pem(text).unwrap_err();
        assert!(matches!(error, ChainError::Empty), "{error}");
    }
}

#[test]
fn a_private_key_in_the_chain_is_refused_without_showing_it() {
    let key = pem::encode(&pem::Pem::new("PRIVATE KEY", b"secret".to_vec()));
    let text = format!("{}{key}", pem_of(&[ROOT.to_vec()]));
    let error = CertificateChain::parse_pem(&text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "block 2 of the certificate chain is not a certificate but \"PRIVATE KEY\""
    );
}

#[test]
fn the_wrong_order_is_refused_with_the_names() {
    let mut ders = intermediate_and_root();
    ders.reverse();
    // An intermediate that may have no CA below it stands above another CA.
    let error = CertificateChain::from_ders(ders).unwrap_err();
    assert_eq!(
        error.to_string(),
        "certificate 2 of the chain (CN=intermediate) may not stand above the others"
    );
    let other = root(&ca_params("other"));
    let error = CertificateChain::from_ders(vec![INTERMEDIATE.to_vec(), other]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "certificate 1 of the chain is issued by CN=chancery-root,O=chancery.test, but the next \
         is CN=other; give the issuing CA first and the root last"
    );
}

#[test]
fn a_root_of_the_same_name_with_another_key_is_refused() {
    let mut ders = intermediate_and_root();
    ders[1] = root(&ca_params("root"));
    let error = CertificateChain::from_ders(ders).unwrap_err();
    assert!(
        matches!(error, ChainError::Broken { position: 1, .. }),
        "{error}"
    );
}

#[test]
fn a_chain_without_its_root_is_refused() {
    let error = CertificateChain::from_ders(vec![INTERMEDIATE.to_vec()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the chain ends with a certificate issued by CN=chancery-root,O=chancery.test; \
         append that root's certificate"
    );
}

#[test]
fn a_leaf_is_no_chain() {
    let error = CertificateChain::from_ders(vec![FINAL.to_vec()]).unwrap_err();
    assert!(matches!(error, ChainError::Issuing(_)), "{error}");
    let cut = &INTERMEDIATE[..INTERMEDIATE.len() - 1];
    assert!(IssuingCertificate::from_der(cut).is_err());
}
