//! What logs and ledgers say: SCTs, entries, proofs and checkpoints.

use chancery_client::verify::Check;
use serde_json::{Value, json};

use super::{flip, planned, refused, refused_after};
use crate::world::{Entry, STRANGER, Sct, base64, window};

#[test]
fn a_good_bundle_says_which_logs_have_it() {
    let verified = planned(|_| {}).holds();
    assert_eq!(verified.scts()[0].leaf_index(), Some(7));
    assert_eq!(verified.entries()[0].log_index(), 1);
    assert_eq!(verified.entries()[0].ledger(), "rekor0.test");
}

#[test]
fn a_certificate_that_no_trusted_log_has_is_refused() {
    refused(|plan| plan.scts.clear(), Check::Sct, "holds no SCT");
    let by_stranger = vec![Sct::by(STRANGER)];
    refused(
        |plan| plan.scts = by_stranger,
        Check::Sct,
        "which is not trusted",
    );
    refused(
        |plan| plan.scts[0].of_another = true,
        Check::Sct,
        "signature of the SCT is wrong",
    );
}

#[test]
fn a_log_counts_in_its_window_only() {
    let place = "/ctlogs/0/publicKey/validFor";
    for over in [window(-20, Some(-1)), window(1, None)] {
        refused_after(
            |made| *made.root.pointer_mut(place).unwrap() = over,
            Check::Sct,
            "does not count at 2026-11-01T12:00:00Z",
        );
    }
    let mut just = planned(|_| {});
    *just.root.pointer_mut(place).unwrap() = window(0, Some(0));
    just.holds();
}

#[test]
fn a_ledger_counts_in_its_window_only() {
    let place = "/tlogs/0/publicKey/validFor";
    for over in [window(-20, Some(4)), window(6, None)] {
        refused_after(
            |made| *made.root.pointer_mut(place).unwrap() = over,
            Check::Ledger,
            "did not count when it was signed",
        );
    }
    let mut just = planned(|_| {});
    *just.root.pointer_mut(place).unwrap() = window(5, Some(5));
    just.holds();
}

#[test]
fn an_entry_of_no_trusted_ledger_is_refused() {
    refused(
        |plan| plan.entries = vec![Entry::in_ledger(STRANGER)],
        Check::Ledger,
        "1 ledgers that are not trusted",
    );
    refused(
        |plan| plan.entries.clear(),
        Check::Ledger,
        "0 trusted ledgers",
    );
}

#[test]
fn a_checkpoint_that_is_not_the_ledgers_is_refused() {
    refused(
        |plan| plan.entries[0].signed_by = Some(1),
        Check::Checkpoint,
        "the signature of rekor0.test is wrong",
    );
    // Its own signature under an origin that is another ledger's, trusted as well.
    refused(
        |plan| plan.entries[0].origin = Some("rekor1.test"),
        Check::Checkpoint,
        "it is of rekor1.test, and not of rekor0.test",
    );
    // The checkpoint that another trusted ledger has signed for itself.
    let other = planned(|plan| plan.entries = vec![Entry::in_ledger(1)]);
    other.holds();
    let other = { other }.proof()["checkpoint"].clone();
    refused_after(
        |made| made.proof()["checkpoint"] = other,
        Check::Checkpoint,
        "none of its signatures is by the key of rekor0.test",
    );
    refused_after(
        |made| _ = made.proof().as_object_mut().unwrap().remove("checkpoint"),
        Check::Checkpoint,
        "no checkpoint",
    );
}

#[test]
fn a_proof_that_does_not_lead_to_the_checkpoint_is_refused() {
    refused_after(
        |made| flip(&mut made.proof()["rootHash"]),
        Check::InclusionProof,
        "another root",
    );
    refused_after(
        |made| made.proof()["treeSize"] = "5".into(),
        Check::InclusionProof,
        "another size",
    );
    for hash in 0..2 {
        refused_after(
            |made| flip(&mut made.proof()["hashes"][hash]),
            Check::InclusionProof,
            "does not lead to the root",
        );
    }
    refused_after(
        |made| made.proof()["hashes"] = json!([]),
        Check::InclusionProof,
        "0 hashes instead of 2",
    );
    refused_after(
        |made| made.proof()["hashes"][0] = base64([0; 31]).into(),
        Check::InclusionProof,
        "31",
    );
    // Where it is said to be, in the proof, in the entry, and in both.
    refused_after(
        |made| made.proof()["logIndex"] = "0".into(),
        Check::InclusionProof,
        "does not lead to the root",
    );
    refused_after(
        |made| made.entry()["logIndex"] = "0".into(),
        Check::InclusionProof,
        "another place than its proof",
    );
    refused_after(
        |made| {
            made.entry()["logIndex"] = "2".into();
            made.proof()["logIndex"] = "2".into();
        },
        Check::InclusionProof,
        "does not lead to the root",
    );
}

#[test]
fn an_entry_of_something_else_is_refused() {
    refused(
        |plan| plan.entries[0].digest = Some(vec![7; 32]),
        Check::EntryBody,
        "another artifact",
    );
    refused(
        |plan| plan.entries[0].signature = Some(vec![7; 70]),
        Check::EntryBody,
        "another signature",
    );
    refused(
        |plan| plan.entries[0].certificate = Some(vec![7; 70]),
        Check::EntryBody,
        "another certificate",
    );
}

type Change = fn(&mut Value);

#[test]
fn an_entry_of_another_form_is_refused() {
    let changes: [(Change, &str); 5] = [
        (|body| body["extra"] = 1.into(), "no entry of Rekor v2"),
        (|body| body["apiVersion"] = "0.0.1".into(), "another kind"),
        (|body| body["kind"] = "dsse".into(), "another kind"),
        (
            |body| {
                let spec = &mut body["spec"];
                *spec = json!({"dsseV002": spec["hashedRekordV002"]});
            },
            "no entry of Rekor v2",
        ),
        // A list for an object with one member, which says the same to a reader that takes it.
        (
            |body| {
                let place = "/spec/hashedRekordV002/signature/verifier/x509Certificate";
                let certificate = body.pointer_mut(place).unwrap();
                *certificate = json!([certificate["rawBytes"]]);
            },
            "no entry of Rekor v2",
        ),
    ];
    for (change, saying) in changes {
        refused(
            |plan| plan.entries[0].change = Some(change),
            Check::EntryBody,
            saying,
        );
    }
}

#[test]
fn two_logs_or_ledgers_are_two_different_ones() {
    for (second, holds) in [(0, false), (1, true), (STRANGER, false)] {
        let mut entries =
            planned(|plan| plan.entries = vec![Entry::in_ledger(0), Entry::in_ledger(second)]);
        entries.holds();
        entries.thresholds.entries = 2;
        let mut scts = planned(|plan| plan.scts = vec![Sct::by(0), Sct::by(second)]);
        scts.holds();
        scts.thresholds.scts = 2;
        if holds {
            assert_eq!(entries.holds().entries().len(), 2);
            assert_eq!(scts.holds().scts().len(), 2);
        } else {
            entries.is_refused_by(
                Check::Ledger,
                "1 trusted ledgers have the signature, 2 must",
            );
            scts.is_refused_by(Check::Sct, "trusted");
        }
    }
}
