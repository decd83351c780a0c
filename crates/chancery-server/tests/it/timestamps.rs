//! Timestamps over HTTP: statuses, types and forms as Sigstore's clients want them.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chancery_keys::{HashAlgorithm, KeyType, LocalKey};
use chancery_log::clock::FixedClock;
use chancery_tsa::{
    FailureInfo, Imprint, Nonce, SIGSTORE_POLICY, TimestampAuthority, TimestampAuthorityParts,
    TimestampRequest, TsaCeremony, TsaChain, verify, verify_answer,
};
use reqwest::{Method, Response};
use serde_json::Value;

use crate::service::{Service, Setup};

const PATH: &str = "/api/v1/timestamp";
const QUERY: &str = "application/timestamp-query";
const REPLY: &str = "application/timestamp-reply";
const DATA: &[u8] = b"a signature";

/// What the clock shows at first, in seconds since the Unix epoch.
const NOW: u64 = 1_793_534_405;

/// A service with timestamps, and their clock.
async fn service() -> (Service, Arc<FixedClock>) {
    let (service, _, clock) = service_with_authority().await;
    (service, clock)
}

async fn service_with_authority() -> (Service, Arc<TimestampAuthority>, Arc<FixedClock>) {
    let key = || LocalKey::generate(KeyType::P256).unwrap();
    let (root, leaf) = (key(), key());
    let now = UNIX_EPOCH + Duration::from_secs(NOW);
    let ceremony = TsaCeremony {
        organization: "Example",
        common_name: "Example timestamps",
        now,
    };
    let clock = Arc::new(FixedClock::at(now));
    let authority = TimestampAuthority::new(TimestampAuthorityParts {
        chain: ceremony.perform(&root, None, &leaf).unwrap(),
        signer: Arc::new(leaf),
        clock: Arc::clone(&clock) as _,
        check: None,
        floor: SystemTime::UNIX_EPOCH,
        policy: SIGSTORE_POLICY,
    });
    let authority = Arc::new(authority.unwrap());
    let setup = Setup {
        timestamps: Some(Arc::clone(&authority)),
        ..Setup::default()
    };
    (Service::start_with(setup).await, authority, clock)
}

fn request() -> TimestampRequest {
    TimestampRequest::new(Imprint::of(HashAlgorithm::Sha256, DATA))
}

async fn post(service: &Service, content_type: &str, accept: &str, body: Vec<u8>) -> Response {
    let url = format!("{}{PATH}", service.url);
    let request = service.client.request(Method::POST, url);
    let request = request.header("content-type", content_type);
    request
        .header("accept", accept)
        .body(body)
        .send()
        .await
        .unwrap()
}

fn content_type(response: &Response) -> &str {
    response.headers()["content-type"].to_str().unwrap()
}

async fn trusted(service: &Service) -> TsaChain {
    let url = format!("{}{PATH}/certchain", service.url);
    let response = service.client.get(url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(content_type(&response), "application/pem-certificate-chain");
    TsaChain::parse_pem(&response.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_request_in_der_is_stamped_and_verifies_with_the_chain_that_is_served() {
    let (service, _) = service().await;
    let request = request().with_certificates();
    let request = request.with_nonce(Nonce::random().unwrap());
    let response = post(&service, QUERY, REPLY, request.to_der().unwrap()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(content_type(&response), REPLY);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let answer = response.bytes().await.unwrap();
    verify_answer(&answer, &request, &trusted(&service).await).unwrap();
}

#[tokio::test]
async fn a_request_in_json_is_stamped() {
    let (service, _) = service().await;
    let json = r#"{"artifactHash":"%","hashAlgorithm":"sha256"}"#;
    let hash = Imprint::of(HashAlgorithm::Sha256, DATA);
    let hash = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, hash.digest());
    let json = json.replace('%', &hash).into_bytes();
    for kind in ["application/json", "Application/JSON; charset=utf-8"] {
        let response = post(&service, kind, "*/*", json.clone()).await;
        assert_eq!(response.status(), 200);
        assert_eq!(content_type(&response), REPLY);
        let answer = response.bytes().await.unwrap();
        verify(&answer, DATA, &trusted(&service).await).unwrap();
    }
}

#[tokio::test]
async fn what_is_not_such_a_request_is_refused_in_words() {
    let (service, _) = service().await;
    for (kind, body, status, word) in [
        ("text/plain", vec![], 415, "Content-Type"),
        (
            "application/timestamp-query-not",
            vec![],
            415,
            "Content-Type",
        ),
        (QUERY, vec![], 400, "TimeStampReq"),
        (QUERY, vec![0x30; 1500], 400, "1500 bytes"),
        (QUERY, vec![0x30; 100_000], 400, "too large"),
        ("application/json", b"{}".to_vec(), 400, "artifactHash"),
    ] {
        let response = post(&service, kind, "*/*", body).await;
        assert_eq!(response.status(), status, "{kind} {word}");
        assert_eq!(content_type(&response), "application/json");
        let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains(word), "{message}");
    }
    let url = format!("{}{PATH}", service.url);
    let response = service.client.get(url).send().await.unwrap();
    assert_eq!(response.status(), 501);
}

#[tokio::test]
async fn who_asks_for_rfc_3161s_answer_gets_its_refusal() {
    let (service, clock) = service().await;
    let accept = "text/html;q=0.1, application/timestamp-reply;q=0.9";
    let response = post(&service, QUERY, accept, vec![1, 2, 3]).await;
    assert_eq!(response.status(), 400);
    assert_eq!(content_type(&response), REPLY);
    let expected = FailureInfo::BadDataFormat.to_response_der().unwrap();
    assert_eq!(response.bytes().await.unwrap(), expected);

    let good = request().to_der().unwrap();
    assert_eq!(
        post(&service, QUERY, accept, good.clone()).await.status(),
        200
    );
    clock.set(UNIX_EPOCH + Duration::from_secs(1_793_534_000));
    let response = post(&service, QUERY, accept, good).await;
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    let expected = FailureInfo::TimeNotAvailable.to_response_der().unwrap();
    assert_eq!(response.bytes().await.unwrap(), expected);
}

#[tokio::test]
async fn certificates_that_have_ended_stamp_nothing_and_metrics_say_so_before_and_then() {
    let (service, clock) = service().await;
    let ends = trusted(&service).await.not_after();
    let ends_s = ends.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let expires = format!("chancery_timestamp_certificate_expires_seconds{{}} {ends_s}.0");
    let metrics = service.get_admin("/metrics").await.text().to_owned();
    assert!(metrics.contains(&expires), "{expires} is not in {metrics}");

    let good = request().to_der().unwrap();
    clock.set(ends);
    assert_eq!(
        post(&service, QUERY, "*/*", good.clone()).await.status(),
        200
    );
    clock.set(ends + Duration::from_secs(1));
    let response = post(&service, QUERY, "*/*", good.clone()).await;
    assert_eq!(response.status(), 503);
    let said = response.text().await.unwrap();
    assert!(
        said.contains("The timestamp authority is unavailable"),
        "{said}"
    );
    let response = post(&service, QUERY, REPLY, good).await;
    let expected = FailureInfo::SystemFailure.to_response_der().unwrap();
    assert_eq!(response.bytes().await.unwrap(), expected);
    let metrics = service.get_admin("/metrics").await.text().to_owned();
    let refused = r#"chancery_timestamp_refused_total{reason="systemFailure"} 2"#;
    assert!(metrics.contains(refused), "{metrics}");
}

#[tokio::test]
async fn certificates_that_were_replaced_stamp_nothing_after_their_end() {
    let (service, authority, clock) = service_with_authority().await;
    let good = request().to_der().unwrap();
    authority.end(UNIX_EPOCH + Duration::from_secs(NOW + 60));
    assert_eq!(
        post(&service, QUERY, "*/*", good.clone()).await.status(),
        200
    );
    clock.set(UNIX_EPOCH + Duration::from_secs(NOW + 61));
    assert_eq!(post(&service, QUERY, "*/*", good).await.status(), 503);
}

#[tokio::test]
async fn without_an_authority_there_is_nothing_there() {
    let service = Service::start().await;
    let response = post(&service, QUERY, REPLY, request().to_der().unwrap()).await;
    assert_eq!(response.status(), 404);
}
