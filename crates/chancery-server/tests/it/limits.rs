//! What is limited: requests at once, requests of one caller, uses of one token.

use std::time::{Duration, Instant};

use chancery_server::RequestLimits;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tonic::Code;

use crate::grpc::{client, message};
use crate::service::{Service, Setup};

const PATH: &str = "/api/v2/signingCert";
const EXPLAIN: &str = "/api/chancery/v1/token/explain";
const WHO: &str = "dev@chancery.test";

async fn start(entry: Value) -> Service {
    let setup = Setup {
        entry,
        ..Setup::default()
    };
    Service::start_with(setup).await
}

#[tokio::test]
async fn who_asks_too_often_is_told_so_and_when_to_come_back() {
    let budget = json!({ "per-minute": 1, "burst": 1 });
    let service = start(json!({ "rate-limit": { "per-identity": budget } })).await;
    let request = service.certificate_request(WHO).await;
    for _ in 0..3 {
        let explained = service.post(EXPLAIN, request.to_string()).await.json();
        assert_eq!(explained["verdict"], "accepted", "{explained}");
    }
    service.issue(WHO).await;

    let refused = service.post(PATH, request.to_string()).await;
    let said = refused.error(429, 8);
    assert!(said.ends_with("[rate-limited]"), "{said}");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let over_grpc = client(&service)
        .create_signing_certificate(message(&request))
        .await;
    let over_grpc = over_grpc.unwrap_err();
    assert_eq!(over_grpc.code(), Code::ResourceExhausted);
    assert!(over_grpc.metadata().get("retry-after").is_some());
    // Others go on.
    service.issue("other@chancery.test").await;
}

#[tokio::test]
async fn a_token_that_counts_once_is_not_used_up_by_what_cannot_succeed() {
    let service = start(json!({ "once-only": true })).await;
    let good = service.certificate_request(WHO).await;
    let mut unproven = good.clone();
    unproven["publicKeyRequest"]["proofOfPossession"] = "AAAA".into();
    let explained = service.post(EXPLAIN, good.to_string()).await.json();
    assert_eq!(explained["certificate"]["onceOnly"], true, "{explained}");
    let refused = service.post(PATH, unproven.to_string()).await;
    assert!(refused.error(400, 3).ends_with("[proof-invalid]"));

    let before = service.store.state().clone();
    let issued = service.post(PATH, good.to_string()).await;
    assert_eq!(issued.status, 200, "{}", issued.text());
    let refused = service.post(PATH, good.to_string()).await;
    assert!(refused.error(400, 3).ends_with("[token-used]"));

    // A database that went back halts the log at the next entry.
    *service.store.state() = before;
    let halts = service.certificate_request(WHO).await.to_string();
    let refused = service.post(PATH, halts).await;
    assert!(refused.error(503, 14).ends_with("[log-halted]"));
    let kept = service.certificate_request(WHO).await.to_string();
    for _ in 0..2 {
        let refused = service.post(PATH, kept.clone()).await;
        assert!(refused.error(503, 14).ends_with("[log-halted]"));
        assert_eq!(refused.header("retry-after"), "60");
    }
}

#[tokio::test]
async fn both_ports_share_the_places_for_requests() {
    let limits = RequestLimits {
        in_flight: 1,
        ..RequestLimits::default()
    };
    let service = Service::start_with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let address = service.grpc_url.strip_prefix("http://").unwrap();
    let mut slow = TcpStream::connect(address).await.unwrap();
    let head = "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nhost: x\r\ncontent-type: \
                application/grpc\r\ncontent-length: 5\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    until(&service, 503).await;
    drop(slow);
    until(&service, 200).await;
}

/// Asks until the answer has this status.
async fn until(service: &Service, status: u16) {
    const PATIENCE: Duration = Duration::from_secs(5);
    let begun = Instant::now();
    while service.get("/healthz").await.status != status {
        assert!(begun.elapsed() < PATIENCE, "never {status}");
    }
}
