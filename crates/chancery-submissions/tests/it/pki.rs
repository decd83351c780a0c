//! Authorities of every kind of key, and what they issue.

use chancery_submissions::Roots;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SignatureAlgorithm,
};

const POISON: [u64; 10] = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 3];
const SCT_LIST: [u64; 10] = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];
pub(crate) const PRECERTIFICATE_SIGNING: [u64; 10] = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 4];

/// A CA with its key.
pub(crate) struct Ca {
    pub(crate) der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

/// What distinguishes a leaf.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Leaf {
    Certificate,
    Precertificate,
    /// With a poison that is not critical.
    MildPoison,
    /// With a poison that holds something.
    FilledPoison,
    /// With a poison and an SCT list.
    PoisonAndScts,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

impl Ca {
    /// Makes a root.
    pub(crate) fn root(name: &str, algorithm: &'static SignatureAlgorithm) -> Self {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let params = ca_params(name);
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self {
            der,
            issuer: Issuer::new(params, key),
        }
    }

    /// Makes an intermediate below it.
    pub(crate) fn below(&self, name: &str) -> Self {
        self.below_with(ca_params(name))
    }

    /// Makes an intermediate that signs precertificates in its issuer's place.
    pub(crate) fn precertificate_signer(&self) -> Self {
        let mut params = ca_params("precertificate signer");
        let usage = PRECERTIFICATE_SIGNING.to_vec();
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::Other(usage)];
        self.below_with(params)
    }

    /// Makes something below it that is no CA.
    pub(crate) fn no_ca_below(&self, name: &str) -> Self {
        self.below_with(params(name))
    }

    fn below_with(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let der = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        Self {
            der,
            issuer: Issuer::new(params, key),
        }
    }

    /// Issues a leaf.
    pub(crate) fn issue(&self, leaf: Leaf) -> Vec<u8> {
        let mut params = params("leaf");
        let poison = |content: &[u8], critical| {
            let mut poison = CustomExtension::from_oid_content(&POISON, content.to_vec());
            poison.set_criticality(critical);
            poison
        };
        params.custom_extensions = match leaf {
            Leaf::Certificate => vec![],
            Leaf::Precertificate => vec![poison(&[5, 0], true)],
            Leaf::MildPoison => vec![poison(&[5, 0], false)],
            Leaf::FilledPoison => vec![poison(&[4, 0], true)],
            Leaf::PoisonAndScts => vec![
                CustomExtension::from_oid_content(&SCT_LIST, vec![4, 0]),
                poison(&[5, 0], true),
            ],
        };
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, &self.issuer).unwrap().der().to_vec()
    }
}

pub(crate) fn roots(of: &[&Ca]) -> Roots {
    let mut roots = Roots::default();
    for ca in of {
        roots.add(ca.der.clone()).unwrap();
    }
    roots
}
