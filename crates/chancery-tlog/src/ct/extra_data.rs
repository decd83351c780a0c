//! The `extra_data` of RFC 6962's get-entries: what is known of an entry but not hashed.
//!
//! RFC 6962, section 4.6: <https://www.rfc-editor.org/rfc/rfc6962#section-4.6>
//! ```text
//! x509_entry:    u24-len { u24-len certificate }*
//! precert_entry: u24-len precertificate ‖ u24-len { u24-len certificate }*
//! ```

use super::entry::{Entry, EntryError, check_length};
use super::wire::put_vector;

/// Returns the `extra_data` of an entry, given the DER of each certificate of its chain, the
/// issuer first: those that [`Entry::chain_fingerprints`] names.
///
/// # Errors
///
/// When a certificate is empty, or the chain is too long for its length field.
pub fn extra_data(entry: &Entry, chain: &[&[u8]]) -> Result<Vec<u8>, EntryError> {
    let mut certificates = Vec::new();
    for certificate in chain {
        check_length("chain certificate", certificate)?;
        put_vector::<3>(&mut certificates, certificate);
    }
    if !certificates.is_empty() {
        check_length("certificate chain", &certificates)?;
    }
    let mut out = Vec::new();
    if let Entry::Precert(entry) = entry {
        put_vector::<3>(&mut out, entry.precertificate());
    }
    put_vector::<3>(&mut out, &certificates);
    Ok(out)
}
