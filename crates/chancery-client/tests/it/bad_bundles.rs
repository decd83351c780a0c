//! Bundles of the tests' own making. The good ones verify; each bad one is wrong in one thing, and
//! refused for it.

mod format;
mod logged;
mod rekor_v1;
mod signer;
mod times;

use chancery_client::verify::Check;

use crate::world::{Made, Plan, World};

/// Makes a bundle by a plan that is changed in one thing, after the same without the change held.
fn planned(change: impl FnOnce(&mut Plan)) -> Made {
    let world = World::new();
    let mut plan = Plan::default();
    plan.make(&world).holds();
    change(&mut plan);
    plan.make(&world)
}

/// Asserts that a bundle whose plan is changed is refused by this check, for this reason.
#[track_caller]
fn refused(change: impl FnOnce(&mut Plan), check: Check, saying: &str) {
    planned(change).is_refused_by(check, saying);
}

/// Asserts the same of a bundle or trusted root that is changed after it was made, and held.
#[track_caller]
fn refused_after(change: impl FnOnce(&mut Made), check: Check, saying: &str) {
    let mut made = planned(|_| {});
    change(&mut made);
    made.is_refused_by(check, saying);
}

/// Flips a bit in the middle of bytes in base64.
fn flip(value: &mut serde_json::Value) {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    let mut bytes = base64.decode(value.as_str().unwrap()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    *value = base64.encode(bytes).into();
}
