//! Which log takes an entry, asked before the caller's token is used.

use std::time::Duration;

use chancery_keys::{KeyType, LocalKey};
use chancery_log::clock::{Clock, FixedClock, from_unix_ms};
use chancery_log::guard::FileGuard;
use chancery_log::memory::MemoryStore;
use chancery_log::{LogKeys, LogParts, PoolLimits};
use chancery_tlog::Origin;

use super::*;

const CUT_MS: u64 = 1_800_000_000_000;

async fn log(name: &str, begins_ms: u64, clock: &Arc<FixedClock>) -> Arc<Log> {
    let folder = tempfile::tempdir().unwrap();
    let key = |key_type| Arc::new(LocalKey::generate(key_type).unwrap());
    let opened = Log::open(LogParts {
        name: name.to_owned(),
        origin: Origin::parse(&format!("localhost/ct/{name}")).unwrap(),
        store: Arc::new(MemoryStore::default()),
        guard: Arc::new(FileGuard::create(&folder.path().join("guard")).unwrap()),
        keys: LogKeys::Issuance {
            signer: key(KeyType::P256),
            witness_signer: key(KeyType::Ed25519),
        },
        witnesses: None,
        clock: Arc::<FixedClock>::clone(clock),
        begins_ms,
        limits: PoolLimits::default(),
    });
    Arc::new(opened.await.unwrap())
}

#[tokio::test]
async fn a_log_that_has_ended_is_refused_before_a_token_is_used_and_the_next_one_taken() {
    let clock = Arc::new(FixedClock::at(from_unix_ms(CUT_MS - 1)));
    let old = log("old", 0, &clock).await;
    let logs = IssuanceLogs::new(vec![Arc::clone(&old)]);
    old.note_end(CUT_MS);
    assert_eq!(logs.open_at(clock.now()).unwrap().name(), "old");
    // The next log's files are not here yet.
    clock.set(from_unix_ms(CUT_MS));
    let refused = logs.open_at(clock.now()).unwrap_err();
    assert!(matches!(refused, AppendError::Ended), "{refused:?}");
    logs.add(log("next", CUT_MS, &clock).await);
    assert_eq!(logs.open_at(clock.now()).unwrap().name(), "next");
    // A clock that is behind knows of the end from elsewhere.
    let behind = clock.now() - Duration::from_millis(500);
    assert_eq!(logs.open_at(behind).unwrap().name(), "next");
    old.close().await;
    assert_eq!(logs.open_at(behind).unwrap().name(), "next");
}

#[tokio::test]
async fn a_log_that_begins_later_is_no_log_to_use_a_token_for_where_the_one_before_has_ended() {
    let clock = Arc::new(FixedClock::at(from_unix_ms(CUT_MS)));
    let old = log("old", 0, &clock).await;
    let next = log("next", CUT_MS + 3_600_000, &clock).await;
    let logs = IssuanceLogs::new(vec![Arc::clone(&old), next]);
    old.note_end(CUT_MS);
    let refused = logs.open_at(clock.now()).unwrap_err();
    assert!(matches!(refused, AppendError::Ended), "{refused:?}");
    clock.set(from_unix_ms(CUT_MS + 3_600_000));
    assert_eq!(logs.open_at(clock.now()).unwrap().name(), "next");
}
