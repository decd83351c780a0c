//! A log whose entries are not for everybody: every route, and what it may say.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_server::LogRead;
use chancery_tlog::ct::PrecertEntry;
use reqwest::Method;

use crate::service::{Answer, PUBLISHED, Service, Setup, encoded, serving};

/// What stands in the entries, and nowhere else.
const SECRET: &str = "who-is-not-to-be-known@chancery.test";

/// The status of an answer that is refused because entries are.
const REFUSED: u16 = 403;

async fn start() -> Service {
    let service = Service::start_with(Setup {
        log_read: LogRead::Restricted,
        ..Setup::default()
    })
    .await;
    service.issue(SECRET).await;
    // A full tile, so that there is one to be sent elsewhere for.
    for number in 1..256_u64 {
        let tbs = [SECRET.as_bytes(), &number.to_be_bytes()].concat();
        let leaf = PrecertEntry::new([7; 32], tbs.clone(), tbs, vec![]).unwrap();
        service.log.append(Box::new(leaf), vec![]).await.unwrap();
    }
    service
}

#[tokio::test]
async fn no_route_shows_what_the_entries_say() {
    let service = start().await;
    let leaf = service.store.state().tiles[&(0, 0)][..32].to_vec();
    let hash = encoded(&[("hash", &STANDARD.encode(leaf))]);
    let by_hash = format!("ct/v1/get-proof-by-hash?{hash}&tree_size=256");
    let table = [
        ("checkpoint", 200),
        ("tile/0/000", 200),
        ("tile/0/000.p/255", 200),
        ("tile/1/000.p/1", 200),
        ("tile/data/000", REFUSED),
        ("tile/data/000?read=open", REFUSED),
        ("tile/data/000.p/1", REFUSED),
        ("tile/data/000.p/255", REFUSED),
        ("tile/data/001", REFUSED),
        ("tile/data/x001/000", REFUSED),
        // No names of tiles.
        ("tile/data/0", 404),
        ("tile//data/000", 404),
        ("tile/data/000/", 404),
        ("tile/0/../data/000", REFUSED),
        ("tile/%64ata/000", 404),
        ("tile/DATA/000", 404),
        ("tile/entries/000", 404),
        ("entries/000", 404),
        ("issuer/00", 404),
        ("ct/v1/get-sth", 200),
        ("ct/v1/get-sth-consistency?first=1&second=256", 200),
        (&by_hash, 200),
        ("ct/v1/get-roots", 200),
        ("ct/v1/get-entries?start=0&end=0", REFUSED),
        ("ct/v1/get-entries?start=0&end=255", REFUSED),
        ("ct/v1/get-entries?start=256&end=256", REFUSED),
        ("ct/v1/get-entries", REFUSED),
        ("ct/v1/get-entries/", 404),
        (
            "ct/v1/get-entry-and-proof?leaf_index=0&tree_size=256",
            REFUSED,
        ),
        ("ct/v1/get-entry-and-proof", REFUSED),
    ];
    for (path, status) in table {
        let path = format!("/ct/main/{path}");
        for method in [Method::GET, Method::HEAD] {
            let answer = Answer::of(service.request(method, &path)).await;
            assert_eq!(answer.status, status, "{path}");
            assert_silent(&path, &answer);
        }
    }
    let others = [
        "/",
        "/healthz",
        "/trusted_root.json",
        "/signing_config.v0.2.json",
        "/client_trust_config.json",
        "/api/v2/configuration",
        "/api/v2/trustBundle",
        "/api/v1/rootCert",
    ];
    for path in others {
        let answer = service.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_silent(path, &answer);
    }
    for path in ["/metrics", "/readyz", "/livez"] {
        assert_silent(path, &service.get_admin(path).await);
    }
}

#[tokio::test]
async fn the_pruned_entries_of_a_restricted_log_are_not_where_those_of_an_open_one_are() {
    let service = start().await;
    service.store.state().pruned_below = 256;
    let path = "/ct/main/tile/data/000";
    let answer = service.get(path).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (REFUSED, ""),
        "{path}"
    );
    let log = Arc::clone(&service.log);
    let open = serving(&service.authority, log, LogRead::Open);
    service.logs.replace(vec![open]);
    let answer = service.get(path).await;
    let elsewhere = format!("{PUBLISHED}/main/tile/data/000");
    assert_eq!(
        (answer.status, answer.header("location")),
        (307, &*elsewhere),
        "{path}"
    );
}

/// Asserts that neither the secret nor its base64 is in the answer.
fn assert_silent(path: &str, answer: &Answer) {
    let holds = |what: &[u8]| answer.body.windows(what.len()).any(|part| part == what);
    assert!(!holds(SECRET.as_bytes()), "{path}");
    for shift in 0..3 {
        let shifted = STANDARD.encode([&[0; 3][..shift], SECRET.as_bytes()].concat());
        let whole = shifted.len() / 4 * 4 - 8;
        assert!(!holds(&shifted.as_bytes()[4..whole]), "{path}");
    }
}
