//! That signatures under a certificate will verify, before there are any: its chain and its log's
//! receipt.

use std::time::SystemTime;

use super::VerifyError;
use super::chain::{self, Leaf};
use super::sct;
use crate::trust::TrustMaterial;

/// Verifies that a certificate leads to a trusted root at a time, and that a trusted log has it.
///
/// # Errors
/// [`VerifyError`] names the check that failed, and why.
pub(crate) fn verify(
    trust: &TrustMaterial,
    certificate: &[u8],
    time: SystemTime,
) -> Result<(), VerifyError> {
    let leaf = Leaf::read(certificate)?;
    let chain = chain::verify(trust, &leaf, &[time])?;
    sct::verify(trust, &leaf, &chain, 1)?;
    Ok(())
}
