//! One certificate of a chain, and what binds it to the next.

use std::time::SystemTime;

use chancery_keys::{PublicKey, SignatureScheme};
use const_oid::AssociatedOid;
use const_oid::db::rfc5280::{
    ID_CE_BASIC_CONSTRAINTS, ID_CE_EXT_KEY_USAGE, ID_CE_KEY_USAGE, ID_KP_TIME_STAMPING,
};
use der::{Decode, Encode};
use spki::der::referenced::OwnedToRef;
use x509_cert::Certificate;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};

use super::TsaChainError;

/// Extensions that may be critical, since they are read here.
const KNOWN: [const_oid::ObjectIdentifier; 3] = [
    ID_CE_BASIC_CONSTRAINTS,
    ID_CE_EXT_KEY_USAGE,
    ID_CE_KEY_USAGE,
];

pub(super) struct Link {
    pub(super) position: usize,
    pub(super) certificate: Certificate,
    pub(super) key: PublicKey,
    constraints: Option<(bool, BasicConstraints)>,
    usage: Option<(bool, KeyUsage)>,
    extended: Option<(bool, ExtendedKeyUsage)>,
}

impl Link {
    pub(super) fn parse(position: usize, der: &[u8]) -> Result<Self, TsaChainError> {
        let malformed = |source| TsaChainError::Malformed { position, source };
        let certificate = super::parse(position, der)?;
        let tbs = certificate.tbs_certificate();
        for extension in tbs.extensions().into_iter().flatten() {
            if extension.critical && !KNOWN.contains(&extension.extn_id) {
                return Err(TsaChainError::CriticalExtension {
                    position,
                    oid: extension.extn_id,
                });
            }
        }
        let spki = tbs.subject_public_key_info().to_der().map_err(malformed)?;
        Ok(Self {
            position,
            key: PublicKey::from_spki_der(&spki)
                .map_err(|source| TsaChainError::Key { position, source })?,
            constraints: extension(&certificate).map_err(malformed)?,
            usage: extension(&certificate).map_err(malformed)?,
            extended: extension(&certificate).map_err(malformed)?,
            certificate,
        })
    }

    pub(super) fn validity(&self) -> (SystemTime, SystemTime) {
        let validity = self.certificate.tbs_certificate().validity();
        (
            validity.not_before.to_system_time(),
            validity.not_after.to_system_time(),
        )
    }

    /// Requires what RFC 3161, section 2.3, and RFC 5280 ask of the certificate that signs.
    pub(super) fn require_timestamping_leaf(&self) -> Result<(), TsaChainError> {
        let refuse = |reason| Err(TsaChainError::Leaf(reason));
        match &self.extended {
            Some((true, usages)) if usages.0 == [ID_KP_TIME_STAMPING] => {}
            Some((false, _)) => return refuse("its extKeyUsage is not critical"),
            _ => return refuse("its extKeyUsage is not timeStamping alone"),
        }
        if self.is_ca() {
            return refuse("it is a CA's");
        }
        match &self.usage {
            Some((_, usage)) if !usage.digital_signature() => {
                refuse("its keyUsage does not include digitalSignature")
            }
            _ => Ok(()),
        }
    }

    /// Requires what makes a certificate one of a CA that may stand where it does.
    pub(super) fn require_issuer(&self, is_root: bool) -> Result<(), TsaChainError> {
        let refuse = |reason| {
            Err(TsaChainError::Issuer {
                position: self.position,
                reason,
            })
        };
        // The CA certificates between this one and the leaf (RFC 5280, section 4.2.1.9).
        let below = self.position.saturating_sub(2);
        match &self.constraints {
            Some((_, constraints)) if constraints.ca => {
                let most = constraints.path_len_constraint;
                if most.is_some_and(|most| below > usize::from(most)) {
                    return refuse("its path length is too short");
                }
            }
            _ => return refuse("basicConstraints does not say CA:TRUE"),
        }
        if !self
            .usage
            .as_ref()
            .is_some_and(|(_, usage)| usage.key_cert_sign())
        {
            return refuse("its keyUsage does not include keyCertSign");
        }
        match &self.extended {
            Some((_, usages)) if usages.0.contains(&ID_KP_TIME_STAMPING) => Ok(()),
            // Sigstore's verifiers want it of every CA below the root.
            Some(_) => refuse("its extKeyUsage does not include timeStamping"),
            None if !is_root => refuse("it has no extKeyUsage with timeStamping"),
            None => Ok(()),
        }
    }

    /// Requires that `upper` issued this certificate, by name and by signature.
    pub(super) fn require_issued_by(&self, upper: &Self) -> Result<(), TsaChainError> {
        let broken = || TsaChainError::Broken {
            position: self.position,
        };
        let tbs = self.certificate.tbs_certificate();
        let algorithm = self.certificate.signature_algorithm();
        if tbs.issuer() != upper.certificate.tbs_certificate().subject()
            || algorithm != tbs.signature()
        {
            return Err(broken());
        }
        let scheme = SignatureScheme::of_certificate(&algorithm.owned_to_ref());
        let signature = self.certificate.signature().as_bytes();
        let (Some(scheme), Some(signature)) = (scheme, signature) else {
            return Err(broken());
        };
        let signed = tbs.to_der().map_err(|_| broken())?;
        upper
            .key
            .verify_scheme(scheme, &signed, signature)
            .map_err(|_| broken())
    }

    fn is_ca(&self) -> bool {
        matches!(&self.constraints, Some((_, constraints)) if constraints.ca)
    }
}

/// Reads the one extension of a kind, if it is there, and whether it is critical.
fn extension<T>(certificate: &Certificate) -> der::Result<Option<(bool, T)>>
where
    T: for<'a> Decode<'a, Error = der::Error> + AssociatedOid,
{
    certificate.tbs_certificate().get_extension::<T>()
}
