//! The certificate authority, and the certificates that it issues.

use chancery_certs::Outline;
use chancery_keys::LocalKey;
use der::Encode as _;
use der::asn1::{OctetStringRef, Utf8StringRef};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{ALICE, ISSUER, LIFETIME, at, base64, window};

/// Two arcs of Fulcio's extensions: the issuer as bare text, and as a `UTF8String`.
const ISSUER_RAW: [u64; 9] = [1, 3, 6, 1, 4, 1, 57264, 1, 1];
const ISSUER_UTF8: [u64; 9] = [1, 3, 6, 1, 4, 1, 57264, 1, 8];
const SCT_LIST: [u64; 10] = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];

/// By whom the signer's certificate is issued, and how.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Issued {
    /// By the authority in the trusted root.
    ByTheAuthority,
    /// By one that nobody trusts.
    ByAStranger,
    /// By a certificate in the trusted chain that is no CA.
    ByNoCa,
    /// By the authority, for something else than signing code.
    ForServers,
    /// By the authority, with leave to issue others.
    WithCertSign,
}

/// A root, an intermediate below it, and others that look like that one.
pub(super) struct Authority {
    root: Vec<u8>,
    intermediate: Certified,
    stranger: Certified,
    no_ca: Certified,
}

struct Certified {
    der: Vec<u8>,
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    pub(super) fn new() -> Self {
        let root = Certified::self_signed(ca("root"));
        let stranger_root = Certified::self_signed(ca("root"));
        let mut no_ca = ca("intermediate");
        no_ca.is_ca = IsCa::ExplicitNoCa;
        no_ca.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        Self {
            intermediate: root.issue(ca("intermediate")),
            stranger: stranger_root.issue(ca("intermediate")),
            no_ca: root.issue(no_ca),
            root: root.der,
        }
    }

    /// Returns the member of the trusted root.
    pub(super) fn trusted(&self) -> Value {
        chain(&[&self.intermediate.der, &self.root])
    }

    /// Returns a member of the trusted root in which the intermediate is no CA.
    pub(super) fn trusted_without_ca(&self) -> Value {
        chain(&[&self.no_ca.der, &self.root])
    }

    /// Returns the certificates that a bundle of an old version may bring along.
    pub(super) fn chain_of(&self, issued: Issued) -> Vec<Vec<u8>> {
        vec![self.issuer(issued).der.clone(), self.root.clone()]
    }

    /// Returns SHA-256 of the issuer's key, which logs sign.
    pub(super) fn issuer_key_hash(&self, issued: Issued) -> [u8; 32] {
        let outline = Outline::of(&self.issuer(issued).der).unwrap();
        Sha256::digest(outline.spki_der).into()
    }

    /// Issues a certificate for alice; without an SCT list if there is none.
    pub(super) fn issue(
        &self,
        key: &LocalKey,
        issued: Issued,
        serial: u8,
        sct_list: Option<&[u8]>,
    ) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.serial_number = Some(SerialNumber::from(vec![0x42, serial]));
        params.not_before = at(0).into();
        params.not_after = at(LIFETIME).into();
        params.subject_alt_names = vec![SanType::Rfc822Name(ALICE.try_into().unwrap())];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if issued == Issued::WithCertSign {
            params.key_usages.push(KeyUsagePurpose::KeyCertSign);
        }
        params.extended_key_usages = vec![match issued {
            Issued::ForServers => ExtendedKeyUsagePurpose::ServerAuth,
            _ => ExtendedKeyUsagePurpose::CodeSigning,
        }];
        params.use_authority_key_identifier_extension = true;
        let mut extend = |oid: &[u64], value: Vec<u8>| {
            let extension = CustomExtension::from_oid_content(oid, value);
            params.custom_extensions.push(extension);
        };
        extend(&ISSUER_RAW, ISSUER.into());
        extend(
            &ISSUER_UTF8,
            Utf8StringRef::new(ISSUER).unwrap().to_der().unwrap(),
        );
        if let Some(list) = sct_list {
            extend(
                &SCT_LIST,
                OctetStringRef::new(list).unwrap().to_der().unwrap(),
            );
        }
        let issuer = self.issuer(issued);
        let issuer = Issuer::from_params(&issuer.params, &issuer.key);
        params.signed_by(key, &issuer).unwrap().der().to_vec()
    }

    fn issuer(&self, issued: Issued) -> &Certified {
        match issued {
            Issued::ByAStranger => &self.stranger,
            Issued::ByNoCa => &self.no_ca,
            Issued::ByTheAuthority | Issued::ForServers | Issued::WithCertSign => {
                &self.intermediate
            }
        }
    }
}

impl Certified {
    fn self_signed(params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { der, params, key }
    }

    fn issue(&self, mut params: CertificateParams) -> Self {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::from_params(&self.params, &self.key);
        let der = params.signed_by(&key, &issuer).unwrap().der().to_vec();
        Self { der, params, key }
    }
}

fn ca(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2036, 1, 1);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// Returns a chain as trusted roots have it.
pub(super) fn chain(certificates: &[&Vec<u8>]) -> Value {
    let certificates = certificates.iter();
    let certificates = certificates.map(|der| json!({"rawBytes": base64(der)}));
    json!({
        "uri": "https://ca.test",
        "certChain": {"certificates": certificates.collect::<Vec<_>>()},
        "validFor": window(-86_400, None),
    })
}
