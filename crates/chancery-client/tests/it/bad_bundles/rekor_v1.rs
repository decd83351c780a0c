//! Entries of Rekor v1: their promises, their proofs, and which of both each version of bundles has.

use chancery_client::verify::{Check, TimeSource};

use super::{flip, planned};
use crate::world::{EntryV1, Format, LIFETIME, Made, Statement, at, window};

/// Where the window of the ledger is in the trusted root.
const WINDOW: &str = "/tlogs/2/publicKey/validFor";

/// Makes a bundle with no other time and entry.
fn entered(format: Format, entry: EntryV1) -> Made {
    planned(|plan| {
        plan.format = format;
        plan.entries.clear();
        plan.stamps.clear();
        plan.entry_v1 = Some(entry);
    })
}

fn promised(entry: EntryV1) -> Made {
    entered(Format::V0_3, entry)
}

#[test]
fn a_promise_is_a_time_and_a_place() {
    let verified = promised(EntryV1::default()).holds();
    assert_eq!(verified.times()[0].source(), TimeSource::LedgerPromise);
    assert_eq!(verified.times()[0].time(), at(5));
    assert_eq!(verified.times()[0].authority(), "rekor.old.test");
    assert_eq!(verified.entries()[0].log_index(), 1_001);
    assert_eq!(verified.entries()[0].tree_index(), Some(1));
}

#[test]
fn an_envelope_may_be_entered_by_the_digest_of_what_its_signature_is_over() {
    let mut made = planned(|plan| {
        plan.statement = Some(Statement::of(b"artifact"));
        plan.entries.clear();
        plan.entry_v1 = Some(EntryV1::default());
    });
    let verified = made.holds();
    assert_eq!(verified.entries()[0].kind(), "hashedrekord 0.0.1");
    flip(&mut made.bundle["dsseEnvelope"]["payload"]);
    made.is_refused_by(Check::EntryBody, "another digest");
}

#[test]
fn a_promise_alone_is_enough_in_version_0_1_only() {
    let alone = EntryV1 {
        proven: false,
        ..EntryV1::default()
    };
    let verified = entered(Format::V0_1, alone).holds();
    assert_eq!(verified.entries()[0].tree_index(), None);
    for format in [Format::V0_2, Format::V0_3] {
        entered(format, EntryV1::default()).holds();
        entered(format, alone).is_refused_by(Check::InclusionProof, "a promise and no proof");
    }
}

#[test]
fn a_proof_alone_says_no_time() {
    let alone = EntryV1 {
        promised: false,
        ..EntryV1::default()
    };
    for format in [Format::V0_1, Format::V0_2, Format::V0_3] {
        entered(format, alone).is_refused_by(Check::Time, "0 trusted authorities");
        let mut stamped = planned(|plan| {
            plan.format = format;
            plan.entries.clear();
            plan.entry_v1 = Some(alone);
        });
        if matches!(format, Format::V0_1) {
            stamped.is_refused_by(Check::InclusionPromise, "version 0.1 must have");
            continue;
        }
        // Nobody has signed the place among all trees.
        assert_eq!(stamped.holds().entries()[0].log_index(), 1);
        // Nor the time: what it is said to be does not bring the ledger into its window.
        stamped.entry()["integratedTime"] = "1793534409".into();
        stamped.holds();
        *stamped.root.pointer_mut(WINDOW).unwrap() = window(8, Some(10));
        stamped.is_refused_by(Check::Ledger, "did not count when it was signed");
    }
    let neither = EntryV1 {
        proven: false,
        ..alone
    };
    planned(|plan| {
        plan.entries.clear();
        plan.entry_v1 = Some(neither);
    })
    .is_refused_by(Check::InclusionProof, "neither");
}

#[test]
fn a_promise_of_something_else_is_refused() {
    let changes: [fn(&mut Made); 3] = [
        |made| flip(&mut made.entry()["inclusionPromise"]["signedEntryTimestamp"]),
        |made| made.entry()["integratedTime"] = "1793534406".into(),
        |made| made.entry()["logIndex"] = "1002".into(),
    ];
    for change in changes {
        let mut alone = promised(EntryV1::default());
        change(&mut alone);
        alone.is_refused_by(Check::InclusionPromise, "not signed by the log");
        // With another time it is no time, and still wrong.
        let mut stamped = planned(|plan| {
            plan.entries.clear();
            plan.entry_v1 = Some(EntryV1::default());
        });
        stamped.holds();
        change(&mut stamped);
        stamped.is_refused_by(Check::InclusionPromise, "not signed by the log");
    }
}

#[test]
fn a_promise_counts_in_the_ledgers_window_and_must_fall_into_the_certificates() {
    for over in [window(-20, Some(4)), window(6, None)] {
        let mut made = promised(EntryV1::default());
        made.holds();
        *made.root.pointer_mut(WINDOW).unwrap() = over;
        made.is_refused_by(Check::Ledger, "outside the window");
    }
    for at in [-1, LIFETIME + 1] {
        let entry = EntryV1 {
            at,
            ..EntryV1::default()
        };
        promised(entry).is_refused_by(Check::Chain, "was not valid at");
    }
}

#[test]
fn a_checkpoint_names_its_tree() {
    for origin in [
        "rekor.old.test",
        "rekor.old.test - tree",
        "rekor.old.test - ",
    ] {
        let entry = EntryV1 {
            origin,
            ..EntryV1::default()
        };
        promised(entry).is_refused_by(Check::Checkpoint, "its origin is not HOST - TREE-ID");
    }
    let entry = EntryV1 {
        origin: "other.test - 42",
        ..EntryV1::default()
    };
    promised(entry).is_refused_by(Check::Checkpoint, "none of its signatures");
    // A server may call itself by another name than its URL; what counts is the key.
    let entry = EntryV1 {
        name: "other.test",
        ..entry
    };
    promised(entry).holds();
    let mut made = promised(EntryV1::default());
    flip(&mut made.proof()["hashes"][1]);
    made.is_refused_by(Check::InclusionProof, "does not lead to the root");
}
