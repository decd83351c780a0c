//! Tokens that may be used once only.

use std::time::SystemTime;

use chancery_store::Store;

use crate::harness::TestDatabase;

on_both_databases!(
    a_token_is_claimed_once,
    a_use_outlives_the_process,
    of_claims_at_the_same_time_one_wins,
    uses_of_expired_tokens_are_forgotten_little_by_little,
);

fn now_ms() -> u64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

async fn claim(store: &Store, digest: u8) -> bool {
    let expires_ms = now_ms() + 60_000;
    store.claim_token([digest; 32], expires_ms).await.unwrap()
}

async fn uses(database: &TestDatabase) -> usize {
    let of_any = database.column("SELECT CAST(expires_ms AS TEXT) FROM used_token");
    of_any.await.len()
}

async fn a_token_is_claimed_once(database: TestDatabase) {
    let store = database.store().await;
    assert!(claim(&store, 1).await);
    assert!(claim(&store, 2).await);
    assert!(!claim(&store, 1).await);
    assert!(!store.claim_token([2; 32], u64::MAX).await.unwrap());
    assert!(store.claim_token([3; 32], u64::MAX).await.unwrap());
    assert_eq!(uses(&database).await, 3);
}

async fn a_use_outlives_the_process(database: TestDatabase) {
    let store = database.store().await;
    assert!(claim(&store, 1).await);
    store.close().await;
    drop(store);
    let store = database.connect().await;
    assert!(!claim(&store, 1).await);
}

async fn of_claims_at_the_same_time_one_wins(database: TestDatabase) {
    let store = database.store().await;
    let stores = [store.clone(), database.another(&store).await];
    for round in 0..20 {
        let claims: Vec<_> = (0..8)
            .map(|n| {
                let store = stores[n % 2].clone();
                tokio::spawn(async move { claim(&store, round).await })
            })
            .collect();
        let mut won = 0;
        for outcome in claims {
            won += usize::from(outcome.await.unwrap());
        }
        assert_eq!(won, 1, "round {round}");
    }
    assert_eq!(uses(&database).await, 20);
}

async fn uses_of_expired_tokens_are_forgotten_little_by_little(database: TestDatabase) {
    let store = database.store().await;
    let expired_ms = now_ms() - 3_600_000 - 60_000;
    // Behind the store's back: each claim forgets some of what was there before.
    let (open, close) = if database.is_sqlite() {
        ("x'", "'")
    } else {
        ("'\\x", "'")
    };
    let rows: Vec<_> = (0..150)
        .map(|n| format!("({open}{n:064x}{close}, {expired_ms})"))
        .collect();
    database
        .execute(&format!(
            "INSERT INTO used_token (digest, expires_ms) VALUES {}",
            rows.join(", ")
        ))
        .await;
    // Expired too, but not for so long that every clock agrees.
    let expired_ms = now_ms() - 60_000;
    assert!(store.claim_token([1; 32], expired_ms).await.unwrap());
    assert_eq!(uses(&database).await, 51);
    assert!(claim(&store, 2).await);
    assert_eq!(uses(&database).await, 2);
    assert!(!claim(&store, 1).await);
    assert!(!claim(&store, 2).await);
}
