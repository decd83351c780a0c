//! Finding an entry again, and saying of it what was said before.

use chancery_log::{IndexTerm, ReadError};

use crate::world::World;

fn term(value: &str) -> IndexTerm {
    IndexTerm {
        name: "submission",
        value: value.to_owned(),
    }
}

#[tokio::test]
async fn what_was_logged_is_found_with_its_place_and_time() {
    let world = World::new();
    let log = world.open().await.unwrap().log;
    let leaves = [world.leaf(), world.leaf(), world.leaf()];
    let mut logged = Vec::new();
    for (number, leaf) in leaves.iter().enumerate() {
        let terms = vec![term(&number.to_string())];
        logged.push(log.append(Box::new(leaf.clone()), terms).await.unwrap());
    }
    for (number, (leaf, logged)) in leaves.iter().zip(&logged).enumerate() {
        let found = log
            .find(&term(&number.to_string()), leaf)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.leaf_index(), logged.leaf_index());
        assert_eq!(found.timestamp_ms(), logged.timestamp_ms());
        assert_eq!(found.merkle_leaf(), logged.merkle_leaf());
        assert_eq!(found.tree().tree_size, 3);
    }
    assert!(log.find(&term("3"), &leaves[0]).await.unwrap().is_none());
}

#[tokio::test]
async fn another_entry_than_was_looked_for_is_not_vouched_for() {
    let world = World::new();
    let log = world.open().await.unwrap().log;
    let (leaf, other) = (world.leaf(), world.leaf());
    log.append(Box::new(leaf.clone()), vec![term("a")])
        .await
        .unwrap();
    let refused = log.find(&term("a"), &other).await.unwrap_err();
    assert!(matches!(refused, ReadError::Inconsistent(_)), "{refused}");
    world.memory.state().entries[0].truncate(40);
    let refused = log.find(&term("a"), &leaf).await.unwrap_err();
    assert!(refused.to_string().contains("does not parse"), "{refused}");
    world.memory.state().entries.clear();
    let refused = log.find(&term("a"), &leaf).await.unwrap_err();
    assert!(refused.to_string().contains("is missing"), "{refused}");
}
