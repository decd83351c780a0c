//! When it was signed: timestamps, and what was valid at their time.

use chancery_client::verify::Check;

use super::{planned, refused, refused_after};
use crate::world::{LIFETIME, Plan, STRANGER, Stamp, World, at, window};

#[test]
fn a_timestamp_says_the_time() {
    let verified = planned(|_| {}).holds();
    assert_eq!(verified.times()[0].time(), at(5));
    assert_eq!(verified.times()[0].authority(), "https://tsa0.test");
}

#[test]
fn a_timestamp_of_something_else_or_by_a_stranger_is_refused() {
    refused(
        |plan| plan.stamps[0].of = Some(b"another signature".to_vec()),
        Check::Time,
        "other data",
    );
    let by_stranger = vec![Stamp::by(STRANGER)];
    refused(
        |plan| plan.stamps = by_stranger,
        Check::Time,
        "an authority that is not",
    );
    refused(
        |plan| plan.stamps.clear(),
        Check::Time,
        "0 trusted authorities",
    );
    refused_after(
        |made| made.root["timestampAuthorities"] = serde_json::json!([]),
        Check::Time,
        "no timestamp authority is trusted",
    );
}

#[test]
fn a_timestamp_authority_counts_while_its_certificates_are_valid() {
    let world = World::new();
    let mut made = Plan::default().make(&world);
    made.holds();
    made.root["timestampAuthorities"] = serde_json::json!([world.expired_timestamps()]);
    made.is_refused_by(Check::Time, "not valid at the time that is stamped");
}

#[test]
fn a_timestamp_authority_counts_in_its_window_only() {
    let place = "/timestampAuthorities/0/validFor";
    for over in [window(-20, Some(4)), window(6, None)] {
        refused_after(
            |made| *made.root.pointer_mut(place).unwrap() = over,
            Check::Time,
            "does not count at 2026-11-01T12:00:05Z",
        );
    }
    let mut just = planned(|_| {});
    *just.root.pointer_mut(place).unwrap() = window(5, Some(5));
    just.holds();
}

#[test]
fn the_certificate_must_be_valid_at_the_time() {
    for time in [-1, LIFETIME + 1] {
        refused(
            |plan| plan.stamps[0].at = time,
            Check::Chain,
            "was not valid at 2026-11-01T1",
        );
    }
    for time in [0, LIFETIME] {
        planned(|plan| plan.stamps[0].at = time).holds();
    }
    // One good time does not make up for a bad one.
    for order in [[0, 1], [1, 0]] {
        let stamps = order.map(|by| Stamp {
            at: if by == 0 { 5 } else { LIFETIME + 1 },
            ..Stamp::by(by)
        });
        refused(
            |plan| plan.stamps = stamps.to_vec(),
            Check::Chain,
            "was not valid at",
        );
    }
}

#[test]
fn the_authority_counts_in_its_window_only() {
    let place = "/certificateAuthorities/0/validFor";
    for over in [window(-20, Some(4)), window(6, None)] {
        refused_after(
            |made| *made.root.pointer_mut(place).unwrap() = over,
            Check::Chain,
            "the authority does not count at 2026-11-01T12:00:05Z",
        );
    }
    let mut just = planned(|_| {});
    *just.root.pointer_mut(place).unwrap() = window(5, Some(5));
    just.holds();
}

#[test]
fn two_times_are_of_two_different_authorities() {
    for (second, holds) in [(0, false), (1, true), (STRANGER, false)] {
        let mut made = planned(|plan| plan.stamps = vec![Stamp::by(0), Stamp::by(second)]);
        made.holds();
        made.thresholds.times = 2;
        if holds {
            assert_eq!(made.holds().times().len(), 2);
        } else {
            made.is_refused_by(Check::Time, "authorit");
        }
    }
}

#[test]
fn what_is_trusted_in_two_windows_counts_in_either() {
    let places = [
        ("certificateAuthorities", "/validFor", Check::Chain),
        ("ctlogs", "/publicKey/validFor", Check::Sct),
        ("tlogs", "/publicKey/validFor", Check::Ledger),
        ("timestampAuthorities", "/validFor", Check::Time),
    ];
    for (kind, member, check) in places {
        for first in [true, false] {
            let mut made = planned(|_| {});
            made.holds();
            let mut over = made.root[kind][0].clone();
            *over.pointer_mut(member).unwrap() = window(-20, Some(-10));
            let good = made.root[kind][0].clone();
            made.root[kind] = serde_json::json!(match first {
                true => [over.clone(), good],
                false => [good, over.clone()],
            });
            made.holds();
            made.root[kind] = serde_json::json!([over.clone(), over]);
            made.is_refused_by(check, "count");
        }
    }
}
