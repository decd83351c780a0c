//! Reading all that a log has, in pages: what a verification and a copy do.

use std::collections::BTreeSet;

use chancery_log::{LogStore, StoredTerm};

use crate::harness::{LOG, TestDatabase, new_instance};
use crate::test_log::{append, delivery, terms};

on_both_databases!(
    deliveries_are_read_by_range,
    every_issuer_is_listed,
    a_term_finds_its_entries_in_order_and_bounded,
    the_index_is_read_in_pages,
);

async fn the_index_is_read_in_pages(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    append(&*log, None, 40).await.unwrap();
    let expected: BTreeSet<_> = (0..40).flat_map(stored_terms).collect();
    for page in [1, 7, 120, 1000] {
        let read = read_index(&*log, page).await;
        assert_eq!(read.len(), 120, "pages of {page}");
        assert_eq!(read.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}

async fn a_term_finds_its_entries_in_order_and_bounded(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    append(&*log, None, 40).await.unwrap();
    let find = async |value: &str, limit| log.find("san", value, limit).await.unwrap();
    let all: Vec<_> = (0..40).filter(|index| index % 5 == 3).collect();
    assert_eq!(find("user3@example.com", 100).await, all);
    assert_eq!(find("user3@example.com", 2).await, all[..2]);
    assert_eq!(find("user3@example.com", 0).await, [0_u64; 0]);
    assert_eq!(find("user%@example.com", 100).await, [0_u64; 0]);
    assert_eq!(
        log.find("serial", "user3@example.com", 9).await.unwrap(),
        [0_u64; 0]
    );
}

/// Reads the whole index; each page must begin where the last ended.
async fn read_index(log: &dyn LogStore, page: u32) -> Vec<StoredTerm> {
    let mut read: Vec<StoredTerm> = Vec::new();
    loop {
        let found = log.terms(read.last(), page).await.unwrap();
        if found.is_empty() {
            return read;
        }
        assert!(found.len() <= page as usize);
        read.extend(found);
    }
}

fn stored_terms(leaf_index: u64) -> impl Iterator<Item = StoredTerm> {
    terms(leaf_index).into_iter().map(move |term| StoredTerm {
        name: term.name.to_owned(),
        value: term.value,
        leaf_index,
    })
}

async fn deliveries_are_read_by_range(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    append(&*log, None, 3).await.unwrap();
    log.record(&[delivery(2), delivery(0)]).await.unwrap();
    let places = async |range| {
        let found = log.deliveries(range).await.unwrap();
        for one in &found {
            let expected = delivery(one.leaf_index);
            assert_eq!((&one.body, one.sha256), (&expected.body, expected.sha256));
        }
        found.iter().map(|one| one.leaf_index).collect::<Vec<_>>()
    };
    assert_eq!(places(0..3).await, [0, 2]);
    assert_eq!(places(1..3).await, [2]);
    assert_eq!(places(0..2).await, [0]);
    assert_eq!(places(3..u64::MAX).await, [0_u64; 0]);
}

async fn every_issuer_is_listed(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    let listed = log.issuers().await.unwrap();
    let chain = new_instance().chain;
    assert_eq!(listed.len(), chain.len());
    for (fingerprint, der) in listed {
        assert!(chain.contains(&der));
        assert_eq!(log.issuer(&fingerprint).await.unwrap(), Some(der));
    }
}
