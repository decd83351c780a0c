//! The form of a bundle: what each version has, and what is no bundle.

use chancery_client::verify::Check;
use serde_json::{Value, json};

use super::planned;
use crate::world::{EntryV1, Format, Made, Statement};

fn remove(value: &mut Value, member: &str) -> Value {
    value.as_object_mut().unwrap().remove(member).unwrap()
}

/// Asserts that a good bundle is none after a change.
#[track_caller]
fn is_no_bundle(format: Format, change: impl FnOnce(&mut Made), saying: &str) {
    let mut made = planned(|plan| plan.format = format);
    made.holds();
    change(&mut made);
    made.is_no_bundle(saying);
}

#[test]
fn each_version_has_the_certificate_in_its_own_way() {
    is_no_bundle(
        Format::V0_2,
        |made| {
            made.bundle["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.3+json".into();
        },
        "0.3 have one certificate",
    );
    is_no_bundle(
        Format::V0_3,
        |made| _ = remove(made.material(), "certificate"),
        "no certificate",
    );
    is_no_bundle(
        Format::V0_2,
        |made| made.material()["x509CertificateChain"]["certificates"] = json!([]),
        "no certificate",
    );
    is_no_bundle(
        Format::V0_3,
        |made| {
            remove(made.material(), "certificate");
            made.material()["publicKey"] = json!({"hint": "a"});
        },
        "a key and not with a certificate",
    );
    for format in [Format::V0_1, Format::V0_2, Format::V0_3] {
        is_no_bundle(
            format,
            |made| made.bundle["mediaType"] = "application/json".into(),
            "no bundle of version",
        );
    }
}

#[test]
fn an_entry_without_a_proof_is_refused_in_every_version() {
    for format in [Format::V0_1, Format::V0_2, Format::V0_3] {
        let mut made = planned(|plan| plan.format = format);
        made.holds();
        remove(made.entry(), "inclusionProof");
        made.is_refused_by(Check::InclusionProof, "no inclusion proof");
        // Nor does a promise of a ledger that makes none help.
        made.entry()["inclusionPromise"] = json!({"signedEntryTimestamp": "AAAA"});
        made.entry()["integratedTime"] = "1793534405".into();
        made.is_refused_by(Check::InclusionProof, "no inclusion proof");
    }
}

#[test]
fn an_entry_at_a_negative_place_is_refused() {
    // Of Rekor v1 and without a promise, nobody signs it.
    let unsigned = EntryV1 {
        promised: false,
        ..EntryV1::default()
    };
    let mut made = planned(|plan| {
        plan.entries.clear();
        plan.entry_v1 = Some(unsigned);
    });
    made.holds();
    made.entry()["logIndex"] = "-1".into();
    made.is_no_bundle("negative");
}

#[test]
fn an_envelope_has_one_signature() {
    let good = planned(|plan| plan.statement = Some(Statement::of(b"artifact")));
    good.holds();
    let change = |change: &dyn Fn(&mut Value), saying: &str| {
        let mut made = good.clone();
        change(&mut made.bundle);
        made.is_no_bundle(saying);
    };
    change(
        &|bundle| {
            let signatures = &mut bundle["dsseEnvelope"]["signatures"];
            *signatures = json!([signatures[0], signatures[0]]);
        },
        "more elements",
    );
    change(
        &|bundle| bundle["dsseEnvelope"]["signatures"] = json!([]),
        "no signature",
    );
    change(
        &|bundle| bundle["messageSignature"] = json!({"signature": "AAAA"}),
        "both",
    );
    change(&|bundle| _ = remove(bundle, "dsseEnvelope"), "neither");
}

/// Every object of a bundle, and none of its lists.
fn objects(value: &Value, place: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            into.push(place.to_owned());
            for (name, member) in members {
                objects(member, &format!("{place}/{name}"), into);
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                objects(element, &format!("{place}/{index}"), into);
            }
        }
        _ => {}
    }
}

/// Bundles in which every kind of object is.
fn with_all_objects() -> [Made; 3] {
    let statement = planned(|plan| plan.statement = Some(Statement::of(b"artifact")));
    let chain = planned(|plan| plan.format = Format::V0_1);
    let mut promised = planned(|_| {});
    promised.entry()["inclusionPromise"] = json!({"signedEntryTimestamp": "AAAA"});
    [statement, chain, promised]
}

#[test]
fn a_member_that_is_not_known_is_refused_wherever_it_stands() {
    for made in with_all_objects() {
        made.holds();
        let mut places = Vec::new();
        objects(&made.bundle, "", &mut places);
        assert!(places.len() >= 12, "{places:?}");
        for place in places {
            let mut changed = made.clone();
            changed.bundle.pointer_mut(&place).unwrap()["extra"] = 1.into();
            changed.is_no_bundle("unknown field `extra`");
        }
    }
}

#[test]
fn a_list_in_the_place_of_an_object_is_refused_wherever_it_stands() {
    for made in with_all_objects() {
        let mut places = Vec::new();
        objects(&made.bundle, "", &mut places);
        for place in places {
            let mut changed = made.clone();
            let object = changed.bundle.pointer_mut(&place).unwrap();
            // In any order at all, such as the one in which they are declared.
            let mut members: Vec<_> = object.as_object().unwrap().values().cloned().collect();
            for _ in 0..members.len() {
                members.rotate_left(1);
                *changed.bundle.pointer_mut(&place).unwrap() = members.clone().into();
                changed.is_no_bundle("expected an object");
            }
        }
    }
}
