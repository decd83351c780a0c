//! Plans that somebody has made to deceive those who sign.

use std::time::{Duration, SystemTime};

use chancery_keys::Signer as _;
use chancery_trust::documents::{CLIENT_TRUST_CONFIG, SIGNING_CONFIG, TRUSTED_ROOT, Window};
use chancery_trust::plan::{Plan, PlanError};
use chancery_trust::tuf::{RepositoryError, TargetFile};
use chancery_trust::update::Context;
use serde_json::Value;

use crate::instance::{Keys, begin, first_log, key, plan, sign, update, wanted};

fn json(plan: &Plan) -> Value {
    serde_json::from_slice(&plan.to_bytes()).unwrap()
}

/// The targets key is asked to sign another's log, which is shown as if it were published already:
/// by a root that the forger has made, in which the targets key counts.
#[tokio::test]
async fn a_plan_that_compares_with_a_forged_root_is_not_signed() {
    let now = SystemTime::now();
    let keys = Keys::new();
    let ours = begin(&keys, Vec::new(), now).await;
    let (_, evil) = first_log(now);
    let mut forger = Keys::new();
    forger.root = key();
    let theirs = begin(&forger, vec![evil.clone()], now).await;
    let mut evil_wanted = wanted(&forger, vec![evil]);
    // The real key beside the forger's, by which the forged version before is signed.
    let of_targets = evil_wanted
        .keys
        .get_mut(&chancery_trust::tuf::Role::Targets)
        .unwrap();
    of_targets.keys.push(keys.targets.public_key().clone());
    let mut grown = plan(Some(&theirs), &evil_wanted, now);
    sign(&mut grown, &[&forger.root]).await;
    let theirs = update(&grown, Some(&theirs), Some(theirs.root()), &forger, now).await;
    let theirs = theirs.unwrap().repository().clone();
    let later = now + Duration::from_hours(24 * 200);
    let mut forged = plan(Some(&theirs), &evil_wanted, later);
    let shown = forged.difference().to_string();
    assert!(!shown.contains("+ log"), "{shown}");
    assert!(!forged.sign(&keys.targets).await.unwrap().is_empty());

    let refused = forged.require_from(ours.root()).unwrap_err();
    assert!(
        matches!(refused, PlanError::Untrusted(RepositoryError::OtherRoot(_))),
        "{refused}"
    );
    // One that has the real root in front of the forged one.
    let honest = json(&plan(Some(&ours), &wanted(&forger, Vec::new()), now));
    let mut spliced = json(&forged);
    spliced["previous"]["roots"][0] = honest["previous"]["roots"][0].clone();
    let refused = Plan::parse(spliced.to_string().as_bytes()).unwrap_err();
    assert!(matches!(refused, PlanError::Previous(_)), "{refused}");
    // One that compares with nothing.
    let mut first = plan(None, &evil_wanted, now);
    sign(&mut first, &[&keys.targets]).await;
    let refused = first.require_from(ours.root()).unwrap_err();
    assert!(matches!(refused, PlanError::First), "{refused}");
}

#[tokio::test]
async fn whoever_keeps_an_older_root_can_follow_to_the_newest() {
    let now = SystemTime::now();
    let mut keys = Keys::new();
    let first = begin(&keys, Vec::new(), now).await;
    let old = std::mem::replace(&mut keys.root, key());
    let mut rotation = plan(Some(&first), &wanted(&keys, Vec::new()), now);
    sign(&mut rotation, &[&old, &keys.root]).await;
    let second = update(&rotation, Some(&first), Some(first.root()), &keys, now).await;
    let second = second.unwrap().repository().clone();
    let (_, log) = first_log(now);
    let next = plan(Some(&second), &wanted(&keys, vec![log]), now);
    next.require_from(first.root()).unwrap();
    next.require_from(second.root()).unwrap();
    let said = next.difference().to_string();
    assert!(said.contains("targets, version 2 after 1"), "{said}");
    // A root that comes after all that it compares with.
    let (_, log) = first_log(now);
    let replayed = plan(Some(&first), &wanted(&keys, vec![log]), now);
    let refused = replayed.require_from(second.root()).unwrap_err();
    assert!(
        matches!(
            refused,
            PlanError::Untrusted(RepositoryError::RootMissing { .. })
        ),
        "{refused}"
    );
}

/// Puts a document into a plan that is to be signed, as one would who forges it wholly.
fn with_document(plan: &Plan, name: &str, text: &str) -> Vec<u8> {
    let mut forged = json(plan);
    forged["documents"][name] = text.into();
    let file = serde_json::to_value(TargetFile::of(text.as_bytes())).unwrap();
    forged["targets"]["signed"]["targets"][name] = file;
    serde_json::to_vec(&forged).unwrap()
}

#[tokio::test]
async fn nothing_is_signed_that_is_not_shown() {
    let now = SystemTime::now();
    let keys = Keys::new();
    let before = begin(&keys, Vec::new(), now).await;
    let (_, log) = first_log(now);
    let honest = plan(Some(&before), &wanted(&keys, vec![log]), now);
    let said = honest.difference().to_string();
    for name in [TRUSTED_ROOT, SIGNING_CONFIG, CLIENT_TRUST_CONFIG] {
        assert_eq!(
            said.contains(&format!("~ file {name}: sha256 ")),
            name != SIGNING_CONFIG,
            "{said}"
        );
    }
    assert!(said.contains(", id "), "{said}");
    assert!(said.contains("PKIX_ECDSA_P256_SHA_256"), "{said}");

    let documents = json(&honest)["documents"].clone();
    let text = |name: &str| documents[name].as_str().unwrap().to_owned();
    let (root, both) = (text(TRUSTED_ROOT), text(CLIENT_TRUST_CONFIG));
    let mut twice: Value = serde_json::from_str(&root).unwrap();
    let mut ever = twice["ctlogs"][0].clone();
    ever["publicKey"]["validFor"]["start"] = "1970-01-01T00:00:00Z".into();
    twice["ctlogs"].as_array_mut().unwrap().insert(0, ever);
    let forged = [
        (CLIENT_TRUST_CONFIG, both.replace("/ct/first", "/ct/other")),
        (
            CLIENT_TRUST_CONFIG,
            both.replacen('{', "{\"trustedRoot\":{},", 1),
        ),
        (TRUSTED_ROOT, root.replacen('{', "{\"ctlogs\":[],", 1)),
        (TRUSTED_ROOT, twice.to_string()),
        ("rekor.pub", "a key".to_owned()),
    ];
    for (name, text) in forged {
        let refused = Plan::parse(&with_document(&honest, name, &text)).unwrap_err();
        assert!(
            matches!(refused, PlanError::Inconsistent(_)),
            "{name}: {refused}"
        );
    }
}

#[tokio::test]
async fn a_log_is_not_listed_twice_and_both_would_be_shown() {
    let now = SystemTime::now();
    let keys = Keys::new();
    let before = begin(&keys, Vec::new(), now).await;
    let (_, log) = first_log(now);
    let mut ever = log.clone();
    ever.window = Window::between(SystemTime::UNIX_EPOCH, None);
    let twice = wanted(&keys, vec![ever, log]);
    let plan = Plan::new(Some(&before), &twice, &Context::at(now));
    let plan = plan.unwrap().unwrap();
    let said = plan.difference().to_string();
    assert!(said.contains("from 1970-01-01T00:00:00Z"), "{said}");
    assert_eq!(said.matches("+ log").count(), 2, "{said}");
    let refused = Plan::parse(&plan.to_bytes()).unwrap_err();
    assert!(refused.to_string().contains("twice"), "{refused}");
}

#[tokio::test]
async fn what_is_shown_cannot_write_over_other_lines() {
    let now = SystemTime::now();
    let keys = Keys::new();
    let before = begin(&keys, Vec::new(), now).await;
    let (_, log) = first_log(now);
    let mut wanted = wanted(&keys, vec![log]);
    let root = String::from_utf8(wanted.documents.trusted_root).unwrap();
    let root = root.replace("/ct/first", "/ct/first\\n\\u001b[2K");
    wanted.documents.trusted_root = root.into_bytes();
    let plan = Plan::new(Some(&before), &wanted, &Context::at(now));
    let said = plan.unwrap().unwrap().difference();
    let line = said
        .lines()
        .iter()
        .find(|line| line.contains("+ log"))
        .unwrap();
    assert!(line.contains("/ct/first\\n\\u{1b}[2K"), "{line}");
    assert!(!said.to_string().contains('\x1b'), "{said}");
}
