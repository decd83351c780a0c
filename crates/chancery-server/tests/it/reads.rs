//! Everything that is only read: the log, the trust documents, the pages, the probes.

use chancery_log::memory::Fault;
use chancery_server::LogRead;
use serde_json::{Value, json};

use crate::service::{Service, Setup};

const FOREVER: &str = "public, max-age=604800, immutable";

#[tokio::test]
async fn the_log_is_read_with_the_types_and_lifetimes_of_static_ct() {
    let service = Service::start().await;
    service.issue("dev@chancery.test").await;
    let octets = "application/octet-stream";
    let table = [
        (
            "/ct/main/checkpoint",
            "text/plain; charset=utf-8",
            "no-store",
        ),
        ("/ct/main/tile/0/000.p/1", octets, FOREVER),
        ("/ct/main/tile/data/000.p/1", octets, FOREVER),
    ];
    for (path, content_type, cache) in table {
        let answer = service.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), content_type, "{path}");
        assert_eq!(answer.header("cache-control"), cache, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        assert!(!answer.body.is_empty(), "{path}");
    }
    let checkpoint = service.get("/ct/main/checkpoint").await;
    assert!(
        checkpoint.text().starts_with("localhost/ct/main\n1\n"),
        "{}",
        checkpoint.text()
    );
}

#[tokio::test]
async fn what_is_not_in_the_log_or_not_its_name_is_not_found() {
    let service = Service::start().await;
    service.issue("dev@chancery.test").await;
    let none = "00".repeat(32);
    let paths = [
        "/ct/other/checkpoint",
        "/ct/main/tile/0/000",
        "/ct/main/tile/0/000.p/2",
        "/ct/main/tile/0/000.p/0",
        "/ct/main/tile/0/000.p/01",
        "/ct/main/tile/0/001.p/1",
        "/ct/main/tile/1/000.p/1",
        "/ct/main/tile/6/000.p/1",
        "/ct/main/tile/0/0.p/1",
        "/ct/main/tile/0/%30%30%30.p/1",
        "/ct/main/tile/0/x000/000.p/1",
        "/ct/main/tile/data/../0/000.p/1/",
        "/ct/main/tile/0/000.p/1?x=1/..",
        "/ct/main/tile/0/..%2f000.p/1",
        "/ct/main/issuer/00",
    ];
    for path in paths {
        let status = service.get(path).await.status;
        // A query is no part of a tile's name and changes nothing.
        assert_eq!(status, if path.contains('?') { 200 } else { 404 }, "{path}");
    }
    assert_eq!(
        service
            .get(&format!("/ct/main/issuer/{none}"))
            .await
            .error(404, 5),
        "Not Found"
    );
}

#[tokio::test]
async fn a_restricted_log_keeps_its_entries_and_shows_its_tree() {
    let service = Service::start_with(Setup {
        log_read: LogRead::Restricted,
        ..Setup::default()
    })
    .await;
    service.issue("dev@chancery.test").await;
    let message = service
        .get("/ct/main/tile/data/000.p/1")
        .await
        .error(403, 7);
    assert!(message.contains("[log-read-restricted]"), "{message}");
    // The same answer for a tile that is not there: what is restricted does not tell.
    service.get("/ct/main/tile/data/007").await.error(403, 7);
    assert_eq!(service.get("/ct/main/checkpoint").await.status, 200);
    assert_eq!(service.get("/ct/main/tile/0/000.p/1").await.status, 200);
}

#[tokio::test]
async fn the_trust_documents_and_fulcios_reads_are_served() {
    let service = Service::start().await;
    let both = service.get("/client_trust_config.json").await.json();
    assert_eq!(
        both["trustedRoot"],
        service.get("/trusted_root.json").await.json()
    );
    assert_eq!(
        both["signingConfig"],
        service.get("/signing_config.v0.2.json").await.json()
    );
    let log = &both["trustedRoot"]["ctlogs"][0];
    assert_eq!(log["baseUrl"], format!("{}/ct/main", service.url));

    assert_eq!(
        service.get("/healthz").await.json(),
        json!({ "status": "SERVING" })
    );
    let bundle = service.get("/api/v2/trustBundle").await.json();
    let certificates = bundle["chains"][0]["certificates"].as_array().unwrap();
    assert_eq!(certificates.len(), 2);
    assert!(
        certificates
            .iter()
            .all(|c| c.as_str().unwrap().ends_with("CERTIFICATE-----\n"))
    );
    let issuer = json!({
        "issuerUrl": format!("{}/dev-oidc", service.url),
        "audience": "sigstore",
        "challengeClaim": "email",
        "spiffeTrustDomain": "",
        "issuerType": "email",
        "subjectDomain": "",
        "skipEmailVerification": false,
    });
    let configuration: Value = service.get("/api/v2/configuration").await.json();
    assert_eq!(configuration, json!({ "issuers": [issuer] }));
}

#[tokio::test]
async fn the_page_says_what_this_is_and_that_it_is_not_for_production() {
    let service = Service::start().await;
    service.issue("dev@chancery.test").await;
    let page = service.get("/").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'none'")
    );
    let parts = [
        &service.url,
        "localhost/ct/main",
        "<dd>1\n",
        "NOT FOR PRODUCTION",
        "trusted_root",
    ];
    for part in parts {
        assert!(
            page.text().contains(part),
            "{part} is not in {}",
            page.text()
        );
    }
}

#[tokio::test]
async fn metrics_count_requests_certificates_and_refusals() {
    let service = Service::start().await;
    service.issue("dev@chancery.test").await;
    service.post("/api/v2/signingCert", "[]").await;
    service.get("/made/up/by/the/caller").await;
    let metrics = service.get_admin("/metrics").await;
    assert!(
        metrics
            .header("content-type")
            .starts_with("application/openmetrics-text")
    );
    let lines = [
        "chancery_certificates_issued_total 1",
        "chancery_issuance_duration_seconds_count 1",
        r#"chancery_log_tree_size{log="main"} 1"#,
        r#"chancery_refusals_total{code="request-malformed"} 1"#,
        r#"chancery_http_requests_total{route="/api/v2/signingCert",method="POST",code="200"} 1"#,
        r#"chancery_http_requests_total{route="/api/v2/signingCert",method="POST",code="400"} 1"#,
        r#"chancery_http_requests_total{route="/dev-oidc/token",method="POST",code="200"} 1"#,
        r#"chancery_http_requests_total{route="unmatched",method="GET",code="404"} 1"#,
    ];
    for line in lines {
        assert!(
            metrics.text().lines().any(|l| l == line),
            "{line} is not in\n{}",
            metrics.text()
        );
    }
}

#[tokio::test]
async fn readiness_ends_with_draining_while_life_goes_on() {
    let service = Service::start().await;
    assert_eq!(service.get_admin("/readyz").await.status, 200);
    service.draining.cancel();
    let answer = service.get_admin("/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["reason"], "shutting down");
    assert_eq!(service.get_admin("/livez").await.status, 200);
}

#[tokio::test]
async fn a_rolled_back_log_is_not_ready_and_says_why() {
    let service = Service::start().await;
    service.issue("dev@chancery.test").await;
    *service.store.state() = chancery_log::memory::State::default();
    service.store.fail_next(&[Fault::NotCommitted]);
    let body = service
        .certificate_request("dev@chancery.test")
        .await
        .to_string();
    // Once to lose trust in what was known, once to look again.
    for _ in 0..2 {
        assert_eq!(
            service
                .post("/api/v2/signingCert", body.clone())
                .await
                .status,
            503
        );
    }
    let answer = service.get_admin("/readyz").await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    let reason = answer.json()["reason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("the log cannot issue: "), "{reason}");
}
