//! `chancery issuer test`: asks an issuer for its keys as `serve` would.

use crate::cli::IssuerTestArgs;
use crate::failure::Failure;

pub(crate) async fn run(_args: &IssuerTestArgs) -> Result<(), Failure> {
    Err(Failure::failed("not there yet"))
}
