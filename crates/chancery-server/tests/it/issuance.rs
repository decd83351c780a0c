//! Requests for certificates: what is answered, and how refusals read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::service::{Answer, Service};

const PATH: &str = "/api/v2/signingCert";

#[tokio::test]
async fn a_certificate_is_answered_with_its_chain_and_nothing_beside_it() {
    let service = Service::start().await;
    let answer = service.issue("dev@chancery.test").await;
    let body = answer.json();
    let chain = &body["signedCertificateEmbeddedSct"]["chain"]["certificates"];
    let expected =
        json!({ "signedCertificateEmbeddedSct": { "chain": { "certificates": chain } } });
    assert_eq!(body, expected);
    let pems: Vec<&str> = chain
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c.as_str().unwrap())
        .collect();
    assert_eq!(pems.len(), 3);
    for pem in &pems {
        assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\n"), "{pem}");
        assert!(pem.ends_with("\n-----END CERTIFICATE-----"), "{pem}");
    }
    assert_eq!(answer.header("x-chancery-log-index"), "0");
    assert_eq!(answer.header("x-chancery-serial"), serial_of(pems[0]));
    assert_eq!(
        service
            .issue("dev@chancery.test")
            .await
            .header("x-chancery-log-index"),
        "1"
    );
}

fn serial_of(pem: &str) -> String {
    use der::{Decode as _, Encode as _};
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let certificate = STANDARD.decode(base64).unwrap();
    let certificate = x509_cert::Certificate::from_der(&certificate).unwrap();
    let serial = certificate
        .tbs_certificate()
        .serial_number()
        .as_bytes()
        .to_vec();
    assert!(certificate.to_der().is_ok());
    hex::encode(serial).trim_start_matches("00").to_owned()
}

#[tokio::test]
async fn the_token_may_stand_in_the_header_and_the_content_type_does_not_matter() {
    let service = Service::start().await;
    let mut body = service.certificate_request("dev@chancery.test").await;
    let credentials = body.as_object_mut().unwrap().remove("credentials").unwrap();
    let token = credentials["oidcIdentityToken"].as_str().unwrap();
    let request = service
        .request(Method::POST, PATH)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "text/plain")
        .header("accept", "application/pem-certificate-chain")
        .body(body.to_string());
    let answer = Answer::of(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.json()["signedCertificateEmbeddedSct"].is_object());
}

#[tokio::test]
async fn api_v1_answers_the_same_chain_as_text() {
    let service = Service::start().await;
    let v2 = service.certificate_request("dev@chancery.test").await;
    let content = |pem: &str| STANDARD.encode(pem);
    let pem = v2["publicKeyRequest"]["publicKey"]["content"].as_str();
    let pem = pem.unwrap();
    let der = pem.lines().nth(1).unwrap().to_owned();
    let token = v2["credentials"]["oidcIdentityToken"].as_str().unwrap();
    for content in [der, content(pem)] {
        let request = service
            .request(Method::POST, "/api/v1/signingCert")
            .header("authorization", format!("Bearer {token}"))
            .body(
                json!({
                    "publicKey": { "content": content, "algorithm": "ecdsa" },
                    "signedEmailAddress": v2["publicKeyRequest"]["proofOfPossession"],
                    "certificateSigningRequest": null,
                })
                .to_string(),
            );
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let media = "application/pem-certificate-chain";
        assert_eq!(answer.header("content-type"), media);
        assert_ne!(answer.header("x-chancery-log-index"), "");
        let root = service.get("/api/v1/rootCert").await;
        assert_eq!((root.status, root.header("content-type")), (200, media));
        let (leaf, chain) = answer.text().split_once("CERTIFICATE-----\n-----").unwrap();
        assert!(leaf.ends_with("\n-----END "), "{leaf}");
        let chain = format!("-----{chain}");
        assert_eq!(chain, root.text().replace("\n\n", "\n"));
        assert!(chain.ends_with("\n-----END CERTIFICATE-----"), "{chain}");
    }
}

#[tokio::test]
async fn api_v1_takes_its_token_from_the_header_only_and_wants_a_key_first() {
    let service = Service::start().await;
    let mut body = service.certificate_request("dev@chancery.test").await;
    let path = "/api/v1/signingCert";
    let message = service.post(path, body.to_string()).await.error(400, 3);
    assert!(message.starts_with("The public key supplied"), "{message}");
    body["publicKey"] = json!({});
    let message = service.post(path, body.to_string()).await.error(400, 3);
    assert!(message.contains("identity token"), "{message}");
}

#[tokio::test]
async fn a_refusal_says_what_fulcio_says_and_then_why() {
    let service = Service::start().await;
    let good = service.certificate_request("dev@chancery.test").await;
    let changed = |pointer: &str, value: &str| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = Value::from(value);
        body.to_string()
    };
    let token = "There was an error processing the identity token: ";
    let key = "The public key supplied in the request could not be parsed: ";
    let proof = "The signature supplied in the request could not be verified: ";
    let without_key = json!({ "credentials": good["credentials"] }).to_string();
    let table = [
        (String::new(), token),
        ("{}".to_owned(), token),
        (changed("/credentials/oidcIdentityToken", "a.b.c"), token),
        (without_key, key),
        (
            changed("/publicKeyRequest/publicKey/content", "no key"),
            key,
        ),
        (
            changed("/publicKeyRequest/proofOfPossession", "AAAA"),
            proof,
        ),
        (
            changed("/publicKeyRequest/proofOfPossession", "!"),
            "The request body could not be parsed: ",
        ),
        ("[]".to_owned(), "The request body could not be parsed: "),
    ];
    for (body, sentence) in table {
        let message = service.post(PATH, body.clone()).await.error(400, 3);
        assert!(message.starts_with(sentence), "{body}: {message}");
        assert!(message.ends_with(']'), "{message}");
    }
    assert_eq!(service.store.state().entries.len(), 0);
}

#[tokio::test]
async fn a_body_over_256_kib_is_refused_as_fulcio_refuses_it() {
    let service = Service::start().await;
    let message = service
        .post(PATH, "x".repeat(256 * 1024 + 1))
        .await
        .error(400, 3);
    assert!(
        message.starts_with("http: request body too large"),
        "{message}"
    );
    let message = service
        .post(PATH, "x".repeat(256 * 1024))
        .await
        .error(400, 3);
    assert!(message.contains("[request-malformed]"), "{message}");
}

#[tokio::test]
async fn a_store_that_fails_is_503_with_retry_after_and_heals() {
    use chancery_log::memory::Fault;
    let service = Service::start().await;
    service.store.fail_next(&[Fault::NotCommitted]);
    let body = service
        .certificate_request("dev@chancery.test")
        .await
        .to_string();
    let answer = service.post(PATH, body).await;
    let message = answer.error(503, 14);
    assert!(
        message.starts_with("Error entering certificate in CTL: "),
        "{message}"
    );
    assert_eq!(answer.header("retry-after"), "1");
    service.issue("dev@chancery.test").await;
}

#[tokio::test]
async fn wrong_methods_and_paths_are_answered_as_the_gateway_answers_them() {
    let service = Service::start().await;
    for method in [Method::GET, Method::PUT, Method::OPTIONS] {
        let answer = Answer::of(service.request(method, PATH)).await;
        assert_eq!(answer.error(501, 12), "Method Not Allowed");
    }
    for path in [
        "/api/v2/signingCert/",
        "/api/v9/x",
        "/dev-oidc/x",
        "/ct/main",
        "/metrics",
    ] {
        assert_eq!(
            service.post(path, "").await.error(404, 5),
            "Not Found",
            "{path}"
        );
    }
    let wrong = Answer::of(service.request(Method::DELETE, "/dev-oidc/token")).await;
    assert_eq!(wrong.status, 501);
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let service = Service::start().await;
    let own = service.get("/healthz").await;
    assert_eq!(own.header("x-request-id").len(), 16);
    let given = service
        .request(Method::GET, "/nowhere")
        .header("x-request-id", "from-a-proxy");
    assert_eq!(
        Answer::of(given).await.header("x-request-id"),
        "from-a-proxy"
    );
}

#[tokio::test]
async fn http_2_is_spoken_with_prior_knowledge_on_the_same_port() {
    let service = Service::start().await;
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let request = service.certificate_request("dev@chancery.test").await;
    let request = client
        .post(format!("{}{PATH}", service.url))
        .body(request.to_string());
    let response = request.send().await.unwrap();
    assert_eq!(response.version(), reqwest::Version::HTTP_2);
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_token_is_explained_and_nothing_is_issued_for_it() {
    const EXPLAIN: &str = "/api/chancery/v1/token/explain";
    let service = Service::start().await;
    let request = service.certificate_request("dev@chancery.test").await;
    let token = request["credentials"]["oidcIdentityToken"].as_str();
    let bearer = format!("Bearer {}", token.unwrap());
    let in_header = service.request(Method::POST, EXPLAIN);
    for answer in [
        service.post(EXPLAIN, request.to_string()).await,
        Answer::of(in_header.header("authorization", bearer)).await,
    ] {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let explanation = answer.json();
        assert_eq!(explanation["verdict"], "accepted", "{explanation}");
        assert_eq!(explanation["certificate"]["name"], "dev@chancery.test");
    }
    let refused = service.post(EXPLAIN, "{}").await;
    assert_eq!(
        (refused.status, refused.json()["verdict"].as_str()),
        (200, Some("refused"))
    );
    service.post(EXPLAIN, "[]").await.error(400, 3);
    assert_eq!(service.store.state().entries.len(), 0);
}
