//! The signature of a timestamp: CMS `SignedData` with one signer (RFC 5652; RFC 3161, section
//! 2.4.2).

use chancery_keys::{HashAlgorithm, SignatureScheme};
use cms::cert::CertificateChoices;
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::RSA_ENCRYPTION;
use der::asn1::OctetString;
use der::{Decode, Encode};
use spki::der::referenced::OwnedToRef;
use x509_cert::ext::pkix::SubjectKeyIdentifier;

use super::error::VerifyError;
use crate::asn1::{
    ID_CONTENT_TYPE, ID_CT_TST_INFO, ID_MESSAGE_DIGEST, ID_SIGNED_DATA, ID_SIGNING_CERTIFICATE_V2,
    SigningCertificateV2,
};
use crate::chain::TsaChain;
use crate::imprint::{algorithm_of, hash};

pub(super) struct Signed {
    data: SignedData,
    signer: SignerInfo,
    content: Vec<u8>,
}

impl Signed {
    pub(super) fn parse(token: &ContentInfo) -> Result<Self, VerifyError> {
        if token.content_type != ID_SIGNED_DATA {
            return Err(VerifyError::Form("it is not SignedData"));
        }
        let data: SignedData = token.content.decode_as().map_err(VerifyError::Malformed)?;
        // Content other than plain data makes it 3 at least (RFC 5652, section 5.1).
        if data.version < CmsVersion::V3 {
            return Err(VerifyError::Form("its version is another"));
        }
        if data.encap_content_info.econtent_type != ID_CT_TST_INFO {
            return Err(VerifyError::Form("its content is not a TSTInfo"));
        }
        let content = data.encap_content_info.econtent.as_ref();
        let content = content.ok_or(VerifyError::Form("it has no content"))?;
        let content: OctetString = content.decode_as().map_err(VerifyError::Malformed)?;
        let [signer] = data.signer_infos.0.as_slice() else {
            return Err(VerifyError::Form("it has not one signer"));
        };
        Ok(Self {
            signer: signer.clone(),
            content: content.into_bytes().into_vec(),
            data,
        })
    }

    /// Returns the DER of the `TSTInfo`.
    pub(super) fn content(&self) -> &[u8] {
        &self.content
    }

    pub(super) fn has_certificates(&self) -> bool {
        self.data
            .certificates
            .as_ref()
            .is_some_and(|certificates| !certificates.0.is_empty())
    }

    /// Verifies that the first certificate of `trusted` signed the content. Certificates that came
    /// with it are never trusted, only compared.
    pub(super) fn verify(&self, trusted: &TsaChain) -> Result<(), VerifyError> {
        self.require_signer(trusted)?;
        let digest = self.digest_algorithm()?;
        if self.attribute::<ObjectIdentifier>(ID_CONTENT_TYPE)? != ID_CT_TST_INFO {
            return Err(VerifyError::Form("its contentType is another"));
        }
        let signed: OctetString = self.attribute(ID_MESSAGE_DIGEST)?;
        if signed.as_bytes() != hash(digest, &self.content) {
            return Err(VerifyError::Digest);
        }
        self.require_certificate_hash(trusted)?;
        // The attributes are signed as a SET, not with the tag they have in the signer's info
        // (RFC 5652, section 5.4).
        let attributes = self.signer.signed_attrs.as_ref();
        let attributes = attributes.map(Encode::to_der).transpose();
        let attributes = attributes.map_err(VerifyError::Malformed)?;
        let attributes = attributes.ok_or(VerifyError::Form("it has no signed attributes"))?;
        trusted
            .key()
            .verify_scheme(
                self.scheme(digest)?,
                &attributes,
                self.signer.signature.as_bytes(),
            )
            .map_err(|_| VerifyError::Signature)
    }

    /// Requires that the signer is named as the trusted one, and that of the certificates that came
    /// along, if any did, the trusted one is the only one that could have signed.
    fn require_signer(&self, trusted: &TsaChain) -> Result<(), VerifyError> {
        let tbs = trusted.leaf().tbs_certificate();
        // The version follows from how the signer is named (RFC 5652, section 5.3).
        let named = match &self.signer.sid {
            SignerIdentifier::IssuerAndSerialNumber(named) => {
                self.signer.version == CmsVersion::V1
                    && named.issuer == *tbs.issuer()
                    && named.serial_number == *tbs.serial_number()
            }
            SignerIdentifier::SubjectKeyIdentifier(named) => {
                let own = tbs.get_extension::<SubjectKeyIdentifier>();
                self.signer.version == CmsVersion::V3
                    && matches!(own, Ok(Some((_, own))) if own == *named)
            }
        };
        let carried = self.data.certificates.as_ref().map(|set| set.0.as_slice());
        let carried = carried.unwrap_or_default();
        let comes_along = carried.is_empty()
            || carried.iter().any(
                |one| matches!(one, CertificateChoices::Certificate(one) if trusted.is_leaf(one)),
            );
        match named && comes_along {
            true => Ok(()),
            false => Err(VerifyError::OtherSigner),
        }
    }

    /// Requires that the certificate named under the signature is the trusted one (RFC 5816,
    /// section 2.2.1).
    fn require_certificate_hash(&self, trusted: &TsaChain) -> Result<(), VerifyError> {
        let named: SigningCertificateV2 = self.attribute(ID_SIGNING_CERTIFICATE_V2)?;
        let first = named.certs.first();
        let first = first.ok_or(VerifyError::Form("its signingCertificateV2 is empty"))?;
        let algorithm = match &first.hash_algorithm {
            None => HashAlgorithm::Sha256,
            Some(id) => algorithm_of(id).ok_or(VerifyError::Algorithm { oid: id.oid })?,
        };
        match first.cert_hash.as_bytes() == hash(algorithm, trusted.leaf_der()) {
            true => Ok(()),
            false => Err(VerifyError::OtherSigner),
        }
    }

    /// Reads the one value of the one attribute of a kind.
    fn attribute<T>(&self, oid: ObjectIdentifier) -> Result<T, VerifyError>
    where
        T: for<'a> Decode<'a, Error = der::Error>,
    {
        let attributes = self.signer.signed_attrs.as_ref();
        let mut found = attributes
            .into_iter()
            .flat_map(|attributes| attributes.iter())
            .filter(|attribute| attribute.oid == oid);
        let (Some(attribute), None) = (found.next(), found.next()) else {
            return Err(VerifyError::Form(
                "a signed attribute is missing, or there twice",
            ));
        };
        let [value] = attribute.values.as_slice() else {
            return Err(VerifyError::Form("a signed attribute has not one value"));
        };
        let der = value.to_der().map_err(VerifyError::Malformed)?;
        T::from_der(&der).map_err(VerifyError::Malformed)
    }

    fn digest_algorithm(&self) -> Result<HashAlgorithm, VerifyError> {
        let id = &self.signer.digest_alg;
        let algorithm = algorithm_of(id).ok_or(VerifyError::Algorithm { oid: id.oid })?;
        let mut listed = self.data.digest_algorithms.iter();
        match listed.any(|listed| algorithm_of(listed) == Some(algorithm)) {
            true => Ok(algorithm),
            false => Err(VerifyError::Form("its digest algorithm is not listed")),
        }
    }

    /// Reads the signature's algorithm. That of RSA may leave the hash to the digest's (RFC 3370,
    /// section 3.2).
    fn scheme(&self, digest: HashAlgorithm) -> Result<SignatureScheme, VerifyError> {
        let id = &self.signer.signature_algorithm;
        if id.oid == RSA_ENCRYPTION {
            return Ok(SignatureScheme::RsaPkcs1(digest));
        }
        SignatureScheme::of_certificate(&id.owned_to_ref())
            .ok_or(VerifyError::Algorithm { oid: id.oid })
    }
}
