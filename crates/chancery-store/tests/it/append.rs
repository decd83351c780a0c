//! Appending and reading.

use std::ops::Range;
use std::sync::Arc;

use chancery_log::{IndexTerm, IssuerCertificate, LogStore, PlanRefused, SequenceError};
use chancery_tlog::{RightEdge, TileId, TreeHead, leaf_hash};
use sha2::{Digest, Sha256};

use crate::harness::{LOG, TestDatabase, new_instance};
use crate::test_log::{append, batch, check_log, delivery, leaf};

on_both_databases!(
    a_leaf_that_is_there_is_not_written_once_more,
    a_new_log_is_empty,
    a_head_that_is_known_comes_without_its_edge,
    a_long_or_odd_term_does_not_stop_a_batch,
    an_appended_batch_can_be_read_back,
    an_idle_connection_that_died_is_replaced,
    batches_across_tile_borders_keep_every_tile_whole,
    a_closed_store_refuses,
    concurrent_sequencers_leave_no_gap,
    deliveries_may_be_recorded_twice,
    issuers_are_found_by_fingerprint,
    new_issuers_come_with_their_batch_and_may_come_again,
    issuers_of_a_refused_batch_are_not_kept,
    a_stale_edge_gets_the_tiles_of_the_present_one,
    a_refused_plan_writes_nothing,
    terms_lead_to_their_entries,
    what_is_not_there_is_absent,
);

async fn a_new_log_is_empty(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    let head = log.head().await.unwrap();
    assert_eq!(head.tree, TreeHead::EMPTY);
    assert_eq!(head.timestamp_ms, new_instance().now_ms);
    check_log(&*log, 0).await;
}

async fn a_leaf_that_is_there_is_not_written_once_more(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    let term = |index: u64| IndexTerm::leaf_hash(&leaf_hash(&leaf(index)));
    let mut after = None;
    let plan = |tip: chancery_log::Tip| {
        let (mut batch, edge) = batch(tip, None, 3);
        for entry in &mut batch.entries {
            entry.terms.push(term(entry.leaf_index));
        }
        after = Some(edge);
        Ok(batch)
    };
    log.sequence(None, Box::new(plan)).await.unwrap();
    let mut known = after.unwrap();
    // Known, as a lone entry, and with others.
    for (head, count) in [(Some(known.tree_head()), 1), (None, 1), (None, 4)] {
        let mut tried = Some(known.clone());
        let plan = |tip: chancery_log::Tip| {
            let (mut batch, _) = batch(tip, tried.take(), count);
            let old = (1..3).map(|index| leaf_hash(&leaf(index)));
            batch.only_once = old.chain([leaf_hash(b"another")]).collect();
            Ok(batch)
        };
        let refused = log.sequence(head, Box::new(plan)).await.unwrap_err();
        let SequenceError::Refused(PlanRefused::AlreadyLogged { mut terms }) = refused else {
            panic!("{refused}");
        };
        terms.sort_unstable();
        let mut expected = [term(1).value, term(2).value];
        expected.sort_unstable();
        assert_eq!(terms, expected);
        check_log(&*log, known.tree_size()).await;
    }
    for count in [1, 5] {
        known = append(&*log, Some(known), count).await.unwrap();
    }
    check_log(&*log, 9).await;
}

async fn an_appended_batch_can_be_read_back(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    let edge = append(&*log, None, 3).await.unwrap();
    assert_eq!(edge.tree_size(), 3);
    let head = log.head().await.unwrap();
    assert_eq!(head.tree, edge.tree_head());
    assert_eq!(head.timestamp_ms, new_instance().now_ms + 1);
    assert_eq!(log.entries(1..3).await.unwrap(), [leaf(1), leaf(2)]);
    check_log(&*log, 3).await;
}

async fn batches_across_tile_borders_keep_every_tile_whole(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    let mut known = None;
    let mut size = 0;
    for count in [1, 254, 1, 1, 3, 300, 255, 257, 0, 1000] {
        known = Some(append(&*log, known, count).await.unwrap());
        size += count;
        check_log(&*log, size).await;
    }
}

async fn a_head_that_is_known_comes_without_its_edge(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    let edge = append(&*log, None, 5).await.unwrap();
    for (known, with_tiles) in [
        (None, true),
        (Some(TreeHead::EMPTY), true),
        (Some(edge.tree_head()), false),
    ] {
        let mut seen = None;
        let plan = |tip: chancery_log::Tip| {
            let server = (tip.database_time_ms.is_some(), tip.server_run.is_some());
            seen = Some((tip.edge_tiles.is_some(), server));
            Err(PlanRefused::Full)
        };
        log.sequence(known, Box::new(plan)).await.unwrap_err();
        let is_server = !database.is_sqlite();
        assert_eq!(seen, Some((with_tiles, (is_server, is_server))));
    }
}

async fn a_stale_edge_gets_the_tiles_of_the_present_one(database: TestDatabase) {
    let store = database.store().await;
    let (one, two) = (
        store.log_store(LOG),
        database.another(&store).await.log_store(LOG),
    );
    let stale = append(&*one, None, 200).await.unwrap();
    append(&*two, None, 100).await.unwrap();
    let edge = append(&*one, Some(stale), 7).await.unwrap();
    assert_eq!(edge.tree_size(), 307);
    check_log(&*two, 307).await;
}

async fn concurrent_sequencers_leave_no_gap(database: TestDatabase) {
    let store = database.store().await;
    let mut tasks = tokio::task::JoinSet::new();
    for counts in [1..16_u64, 3..18, 2..17] {
        let log = database.another(&store).await.log_store(LOG);
        tasks.spawn(append_all(log, counts));
    }
    tasks.join_all().await;
    check_log(
        &*store.log_store(LOG),
        (1..16).sum::<u64>() + (3..18).sum::<u64>() + (2..17).sum::<u64>(),
    )
    .await;
}

async fn append_all(log: Arc<dyn LogStore>, counts: Range<u64>) {
    let mut known: Option<RightEdge> = None;
    for count in counts {
        known = Some(append(&*log, known, count).await.unwrap());
    }
}

async fn a_refused_plan_writes_nothing(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    append(&*log, None, 2).await.unwrap();
    let refused = log.sequence(
        None,
        Box::new(|_| Err(PlanRefused::ClockBehind { behind_ms: 3 })),
    );
    assert!(matches!(
        refused.await,
        Err(SequenceError::Refused(PlanRefused::ClockBehind {
            behind_ms: 3
        }))
    ));
    check_log(&*log, 2).await;
    append(&*log, None, 1).await.unwrap();
    check_log(&*log, 3).await;
}

async fn what_is_not_there_is_absent(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    append(&*log, None, 300).await.unwrap();
    let tiles =
        [(1, 1), (0, 1), (7, 0), (0, 2), (0, 0)].map(|(level, index)| TileId { level, index });
    let found = log.hash_tiles(&tiles).await.unwrap();
    let widths: Vec<_> = found
        .iter()
        .map(|tile| tile.as_ref().map(|t| t.len() / 32))
        .collect();
    assert_eq!(widths, [None, Some(44), None, None, Some(256)]);
    assert!(log.hash_tiles(&[]).await.unwrap().is_empty());
    assert_eq!(log.entries(298..400).await.unwrap(), [leaf(298), leaf(299)]);
    assert!(log.entries(300..400).await.unwrap().is_empty());
    assert_eq!(log.entries(299..u64::MAX).await.unwrap(), [leaf(299)]);
    assert_eq!(log.issuer(&[1; 32]).await.unwrap(), None);
}

async fn issuers_are_found_by_fingerprint(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    for der in new_instance().chain {
        let fingerprint = Sha256::digest(&der).into();
        assert_eq!(log.issuer(&fingerprint).await.unwrap(), Some(der));
    }
}

/// Appends one entry with issuers, as a lone entry and as one of several.
async fn append_with(
    log: &dyn LogStore,
    known: Option<RightEdge>,
    count: u64,
    issuers: &[IssuerCertificate],
) -> Result<RightEdge, SequenceError> {
    let mut after = None;
    let head = known.as_ref().map(RightEdge::tree_head);
    let plan = |tip| {
        let (mut batch, edge) = batch(tip, known, count);
        batch.issuers = issuers.to_vec();
        after = Some(edge);
        Ok(batch)
    };
    log.sequence(head, Box::new(plan)).await?;
    Ok(after.unwrap())
}

async fn new_issuers_come_with_their_batch_and_may_come_again(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    let [one, two, three] = ["one", "two", "three"].map(IssuerCertificate::new);
    let own = IssuerCertificate::new(new_instance().chain[0].clone());
    let both = [one.clone(), two.clone()];
    let edge = append_with(&*log, None, 1, &both).await.unwrap();
    // The second time the head is known: where SQLite would write a lone entry.
    let edge = append_with(&*log, Some(edge), 1, &[two.clone(), three.clone()]).await;
    let edge = append(&*log, Some(edge.unwrap()), 1).await.unwrap();
    append_with(
        &*log,
        Some(edge),
        300,
        &[own.clone(), one.clone(), one.clone()],
    )
    .await
    .unwrap();
    for issuer in [&one, &two, &three, &own] {
        let found = log.issuer(issuer.fingerprint()).await.unwrap();
        assert_eq!(found.as_deref(), Some(&issuer.der()[..]));
    }
    let all = log.issuers().await.unwrap().len();
    assert_eq!(all, new_instance().chain.len() + 3);
    check_log(&*log, 303).await;
}

async fn issuers_of_a_refused_batch_are_not_kept(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    let new = IssuerCertificate::new("new");
    let plan = |tip| {
        let (mut batch, _) = batch(tip, None, 2);
        batch.issuers = vec![new.clone()];
        // A second entry in the same place: the statement after the issuers fails.
        batch.entries[1].leaf_index = 0;
        Ok(batch)
    };
    let refused = log.sequence(None, Box::new(plan)).await;
    assert!(
        matches!(refused, Err(SequenceError::NotCommitted(_))),
        "{refused:?}"
    );
    assert_eq!(log.issuer(new.fingerprint()).await.unwrap(), None);
    append(&*log, None, 1).await.unwrap();
    check_log(&*log, 1).await;
}

async fn deliveries_may_be_recorded_twice(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    append(&*log, None, 3).await.unwrap();
    log.record(&[delivery(2), delivery(0)]).await.unwrap();
    log.record(&[delivery(2)]).await.unwrap();
    log.record(&[]).await.unwrap();
    // Delivers 0, 1 and 2.
    append(&*log, None, 3).await.unwrap();
    let delivered = database
        .column(
            "SELECT CAST(leaf_index AS TEXT) FROM log_delivery ORDER BY log_delivery.leaf_index",
        )
        .await;
    assert_eq!(delivered, ["0", "1", "2"]);
    check_log(&*log, 6).await;

    let many: Vec<_> = (3..1000).map(delivery).collect();
    log.record(&many).await.unwrap();
    let count = database
        .column("SELECT CAST(count(*) AS TEXT) FROM log_delivery")
        .await;
    assert_eq!(count, ["1000"]);
}

async fn terms_lead_to_their_entries(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    append(&*log, None, 12).await.unwrap();
    let found = database
        .column(
            "SELECT CAST(leaf_index AS TEXT) FROM log_term
              WHERE log = 1 AND name = 'san' AND value = 'user1@example.com'
              ORDER BY log_term.leaf_index",
        )
        .await;
    assert_eq!(found, ["1", "6", "11"]);
    let count = database
        .column("SELECT CAST(count(*) AS TEXT) FROM log_term")
        .await;
    assert_eq!(count, ["36"]);
}

async fn a_long_or_odd_term_does_not_stop_a_batch(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    let random: String = (0..4096)
        .map(|_| char::from(rand::random_range(b'!'..=b'~')))
        .collect();
    let odd = [
        "",
        "\0",
        "é𝔸\u{202e}",
        "' OR 1=1; --",
        "twice",
        "twice",
        &random,
    ];
    let plan = |tip| {
        let (mut batch, _) = batch(tip, None, 1);
        let term = |value: &&str| IndexTerm {
            name: "san",
            value: (*value).to_owned(),
        };
        batch.entries[0].terms = odd.iter().map(term).collect();
        Ok(batch)
    };
    log.sequence(None, Box::new(plan)).await.unwrap();
    let count = database
        .column("SELECT CAST(count(*) AS TEXT) FROM log_term")
        .await;
    assert_eq!(count, ["6"]);
    check_log(&*log, 1).await;
}

async fn an_idle_connection_that_died_is_replaced(database: TestDatabase) {
    let log = database.store().await.log_store(LOG);
    let edge = append(&*log, None, 1).await.unwrap();
    if !database.is_sqlite() {
        database
            .execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                  WHERE datname = current_database() AND application_name = 'chancery'",
            )
            .await;
    }
    append(&*log, Some(edge), 1).await.unwrap();
}

async fn a_closed_store_refuses(database: TestDatabase) {
    let store = database.store().await;
    let log = store.log_store(LOG);
    append(&*log, None, 1).await.unwrap();
    store.close().await;
    assert!(matches!(
        append(&*log, None, 1).await,
        Err(SequenceError::NotCommitted(_))
    ));
    assert!(log.head().await.is_err());
    assert!(store.instance().await.is_err());
}
