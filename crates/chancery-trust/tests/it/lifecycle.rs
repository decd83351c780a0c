//! Planning, signing, publishing and renewing; and what is refused.

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use chancery_keys::{KeyType, LocalKey, Signer as _};
use chancery_trust::documents::Window;
use chancery_trust::plan::{Plan, PlanError};
use chancery_trust::tuf::{Repository, RepositoryError, Role, RoleKeys, Versions};
use chancery_trust::update::{Context, Lifetimes, Renewal, UpdateError, due, renew};

use crate::instance::{
    DAY, Keys, begin, first_log, key, log, parsed_root, plan, sign, update, wanted,
};

fn versions(repository: &Repository) -> [u32; 4] {
    Role::ALL.map(|role| repository.versions().of(role))
}

#[tokio::test]
async fn a_log_is_added_by_targets_keys_alone_and_the_difference_says_so() {
    let now = SystemTime::now();
    let keys = Keys::new();
    let (_, first) = first_log(now);
    let before = begin(&keys, vec![first.clone()], now).await;
    assert_eq!(versions(&before), [1, 1, 1, 1]);
    let same = wanted(&keys, vec![first.clone()]);
    let nothing = Plan::new(Some(&before), &same, &Context::at(now));
    assert!(nothing.unwrap().is_none());

    let second = LocalKey::generate(KeyType::P256).unwrap();
    let mut ending = first;
    ending.window = Window::between(now, Some(now + 30 * DAY));
    let second = log("second", second.public_key(), now + 30 * DAY);
    let mut plan = plan(Some(&before), &wanted(&keys, vec![ending, second]), now);
    let said = plan.difference().to_string();
    assert!(said.contains("+ log https://ca.test/ct/second"), "{said}");
    assert!(said.contains("~ log https://ca.test/ct/first"), "{said}");
    let roles: Vec<Role> = plan.needed().iter().map(|needed| needed.role).collect();
    assert_eq!(roles, [Role::Targets]);
    assert!(plan.sign(&keys.root).await.unwrap().is_empty());
    sign(&mut plan, &[&keys.targets]).await;
    let after = update(&plan, Some(&before), Some(before.root()), &keys, now).await;
    let after = after.unwrap();
    assert_eq!(versions(after.repository()), [1, 2, 2, 2]);
    assert_eq!(after.after(), Some(NonZeroU32::MIN));
}

#[tokio::test]
async fn a_new_root_key_needs_the_signatures_of_both() {
    let now = SystemTime::now();
    let mut keys = Keys::new();
    let before = begin(&keys, Vec::new(), now).await;
    let old_root = std::mem::replace(&mut keys.root, key());
    let old_targets = std::mem::replace(&mut keys.targets, key());
    let mut plan = plan(Some(&before), &wanted(&keys, Vec::new()), now);
    assert_eq!(plan.needed().len(), 3);
    let first = parsed_root(before.files(), 1);
    let refused = async |plan: &Plan, keys: &Keys| {
        let error = update(plan, Some(&before), Some(&first), keys, now).await;
        matches!(
            error,
            Err(UpdateError::Repository(RepositoryError::Threshold(_)))
        )
    };
    sign(&mut plan, &[&keys.root, &keys.targets]).await;
    assert!(refused(&plan, &keys).await);
    assert!(plan.sign(&old_targets).await.unwrap().is_empty());
    sign(&mut plan, &[&old_root]).await;
    assert!(plan.needed().iter().all(|needed| needed.is_complete()));
    let after = update(&plan, Some(&before), Some(&first), &keys, now).await;
    let after = after.unwrap();
    assert_eq!(versions(after.repository()), [2, 2, 2, 2]);
    // Whoever trusts the newest root may verify with it, too.
    let newest = parsed_root(after.repository().files(), 2);
    Repository::verify(after.repository().files().clone(), &newest).unwrap();
}

#[tokio::test]
async fn as_many_signatures_as_the_threshold_are_needed_of_different_keys() {
    let now = SystemTime::now();
    let keys = Keys::new();
    let (second, third) = (key(), key());
    let mut wanted = wanted(&keys, Vec::new());
    let of_three = RoleKeys {
        keys: [&keys.root, &second, &third]
            .map(|key| key.public_key().clone())
            .into(),
        threshold: NonZeroU32::new(2).unwrap(),
    };
    wanted.keys.insert(Role::Root, of_three);
    let mut plan = plan(None, &wanted, now);
    sign(&mut plan, &[&keys.root, &keys.root, &keys.targets]).await;
    assert!(update(&plan, None, None, &keys, now).await.is_err());
    sign(&mut plan, &[&third]).await;
    update(&plan, None, None, &keys, now).await.unwrap();
}

#[tokio::test]
async fn a_plan_that_was_overtaken_or_altered_is_refused() {
    let now = SystemTime::now();
    let keys = Keys::new();
    let before = begin(&keys, Vec::new(), now).await;
    let (_, first) = first_log(now);
    let mut late = plan(Some(&before), &wanted(&keys, vec![first]), now);
    sign(&mut late, &[&keys.targets]).await;
    let (_, other) = first_log(now);
    let mut early = plan(Some(&before), &wanted(&keys, vec![other]), now);
    sign(&mut early, &[&keys.targets]).await;
    let trusted = Some(before.root());
    let published = update(&early, Some(&before), trusted, &keys, now).await;
    let published = published.unwrap().repository().clone();
    let refused = update(&late, Some(&published), trusted, &keys, now).await;
    assert!(matches!(
        refused,
        Err(UpdateError::Repository(RepositoryError::Rewritten { .. }))
    ));

    let text = String::from_utf8(late.to_bytes()).unwrap();
    let altered = text.replace("https://ca.test/ct/first", "https://ca.test/ct/other");
    let error = Plan::parse(altered.as_bytes()).unwrap_err();
    assert!(matches!(error, PlanError::Inconsistent(_)), "{error}");
    // One that compares with what was never published.
    let altered = text.replacen("\"threshold\": 1", "\"threshold\": 2", 1);
    assert_ne!(altered, text);
    Plan::parse(altered.as_bytes()).unwrap_err();
}

#[tokio::test]
async fn whoever_writes_the_database_does_not_become_the_trust_root() {
    let now = SystemTime::now();
    let keys = Keys::new();
    let ours = begin(&keys, Vec::new(), now).await;
    let theirs = begin(&Keys::new(), Vec::new(), now).await;
    let trusted = ours.root();
    let error = |files| Repository::verify(files, trusted).unwrap_err();

    let other_root = error(theirs.files().clone());
    assert!(matches!(other_root, RepositoryError::OtherRoot(_)));

    let mut appended = ours.files().clone();
    appended.roots.extend(theirs.files().roots.clone());
    assert!(matches!(
        error(appended),
        RepositoryError::RootVersion { .. }
    ));

    let mut other_targets = ours.files().clone();
    other_targets.targets = theirs.files().targets.clone();
    assert!(matches!(
        error(other_targets),
        RepositoryError::Threshold(_)
    ));

    let mut other_document = ours.files().clone();
    for content in other_document.documents.values_mut() {
        content[0] ^= 1;
    }
    assert!(matches!(
        error(other_document),
        RepositoryError::Document(_)
    ));

    let mut none = ours.files().clone();
    none.roots.clear();
    assert!(matches!(error(none), RepositoryError::RootMissing { .. }));
}

#[tokio::test]
async fn the_server_renews_at_half_life_what_it_signs_and_nothing_else() {
    let now = SystemTime::now();
    let keys = Keys::new();
    let lifetimes = Lifetimes::default();
    let first = begin(&keys, Vec::new(), now).await;
    let half = lifetimes.timestamp / 2;
    let second = Duration::from_secs(2);
    assert_eq!(due(&first, &Context::at(now + half - second)), None);
    let later = now + half + second;
    let renewal = due(&first, &Context::at(later)).unwrap();
    assert_eq!(renewal, Renewal { snapshot: false });
    let renewed = renew(&first, renewal, keys.online(), &Context::at(later)).await;
    let renewed = renewed.unwrap();
    assert_eq!(versions(renewed.repository()), [1, 1, 1, 2]);
    assert_eq!(due(renewed.repository(), &Context::at(later)), None);

    let later = now + lifetimes.snapshot / 2 + second;
    let renewal = due(renewed.repository(), &Context::at(later)).unwrap();
    assert_eq!(renewal, Renewal { snapshot: true });
    let renewed = renew(
        renewed.repository(),
        renewal,
        keys.online(),
        &Context::at(later),
    )
    .await;
    assert_eq!(versions(renewed.unwrap().repository()), [1, 1, 2, 3]);

    // Other keys than the root's.
    let refused = renew(&first, renewal, Keys::new().online(), &Context::at(later)).await;
    assert!(matches!(
        refused,
        Err(UpdateError::Repository(RepositoryError::Threshold(_)))
    ));
    // Root and targets have expired, which only people can mend.
    let late = now + lifetimes.root;
    let refused = renew(&first, renewal, keys.online(), &Context::at(late)).await;
    assert!(matches!(refused, Err(UpdateError::Expired(Role::Root))));
}

#[tokio::test]
async fn versions_never_go_back() {
    let now = SystemTime::now();
    let keys = Keys::new();
    let first = begin(&keys, Vec::new(), now).await;
    let renewal = Renewal { snapshot: true };
    let second = renew(&first, renewal, keys.online(), &Context::at(now)).await;
    let second = second.unwrap().repository().clone();
    second.require_after(&first).unwrap();
    second.require_after(&second).unwrap();
    let back = first.require_after(&second);
    assert!(matches!(
        back,
        Err(RepositoryError::Rollback {
            role: Role::Snapshot,
            ..
        })
    ));
    // A second one that was made beside the other is not the same.
    let beside = renew(&first, renewal, keys.online(), &Context::at(now + DAY)).await;
    let beside = beside.unwrap().repository().clone();
    assert!(matches!(
        beside.require_after(&second),
        Err(RepositoryError::Rewritten { .. })
    ));
}

#[tokio::test]
async fn what_has_lived_half_its_time_is_planned_anew() {
    let now = SystemTime::now();
    let keys = Keys::new();
    let first = begin(&keys, Vec::new(), now).await;
    let later = now + Lifetimes::default().root / 2 + DAY;
    let mut plan = plan(Some(&first), &wanted(&keys, Vec::new()), later);
    sign(&mut plan, &[&keys.root, &keys.targets]).await;
    let after = update(&plan, Some(&first), Some(first.root()), &keys, later).await;
    assert_eq!(versions(after.unwrap().repository()), [2, 2, 2, 2]);
}

/// A restored backup is older than what clients have seen: what comes next must be newer than that.
#[tokio::test]
async fn what_was_published_and_lost_is_left_out() {
    let now = SystemTime::now();
    let keys = Keys::new();
    let restored = begin(&keys, Vec::new(), now).await;
    let lost = |targets| Context {
        published: Versions {
            root: 1,
            targets,
            snapshot: 5,
            timestamp: 9,
        },
        ..Context::at(now)
    };
    // Only what the server signs was lost.
    let context = lost(1);
    let same = wanted(&keys, Vec::new());
    assert!(
        Plan::new(Some(&restored), &same, &context)
            .unwrap()
            .is_none()
    );
    let renewal = due(&restored, &context).unwrap();
    assert_eq!(renewal, Renewal { snapshot: true });
    let renewed = renew(&restored, renewal, keys.online(), &context).await;
    let renewed = renewed.unwrap().repository().clone();
    assert_eq!(versions(&renewed), [1, 1, 6, 10]);
    assert_eq!(due(&renewed, &context), None);

    // What operators sign was lost, too.
    let context = lost(4);
    let plan = Plan::new(Some(&restored), &same, &context).unwrap();
    let mut plan = Plan::parse(&plan.unwrap().to_bytes()).unwrap();
    let said = plan.difference().to_string();
    assert!(said.contains("version 5 after 1"), "{said}");
    assert!(
        said.contains("! versions from 2 to 4 are left out"),
        "{said}"
    );
    sign(&mut plan, &[&keys.targets]).await;
    let (current, trusted) = (Some(&restored), Some(restored.root()));
    let update = plan.update(current, trusted, keys.online(), &context).await;
    assert_eq!(versions(update.unwrap().repository()), [1, 5, 6, 10]);
    // It was drawn up where less was known.
    let refused = plan.update(current, trusted, keys.online(), &lost(5)).await;
    assert!(matches!(refused, Err(UpdateError::Published { .. })));

    // There is none after the last.
    let last = Plan::new(Some(&restored), &same, &lost(u32::MAX));
    assert!(matches!(last, Err(PlanError::Version(Role::Targets))));
}
