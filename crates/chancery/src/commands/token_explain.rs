//! `chancery token explain`: whether and as what a token would be certified.

use crate::cli::TokenExplainArgs;
use crate::failure::Failure;

pub(crate) async fn run(_args: &TokenExplainArgs) -> Result<(), Failure> {
    Err(Failure::failed("not there yet"))
}
