//! Makes the timestamp authority's own certificates, once: a root, perhaps an intermediate, and the
//! certificate that signs.
//!
//! The chain stands apart from the CA's, as Sigstore has it: whoever may issue code-signing
//! certificates cannot say when anything was signed.

use std::time::{Duration, SystemTime};

use chancery_keys::{Algorithm, LocalKey, OwnCertificate, Signer};
use const_oid::db::rfc5280::ID_KP_TIME_STAMPING;
use der::asn1::OctetStringRef;
use der::{Decode, Encode};
use rcgen::{
    Certificate, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer,
    KeyUsagePurpose,
};

use crate::chain::{TsaChain, TsaChainError};

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// How long the root lives.
const ROOT_LIFETIME: Duration = Duration::from_secs(20 * YEAR.as_secs());
/// How long an intermediate lives.
const INTERMEDIATE_LIFETIME: Duration = Duration::from_secs(15 * YEAR.as_secs());
/// How long the certificate that signs lives. A timestamp is verified as of its own time, so this
/// bounds how long a key is used and not how long what it signed is good.
const LEAF_LIFETIME: Duration = Duration::from_secs(10 * YEAR.as_secs());

const EXT_KEY_USAGE: [u64; 4] = [2, 5, 29, 37];
const SUBJECT_KEY_IDENTIFIER: [u64; 4] = [2, 5, 29, 14];

/// Whose timestamp authority it is, and since when.
#[derive(Clone, Copy, Debug)]
pub struct TsaCeremony<'a> {
    /// The organization in all subjects.
    pub organization: &'a str,
    /// The common name of the certificate that signs; those above have it with " root" or
    /// " intermediate".
    pub common_name: &'a str,
    /// When the certificates begin.
    pub now: SystemTime,
}

/// Why no chain was made.
#[derive(Debug, thiserror::Error)]
pub enum TsaCeremonyError {
    /// A certificate could not be made.
    #[error("the timestamp authority's certificate could not be made")]
    Certificate(#[from] rcgen::Error),
    /// What was made is not what was meant: a defect.
    #[error("the timestamp authority's certificates that were made cannot be read back")]
    Chain(#[from] TsaChainError),
    /// A defect of the encoder.
    #[error("an extension of the timestamp authority's certificate could not be encoded")]
    Encode(#[from] der::Error),
    /// Keys must be P-256 or P-384.
    #[error("a {0} key cannot be a timestamp authority's here; use P-256 or P-384")]
    KeyType(Algorithm),
}

impl TsaCeremony<'_> {
    /// Makes a self-signed root for `root` and a certificate for `leaf`, with an intermediate
    /// between them if there is a key for one. The intermediate is what lets the root's key stay
    /// offline.
    ///
    /// # Errors
    /// [`TsaCeremonyError`].
    pub fn perform(
        &self,
        root: &LocalKey,
        intermediate: Option<&LocalKey>,
        leaf: &LocalKey,
    ) -> Result<TsaChain, TsaCeremonyError> {
        [Some(root), intermediate, Some(leaf)]
            .into_iter()
            .flatten()
            .try_for_each(require_key_type)?;
        let name = format!("{} root", self.common_name);
        let below = u8::from(intermediate.is_some());
        let params = self.of(&name, ROOT_LIFETIME).issuer_params(below);
        let root_certificate = params.self_signed(root)?;
        let root_issuer = Issuer::new(params, root);

        let mut certificates = Vec::new();
        match intermediate {
            None => certificates.push(self.leaf(leaf, &root_issuer)?),
            Some(key) => {
                let name = format!("{} intermediate", self.common_name);
                let mut params = self.of(&name, INTERMEDIATE_LIFETIME).issuer_params(0);
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::TimeStamping];
                params.use_authority_key_identifier_extension = true;
                let certificate = params.signed_by(key, &root_issuer)?;
                certificates.push(self.leaf(leaf, &Issuer::new(params, key))?);
                certificates.push(certificate);
            }
        }
        certificates.push(root_certificate);
        let ders = certificates
            .iter()
            .map(|certificate| certificate.der().to_vec())
            .collect();
        Ok(TsaChain::from_ders(ders)?)
    }

    /// Makes a certificate for a new `leaf` under the certificates that stand above the old one, of
    /// which `issuer` is the key of the lowest.
    ///
    /// # Errors
    /// [`TsaCeremonyError`]; [`TsaChainError::Broken`] if `issuer` is another key.
    pub fn renew(
        &self,
        before: &TsaChain,
        issuer: &LocalKey,
        leaf: &LocalKey,
    ) -> Result<TsaChain, TsaCeremonyError> {
        [issuer, leaf].into_iter().try_for_each(require_key_type)?;
        let above = before.ders().get(1..).unwrap_or_default();
        let mut params = self.of("", ROOT_LIFETIME).issuer_params(0);
        if let Some(lowest) = above.first() {
            params.distinguished_name = name_of(&x509_cert::Certificate::from_der(lowest)?)?;
        }
        let leaf = self.leaf(leaf, &Issuer::new(params, issuer))?;
        let mut ders = vec![leaf.der().to_vec()];
        ders.extend_from_slice(above);
        Ok(TsaChain::from_ders(ders)?)
    }

    /// Makes the certificate that signs (RFC 3161, section 2.3).
    fn leaf(
        &self,
        key: &LocalKey,
        issuer: &Issuer<'_, &LocalKey>,
    ) -> Result<Certificate, TsaCeremonyError> {
        let mut params = self.of(self.common_name, LEAF_LIFETIME).params();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key_id = params.key_identifier(key);
        let key_id = OctetStringRef::new(&key_id)?.to_der()?;
        // rcgen's own extended key usage is never critical, and only CAs get its key identifier.
        let usages = vec![ID_KP_TIME_STAMPING].to_der()?;
        let mut usage = CustomExtension::from_oid_content(&EXT_KEY_USAGE, usages);
        usage.set_criticality(true);
        params.custom_extensions = vec![
            usage,
            CustomExtension::from_oid_content(&SUBJECT_KEY_IDENTIFIER, key_id),
        ];
        Ok(params.signed_by(key, issuer)?)
    }

    fn of<'a>(&'a self, common_name: &'a str, lifetime: Duration) -> OwnCertificate<'a> {
        OwnCertificate {
            organization: self.organization,
            common_name,
            now: self.now,
            lifetime,
        }
    }
}

/// Returns the subject of a certificate that this module made.
fn name_of(certificate: &x509_cert::Certificate) -> der::Result<DistinguishedName> {
    let subject = certificate.tbs_certificate().subject();
    let mut name = DistinguishedName::new();
    if let Some(organization) = subject.organization()? {
        name.push(DnType::OrganizationName, organization.value().into_owned());
    }
    if let Some(common_name) = subject.common_name()? {
        name.push(DnType::CommonName, common_name.value().into_owned());
    }
    Ok(name)
}

fn require_key_type(key: &LocalKey) -> Result<(), TsaCeremonyError> {
    match key.public_key().algorithm() {
        Algorithm::EcdsaP256Sha256 | Algorithm::EcdsaP384Sha384 => Ok(()),
        other => Err(TsaCeremonyError::KeyType(other)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use chancery_keys::KeyType;
    use der::Decode;
    use x509_cert::Certificate;

    use super::*;

    fn key(key_type: KeyType) -> LocalKey {
        LocalKey::generate(key_type).unwrap()
    }

    fn ceremony() -> TsaCeremony<'static> {
        TsaCeremony {
            organization: "Example",
            common_name: "Example timestamps",
            now: UNIX_EPOCH + Duration::from_secs(1_793_534_400),
        }
    }

    #[test]
    fn a_chain_has_two_certificates_or_three_and_reads_back_from_its_pem() {
        for key_type in [KeyType::P256, KeyType::P384] {
            let (root, middle, leaf) = (key(key_type), key(key_type), key(key_type));
            for (intermediate, length) in [(None, 2), (Some(&middle), 3)] {
                let chain = ceremony().perform(&root, intermediate, &leaf).unwrap();
                assert_eq!(chain.ders().len(), length);
                assert_eq!(chain.key(), leaf.public_key());
                assert!(chain.valid_at(ceremony().now));
                assert!(!chain.valid_at(ceremony().now + LEAF_LIFETIME + YEAR));
                let again = TsaChain::parse_pem(&chain.pem()).unwrap();
                assert_eq!(again.ders(), chain.ders());
            }
        }
    }

    #[test]
    fn the_certificate_that_signs_has_the_extensions_of_sigstores_own() {
        let (root, leaf) = (key(KeyType::P256), key(KeyType::P256));
        let chain = ceremony().perform(&root, None, &leaf).unwrap();
        let extensions = |der: &[u8]| {
            let certificate = Certificate::from_der(der).unwrap();
            let mut found = certificate
                .tbs_certificate()
                .extensions()
                .unwrap()
                .iter()
                .map(|extension| (extension.extn_id, extension.critical))
                .collect::<Vec<_>>();
            found.sort();
            found
        };
        let vector = include_bytes!("../tests/vectors/leaf.der");
        assert_eq!(extensions(chain.leaf_der()), extensions(vector));
    }

    #[test]
    fn a_renewed_certificate_stands_under_the_same_ones_and_only_their_key_makes_it() {
        let (root, middle, leaf) = (key(KeyType::P384), key(KeyType::P256), key(KeyType::P256));
        for intermediate in [None, Some(&middle)] {
            let before = ceremony().perform(&root, intermediate, &leaf).unwrap();
            let issuer = intermediate.unwrap_or(&root);
            let new = key(KeyType::P256);
            let later = TsaCeremony {
                now: ceremony().now + YEAR,
                ..ceremony()
            };
            let after = later.renew(&before, issuer, &new).unwrap();
            assert_eq!(after.ders()[1..], before.ders()[1..]);
            assert_eq!(after.key(), new.public_key());
            let refused = later.renew(&before, &leaf, &new);
            assert!(matches!(
                refused,
                Err(TsaCeremonyError::Chain(TsaChainError::Broken {
                    position: 1
                }))
            ));
        }
    }

    #[test]
    fn keys_that_clients_do_not_all_verify_are_refused() {
        let (root, leaf) = (key(KeyType::P256), key(KeyType::Ed25519));
        let refused = ceremony().perform(&root, None, &leaf);
        assert!(matches!(refused, Err(TsaCeremonyError::KeyType(_))));
    }
}
