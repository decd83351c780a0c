//! Whether a final certificate is the one that its precertificate announced (RFC 6962, 3.1).
//!
//! The check knows nothing of how either was made. It compares their bytes: all must be equal but
//! the last extension, which is the poison here and the SCT list there, and the signature.

use crate::oid;
use crate::raw::{RawCertificate, RawError, RawExtension, RawTbs};
use crate::tbs::POISON;
use crate::tlv::{OCTET_STRING, Tlv};

/// Where a final certificate departs from its precertificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CorrespondError {
    /// The precertificate does not parse.
    #[error("the precertificate does not parse")]
    Precertificate(#[source] RawError),
    /// The final certificate does not parse.
    #[error("the final certificate does not parse")]
    Final(#[source] RawError),
    /// The precertificate's last extension is not the poison, or there are two.
    #[error("the precertificate does not end in exactly one poison extension")]
    Poison,
    /// The final certificate's last extension is not the SCT list, or there are two, or the list
    /// does not hold exactly one SCT, which is what every official client can read.
    #[error("the final certificate does not end in an SCT list with exactly one SCT")]
    SctList,
    /// A field before the extensions differs.
    #[error("the final certificate has another {0} than its precertificate")]
    Field(&'static str),
    /// An extension before the last differs, or there are more or fewer.
    #[error("the final certificate has other extensions than its precertificate, from number {0}")]
    Extension(usize),
}

/// Checks that a final certificate is the one that its precertificate announced. Signatures are not
/// verified.
///
/// # Errors
/// The first difference that the two may not have.
pub fn correspond(precertificate_der: &[u8], final_der: &[u8]) -> Result<(), CorrespondError> {
    let precertificate =
        RawCertificate::parse(precertificate_der).map_err(CorrespondError::Precertificate)?;
    let r#final = RawCertificate::parse(final_der).map_err(CorrespondError::Final)?;
    if precertificate.signature_algorithm != r#final.signature_algorithm {
        return Err(CorrespondError::Field("signature algorithm"));
    }
    compare(&precertificate.tbs, &r#final.tbs)
}

/// The same for the to-be-signed certificates, so that the CA need not sign one that differs.
pub(crate) fn correspond_tbs(precert_tbs: &[u8], final_tbs: &[u8]) -> Result<(), CorrespondError> {
    let precert_tbs = RawTbs::parse(precert_tbs).map_err(CorrespondError::Precertificate)?;
    let final_tbs = RawTbs::parse(final_tbs).map_err(CorrespondError::Final)?;
    compare(&precert_tbs, &final_tbs)
}

fn compare(precert: &RawTbs<'_>, r#final: &RawTbs<'_>) -> Result<(), CorrespondError> {
    compare_fields(precert, r#final)?;
    let Some((poison, announced)) = precert.extensions.split_last() else {
        return Err(CorrespondError::Poison);
    };
    let Some((sct_list, issued)) = r#final.extensions.split_last() else {
        return Err(CorrespondError::SctList);
    };
    if poison.der != POISON {
        return Err(CorrespondError::Poison);
    }
    if !is_list_of_one_sct(sct_list) {
        return Err(CorrespondError::SctList);
    }
    let same = announced
        .iter()
        .zip(issued)
        .take_while(|(a, b)| a.der == b.der);
    let same = same.count();
    if same != announced.len() || same != issued.len() {
        return Err(CorrespondError::Extension(same + 1));
    }
    let is = |id| move |extension: &RawExtension<'_>| extension.is(id);
    if announced.iter().any(is(oid::POISON)) {
        return Err(CorrespondError::Poison);
    }
    if issued.iter().any(is(oid::SCT_LIST)) {
        return Err(CorrespondError::SctList);
    }
    Ok(())
}

/// Compares all before the extensions; the named fields come first, for the error's sake.
fn compare_fields(precert: &RawTbs<'_>, r#final: &RawTbs<'_>) -> Result<(), CorrespondError> {
    let fields = [
        (
            "serial number",
            precert.serial_number,
            r#final.serial_number,
        ),
        ("signature algorithm", precert.signature, r#final.signature),
        ("issuer", precert.issuer, r#final.issuer),
        ("validity", precert.validity, r#final.validity),
        ("subject", precert.subject, r#final.subject),
        (
            "public key",
            precert.subject_public_key_info,
            r#final.subject_public_key_info,
        ),
        ("version or unique identifier", precert.head, r#final.head),
    ];
    match fields
        .iter()
        .find(|(_, announced, issued)| announced != issued)
    {
        Some((field, ..)) => Err(CorrespondError::Field(field)),
        None => Ok(()),
    }
}

/// Tells whether an extension is an SCT list that holds one SCT (RFC 6962, section 3.3):
///
/// ```text
/// OCTET STRING { u16 length { u16 length { SCT } } }
/// ```
fn is_list_of_one_sct(extension: &RawExtension<'_>) -> bool {
    let Ok(list) = Tlv::only(extension.value, OCTET_STRING) else {
        return false;
    };
    extension.is(oid::SCT_LIST)
        && !extension.critical
        && u16_prefixed(list.value)
            .and_then(u16_prefixed)
            .is_some_and(|sct| !sct.is_empty())
}

/// Returns what follows a 16-bit length, if it is all that follows.
fn u16_prefixed(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    (usize::from(u16::from_be_bytes(*length)) == rest.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use const_oid::ObjectIdentifier;

    use super::*;
    use crate::tbs::{TbsParts, push_extension};
    use crate::tlv::tlv;

    const PRECERTIFICATE: &[u8] = include_bytes!("../tests/vectors/precert.der");

    fn extension(id: ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        push_extension(&mut out, id, critical, value);
        out
    }

    fn sct_list(critical: bool) -> Vec<u8> {
        let value = tlv(OCTET_STRING, &[&[0, 3, 0, 1, 0]]);
        extension(oid::SCT_LIST, critical, &value)
    }

    /// Returns the vectors' to-be-signed certificate, ending in some extensions.
    fn tbs(last: &[&[u8]]) -> Vec<u8> {
        let raw = RawCertificate::parse(PRECERTIFICATE).unwrap();
        let mut parts = TbsParts::without(&raw.tbs, oid::POISON);
        parts.extensions.extend(last.concat());
        parts.for_log()
    }

    /// Compares a precertificate and a final certificate that end in some extensions.
    fn ending(precert: &[&[u8]], r#final: &[&[u8]]) -> Result<(), CorrespondError> {
        correspond_tbs(&tbs(precert), &tbs(r#final))
    }

    #[test]
    fn an_extension_more_or_less_is_caught() {
        let more = extension(oid::EXT_KEY_USAGE, false, &[5, 0]);
        let scts = sct_list(false);
        let caught = Err(CorrespondError::Extension(8));
        assert_eq!(ending(&[POISON], &[&scts]), Ok(()));
        assert_eq!(ending(&[POISON], &[&more, &scts]), caught);
        assert_eq!(ending(&[&more, POISON], &[&scts]), caught);
        assert_eq!(ending(&[&more, POISON], &[&more, &scts]), Ok(()));
    }

    #[test]
    fn the_poison_and_the_sct_list_are_each_there_once_and_last() {
        let scts = sct_list(false);
        let critical = sct_list(true);
        let poison = Err(CorrespondError::Poison);
        let list = Err(CorrespondError::SctList);
        assert_eq!(ending(&[POISON], &[&critical]), list);
        assert_eq!(ending(&[POISON], &[]), list);
        assert_eq!(ending(&[], &[&scts]), poison);
        assert_eq!(ending(&[POISON, POISON], &[POISON, &scts]), poison);
        assert_eq!(ending(&[&scts, POISON], &[&scts, &scts]), list);
        let not_critical = extension(oid::POISON, false, &[5, 0]);
        assert_eq!(ending(&[&not_critical], &[&scts]), poison);
    }
}
