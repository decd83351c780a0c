//! The signed form of a timestamp: CMS `SignedData` (RFC 5652) around a `TSTInfo`.
//!
//! Every set is in the order of DER, which some verifiers insist on; attributes and fields are those
//! of Sigstore's own authority.

use std::time::SystemTime;

use chancery_keys::{Algorithm, HashAlgorithm};
use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedAttributes, SignedData, SignerIdentifier,
    SignerInfo, SignerInfos,
};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384};
use der::asn1::{Any, Int, OctetString, SetOfVec};
use der::{Decode, Encode};
use spki::AlgorithmIdentifierOwned;
use x509_cert::attr::Attribute;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::time::Time;

use crate::asn1::{
    Accuracy, EssCertIdV2, GenTime, ID_CONTENT_TYPE, ID_CT_TST_INFO, ID_MESSAGE_DIGEST,
    ID_SIGNED_DATA, ID_SIGNING_CERTIFICATE_V2, ID_SIGNING_TIME, IssuerSerial, PkiStatusInfo,
    SigningCertificateV2, TimeStampResp, TstInfo,
};
use crate::chain::TsaChain;
use crate::imprint::{hash, identifier};
use crate::request::TimestampRequest;

/// `PKIStatus` of an answer that has the timestamp as it was asked for.
pub(crate) const GRANTED: u8 = 0;

/// How a key signs in CMS: what is named in `SignerInfo`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CmsAlgorithm {
    digest: HashAlgorithm,
    signature: ObjectIdentifier,
}

impl CmsAlgorithm {
    /// Returns it for the kinds of key that every official client verifies.
    pub(crate) fn of(key: Algorithm) -> Option<Self> {
        let (digest, signature) = match key {
            Algorithm::EcdsaP256Sha256 => (HashAlgorithm::Sha256, ECDSA_WITH_SHA_256),
            Algorithm::EcdsaP384Sha384 => (HashAlgorithm::Sha384, ECDSA_WITH_SHA_384),
            Algorithm::EcdsaP521Sha512 | Algorithm::Ed25519 | Algorithm::RsaPkcs1Sha256 => {
                return None;
            }
        };
        Some(Self { digest, signature })
    }
}

/// What is the same in every timestamp of an authority.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    algorithm: CmsAlgorithm,
    policy: ObjectIdentifier,
    tsa: GeneralName,
    signer: IssuerAndSerialNumber,
    content_type: Attribute,
    signing_certificate: Attribute,
    certificates: CertificateSet,
}

/// A timestamp that lacks its signature.
pub(crate) struct Unsigned {
    tst_info: Vec<u8>,
    attributes: SignedAttributes,
    signed_part: Vec<u8>,
    certificates: bool,
}

impl Template {
    pub(crate) fn new(
        chain: &TsaChain,
        algorithm: CmsAlgorithm,
        policy: ObjectIdentifier,
    ) -> der::Result<Self> {
        let leaf = chain.leaf();
        let tbs = leaf.tbs_certificate();
        let certificate = SigningCertificateV2 {
            certs: vec![EssCertIdV2 {
                hash_algorithm: None,
                cert_hash: OctetString::new(hash(HashAlgorithm::Sha256, chain.leaf_der()))?,
                issuer_serial: Some(IssuerSerial {
                    issuer: vec![GeneralName::DirectoryName(tbs.issuer().clone())],
                    serial_number: tbs.serial_number().clone(),
                }),
            }],
            policies: None,
        };
        Ok(Self {
            algorithm,
            policy,
            tsa: GeneralName::DirectoryName(chain.subject().clone()),
            signer: IssuerAndSerialNumber {
                issuer: tbs.issuer().clone(),
                serial_number: tbs.serial_number().clone(),
            },
            content_type: attribute(ID_CONTENT_TYPE, &ID_CT_TST_INFO)?,
            signing_certificate: attribute(ID_SIGNING_CERTIFICATE_V2, &certificate)?,
            certificates: vec![CertificateChoices::Certificate(leaf.clone())].try_into()?,
        })
    }

    /// Draws up a timestamp of `request` for the second `time`.
    pub(crate) fn unsigned(
        &self,
        request: &TimestampRequest,
        time: SystemTime,
        serial: Int,
    ) -> der::Result<Unsigned> {
        let tst_info = TstInfo {
            version: 1,
            policy: self.policy,
            message_imprint: request.imprint().to_asn1()?,
            serial_number: serial,
            gen_time: GenTime {
                seconds: time.try_into()?,
                nanos: 0,
            },
            accuracy: Some(Accuracy {
                seconds: Some(1),
                millis: None,
                micros: None,
            }),
            ordering: false,
            nonce: request.nonce().map(|nonce| nonce.as_int().clone()),
            tsa: Some(self.tsa.clone()),
            extensions: None,
        };
        let tst_info = tst_info.to_der()?;
        let digest = OctetString::new(hash(self.algorithm.digest, &tst_info))?;
        let attributes = SetOfVec::try_from(vec![
            self.content_type.clone(),
            attribute(ID_SIGNING_TIME, &Time::try_from(time)?)?,
            attribute(ID_MESSAGE_DIGEST, &digest)?,
            self.signing_certificate.clone(),
        ])?;
        Ok(Unsigned {
            signed_part: attributes.to_der()?,
            attributes,
            tst_info,
            certificates: request.certificates(),
        })
    }

    /// Puts the signature in: the whole answer.
    pub(crate) fn sign(&self, unsigned: Unsigned, signature: &[u8]) -> der::Result<Vec<u8>> {
        let digest = identifier(self.algorithm.digest);
        let signer_info = SignerInfo {
            version: CmsVersion::V1,
            sid: SignerIdentifier::IssuerAndSerialNumber(self.signer.clone()),
            digest_alg: digest.clone(),
            signed_attrs: Some(unsigned.attributes),
            signature_algorithm: AlgorithmIdentifierOwned {
                oid: self.algorithm.signature,
                parameters: None,
            },
            signature: OctetString::new(signature)?,
            unsigned_attrs: None,
        };
        let signed_data = SignedData {
            version: CmsVersion::V3,
            digest_algorithms: vec![digest].try_into()?,
            encap_content_info: EncapsulatedContentInfo {
                econtent_type: ID_CT_TST_INFO,
                econtent: Some(Any::encode_from(&OctetString::new(unsigned.tst_info)?)?),
            },
            certificates: unsigned.certificates.then(|| self.certificates.clone()),
            crls: None,
            signer_infos: SignerInfos(vec![signer_info].try_into()?),
        };
        let response = TimeStampResp {
            status: PkiStatusInfo {
                status: GRANTED,
                status_string: None,
                fail_info: None,
            },
            time_stamp_token: Some(ContentInfo {
                content_type: ID_SIGNED_DATA,
                content: Any::encode_from(&signed_data)?,
            }),
        };
        response.to_der()
    }
}

impl Unsigned {
    /// Returns what the key signs: the attributes as a SET (RFC 5652, section 5.4).
    pub(crate) fn signed_part(&self) -> &[u8] {
        &self.signed_part
    }
}

fn attribute(oid: ObjectIdentifier, value: &impl Encode) -> der::Result<Attribute> {
    Ok(Attribute {
        oid,
        values: vec![Any::from_der(&value.to_der()?)?].try_into()?,
    })
}
