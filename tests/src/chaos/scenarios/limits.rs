//! To come.
use super::super::{Options, Outcome};
pub(super) async fn output_blocked(_: &Options) -> anyhow::Result<Outcome> {
    Ok(Outcome::LeftOut(String::new()))
}
pub(super) async fn descriptors(_: &Options) -> anyhow::Result<Outcome> {
    Ok(Outcome::LeftOut(String::new()))
}
