//! What RFC 6962 demands of a precertificate.

use super::{Inspected, Lint, ensure, lints};
use crate::oid;

pub(super) const LINTS: &[Lint] = lints![
    the_poison_is_critical_and_null: "RFC 6962, 3.1",
    the_poison_is_the_last_extension: "RFC 6962, 3.2",
    there_is_no_sct_list_yet: "RFC 6962, 3.3",
];

fn the_poison_is_critical_and_null(inspected: &Inspected<'_>) -> Result<(), String> {
    let poison = inspected.raw.extensions_with(oid::POISON).next();
    let poison = poison.ok_or("there is no poison, so it would be a certificate")?;
    ensure(poison.critical && poison.value == [0x05, 0x00], || {
        "the poison is not critical, or not NULL".to_owned()
    })
}

/// The RFC lets it stand anywhere; last, it can be cut off and replaced without touching the rest.
fn the_poison_is_the_last_extension(inspected: &Inspected<'_>) -> Result<(), String> {
    let last = inspected.raw.extensions.last();
    ensure(last.is_some_and(|last| last.is(oid::POISON)), || {
        "the last extension is not the poison".to_owned()
    })
}

fn there_is_no_sct_list_yet(inspected: &Inspected<'_>) -> Result<(), String> {
    let mut lists = inspected.raw.extensions_with(oid::SCT_LIST);
    ensure(lists.next().is_none(), || {
        "a precertificate cannot hold the log's answer to itself".to_owned()
    })
}
