//! What a database records about its installation.

use chancery_store::{CreateError, Purpose};
use sha2::{Digest, Sha256};

use crate::harness::{TestDatabase, new_instance};

on_both_databases!(
    a_database_without_installation_says_so,
    a_second_installation_is_refused,
    all_facts_are_recorded,
    an_unusable_installation_is_refused,
);

async fn a_database_without_installation_says_so(database: TestDatabase) {
    let store = database.connect().await;
    store.migrate().await.unwrap();
    assert_eq!(store.instance().await.unwrap(), None);
}

async fn all_facts_are_recorded(database: TestDatabase) {
    let instance = database.store().await.instance().await.unwrap().unwrap();
    let new = new_instance();
    assert_eq!(instance.purpose, Purpose::Development);
    assert_eq!(instance.created_ms, new.now_ms);
    assert_eq!(instance.guard_id, new.guard_id);
    assert_eq!(instance.url, new.url);
    assert_eq!(instance.chain, new.chain);
    let [log] = &instance.logs[..] else {
        panic!("{} logs", instance.logs.len());
    };
    assert_eq!(log.name, new.log.name);
    assert_eq!(log.origin, new.log.origin);
    assert_eq!(log.log_id, new.log.log_id);
    assert_eq!(log.public_key, new.log.public_key);
    assert_eq!(log.witness_key, new.log.witness_key);
    assert_eq!(log.readers, new.log.readers);
    assert_eq!(log.created_ms, new.now_ms);
    assert_eq!((log.begins_ms, log.ends_ms), (new.now_ms, None));
    assert_eq!((&log.guard_id, &log.final_checkpoint), (&None, &None));

    let hex = if database.is_sqlite() {
        "lower(hex(fingerprint))"
    } else {
        "encode(fingerprint, 'hex')"
    };
    let fingerprints = database
        .column(&format!("SELECT {hex} FROM authority ORDER BY position"))
        .await;
    let expected: Vec<_> = new
        .chain
        .iter()
        .map(|der| hex::encode(Sha256::digest(der)))
        .collect();
    assert_eq!(fingerprints, expected);
}

async fn a_second_installation_is_refused(database: TestDatabase) {
    let store = database.store().await;
    let before = store.instance().await.unwrap();
    let mut other = new_instance();
    other.purpose = Purpose::Production;
    other.log.name = "2027".into();
    assert!(matches!(
        store.create_instance(other).await,
        Err(CreateError::Exists)
    ));
    assert_eq!(store.instance().await.unwrap(), before);
}

async fn an_unusable_installation_is_refused(database: TestDatabase) {
    let store = database.connect().await;
    store.migrate().await.unwrap();
    for name in ["", "..", ".", "a/b", "a b", "é"] {
        let mut new = new_instance();
        new.log.name = name.into();
        let refused = store.create_instance(new).await;
        assert!(matches!(refused, Err(CreateError::LogName(_))), "{name:?}");
    }
    let mut new = new_instance();
    new.chain.clear();
    assert!(matches!(
        store.create_instance(new).await,
        Err(CreateError::EmptyChain)
    ));

    // Fails half-way: nothing of it may stay.
    let mut new = new_instance();
    new.chain = vec![b"same".to_vec(), b"same".to_vec()];
    assert!(matches!(
        store.create_instance(new).await,
        Err(CreateError::Store(_))
    ));
    assert_eq!(store.instance().await.unwrap(), None);
    store.create_instance(new_instance()).await.unwrap();
}
