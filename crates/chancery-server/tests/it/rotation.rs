//! Several logs in one service: one has ended, one takes entries, one has not begun.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chancery_log::Log;
use chancery_log::memory::MemoryStore;
use chancery_server::{LogRead, ServedLog};
use chancery_submissions::SubmissionsLimits;

use crate::service::{Service, open_log, serving};
use crate::submissions::{body, refused, start};

const MAIN: &str = "/ct/main/ct/v1/add-chain";
const NEXT: &str = "/ct/next/ct/v1/add-chain";
const YEAR_2100_MS: u64 = 4_102_444_800_000;

/// Begins another log at a time, and serves it.
async fn begin(service: &Service, name: &str, begins_ms: u64) -> Arc<Log> {
    let store = MemoryStore::default();
    let log = open_log(service.folder.path(), name, store, begins_ms).await;
    service.authority.logs().add(Arc::clone(&log));
    let served = serving(&service.authority, Arc::clone(&log), LogRead::Open);
    let begins = SystemTime::UNIX_EPOCH + Duration::from_millis(begins_ms);
    serve(service, vec![ServedLog { begins, ..served }], |_| ());
    log
}

/// Serves more logs, and what has become of the first.
fn serve(service: &Service, more: Vec<ServedLog>, change: impl FnOnce(&mut ServedLog)) {
    let mut first = serving(&service.authority, Arc::clone(&service.log), LogRead::Open);
    change(&mut first);
    service.logs.replace([vec![first], more].concat());
}

#[tokio::test]
async fn a_chain_that_the_ended_log_has_is_another_entry_of_its_successor() {
    let (service, ca) = start(SubmissionsLimits::default()).await;
    let chain = body(&[&ca.issue(false)]);
    let before = service.post(MAIN, chain.clone()).await.json();
    let next = begin(&service, "next", 1).await;

    // With the ended log's record, and without: it leaves when it is frozen.
    for _ in 0..2 {
        for chain in [chain.clone(), body(&[&ca.issue(false)])] {
            let answer = service.post(MAIN, chain).await;
            let text = refused(&answer, 404, "submissions-off");
            assert!(text.contains("no entries any more; next does"), "{text}");
            assert_eq!(answer.header("retry-after"), "", "it never begins again");
        }
        service.authority.logs().remove("main");
    }
    let after = service.post(NEXT, chain.clone()).await.json();
    assert_ne!(after["id"], before["id"]);
    let again = service.post(NEXT, chain).await.json();
    for part in ["id", "timestamp", "extensions"] {
        assert_eq!(again[part], after[part], "{part}");
    }
    assert_eq!(service.store.state().entries.len(), 1);
    assert_eq!(next.status().tree.tree_size, 1);
    // What the ended log has is still read and proven.
    for read in ["get-sth", "get-entries?start=0&end=0"] {
        let path = format!("/ct/main/ct/v1/{read}");
        assert_eq!(service.get(&path).await.status, 200, "{read}");
    }
}

#[tokio::test]
async fn a_log_that_has_not_begun_says_so_while_the_one_before_takes_entries() {
    let (service, ca) = start(SubmissionsLimits::default()).await;
    begin(&service, "next", YEAR_2100_MS).await;
    let chain = body(&[&ca.issue(false)]);
    let answer = service.post(NEXT, chain.clone()).await;
    let text = refused(&answer, 503, "unavailable");
    assert!(text.contains("has not begun"), "{text}");
    assert_eq!(answer.header("retry-after"), "10");
    assert_eq!(service.post(MAIN, chain).await.status, 200);
}

#[tokio::test]
async fn the_page_shows_every_log_and_what_has_become_of_it() {
    let (service, _) = start(SubmissionsLimits::default()).await;
    let shown = async |line: &str| {
        let page = service.get("/").await;
        assert!(page.text().contains(line), "{line}: {}", page.text());
    };
    shown("<dd>localhost/ct/main: takes entries, from 1970-01-01\n").await;
    let last = begin(&service, "last", YEAR_2100_MS).await;
    shown("<dd>localhost/ct/main: takes entries, from").await;
    shown("<dd>localhost/ct/last: has not begun, from 2100-01-01\n").await;

    let next = begin(&service, "next", 1).await;
    let others = [last, next].map(|log| serving(&service.authority, log, LogRead::Open));
    let ended = |main: &mut ServedLog| main.ends = Some(SystemTime::UNIX_EPOCH);
    serve(&service, others.to_vec(), ended);
    shown("<dd>localhost/ct/main: takes no entries any more, from 1970-01-01 to 1970-01-01\n")
        .await;
    shown("<dd>localhost/ct/next: takes entries, from").await;
    service.authority.logs().remove("main");
    serve(&service, others.to_vec(), |main| main.frozen = true);
    shown("<dd>localhost/ct/main: frozen, from").await;
    for name in ["main", "next", "last"] {
        shown(&format!("<a href=\"/ct/{name}/checkpoint\">")).await;
    }
}
