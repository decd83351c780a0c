//! Fulcio's API over gRPC: the same answers as over REST, in gRPC's form.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_proto::fulcio_v1beta::{self, ca_client::CaClient as V1betaClient};
use chancery_proto::fulcio_v2::ca_client::CaClient;
use chancery_proto::fulcio_v2::create_signing_certificate_request::Key;
use chancery_proto::fulcio_v2::credentials::Credentials;
use chancery_proto::fulcio_v2::signing_certificate::Certificate;
use chancery_proto::fulcio_v2::{self, CreateSigningCertificateRequest};
use chancery_proto::grpc_health_v1::HealthCheckRequest;
use chancery_proto::grpc_health_v1::health_client::HealthClient;
use http::HeaderMap;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::{Code, Request};

use crate::service::{Answer, Service, Setup};

const ISSUE: &str = "/dev.sigstore.fulcio.v2.CA/CreateSigningCertificate";

pub(crate) type Channel = Client<HttpConnector, tonic::body::Body>;

pub(crate) fn channel() -> Channel {
    Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http()
}

pub(crate) fn client(service: &Service) -> CaClient<Channel> {
    CaClient::with_origin(channel(), service.url.parse().unwrap())
}

/// Makes the same request as REST's, in protobuf.
pub(crate) fn message(request: &Value) -> CreateSigningCertificateRequest {
    let text = |pointer: &str| Some(request.pointer(pointer)?.as_str()?.to_owned());
    let proof = text("/publicKeyRequest/proofOfPossession").unwrap_or_default();
    let content = text("/publicKeyRequest/publicKey/content");
    CreateSigningCertificateRequest {
        credentials: text("/credentials/oidcIdentityToken").map(credentials),
        key: content.map(|content| {
            Key::PublicKeyRequest(fulcio_v2::PublicKeyRequest {
                public_key: Some(fulcio_v2::PublicKey {
                    algorithm: 17,
                    content,
                }),
                proof_of_possession: STANDARD.decode(proof).unwrap(),
            })
        }),
    }
}

fn credentials(token: String) -> fulcio_v2::Credentials {
    fulcio_v2::Credentials {
        credentials: Some(Credentials::OidcIdentityToken(token)),
    }
}

#[tokio::test]
async fn a_certificate_is_answered_on_the_port_of_rest() {
    let service = Service::start().await;
    for (index, encoding) in [None, Some(Gzip)].into_iter().enumerate() {
        let request = service.certificate_request("dev@chancery.test").await;
        let mut client = match encoding {
            None => client(&service),
            Some(encoding) => client(&service).send_compressed(encoding),
        };
        let answer = client.create_signing_certificate(message(&request)).await;
        let answer = answer.unwrap();
        let at = |name: &str| answer.metadata().get(name).unwrap().to_str().unwrap();
        assert_eq!(at("x-chancery-log-index"), index.to_string());
        assert_eq!(at("x-request-id").len(), 16);
        let certificate = answer.into_inner().certificate.unwrap();
        let Certificate::SignedCertificateEmbeddedSct(embedded) = certificate else {
            panic!("the SCT is in the certificate");
        };
        let chain = embedded.chain.unwrap().certificates;
        assert_eq!(chain.len(), 3);
        for pem in chain {
            assert!(pem.ends_with("\n-----END CERTIFICATE-----"), "{pem}");
        }
    }
}

#[tokio::test]
async fn the_token_may_stand_in_the_metadata_once() {
    let service = Service::start().await;
    let mut whole = message(&service.certificate_request("dev@chancery.test").await);
    let Some(Credentials::OidcIdentityToken(token)) =
        whole.credentials.take().and_then(|c| c.credentials)
    else {
        panic!("there is a token");
    };
    let send = async |message: &CreateSigningCertificateRequest,
                      metadata: &[(&'static str, &str)]| {
        let mut request = Request::new(message.clone());
        for (name, value) in metadata {
            let value = value.parse().unwrap();
            request.metadata_mut().append(*name, value);
        }
        client(&service).create_signing_certificate(request).await
    };
    let bearer = format!("Bearer {token}");
    for metadata in [
        [("oidcidentitytoken", token.as_str())].as_slice(),
        &[("authorization", &bearer)],
        &[
            ("authorization", "Basic of a proxy"),
            ("oidcidentitytoken", &token),
        ],
    ] {
        send(&whole, metadata).await.unwrap();
    }
    for name in ["oidcidentitytoken", "authorization"] {
        let refused = send(&whole, &[(name, &token), (name, &token)]).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains("[authorization-ambiguous]"));
    }
    whole.credentials = Some(credentials(token));
    send(&whole, &[("oidcidentitytoken", "not read")])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_refusal_says_the_same_as_over_rest() {
    let service = Service::start().await;
    let good = service.certificate_request("dev@chancery.test").await;
    let changed = |pointer: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    for request in [
        changed("/credentials", Value::Null),
        changed("/credentials/oidcIdentityToken", "a.b.c".into()),
        changed("/publicKeyRequest", Value::Null),
        changed("/publicKeyRequest/publicKey/content", "no key".into()),
        changed("/publicKeyRequest/publicKey/content", "".into()),
        changed("/publicKeyRequest/proofOfPossession", "AAAA".into()),
    ] {
        let rest = service
            .post("/api/v2/signingCert", request.to_string())
            .await;
        let grpc = client(&service)
            .create_signing_certificate(message(&request))
            .await;
        let grpc = grpc.unwrap_err();
        assert_eq!(grpc.code(), Code::InvalidArgument);
        assert_eq!(grpc.message(), rest.error(400, 3));
    }
    let metrics = service.get_admin("/metrics").await;
    let label = r#"refusals_total{code="proof-invalid"} 2"#;
    assert!(metrics.text().contains(label), "{}", metrics.text());
}

#[tokio::test]
async fn a_store_that_fails_is_unavailable_and_says_when_to_try_again() {
    use chancery_log::memory::Fault;
    let service = Service::start().await;
    service.store.fail_next(&[Fault::NotCommitted]);
    let request = message(&service.certificate_request("dev@chancery.test").await);
    let failed = client(&service)
        .create_signing_certificate(request.clone())
        .await;
    let failed = failed.unwrap_err();
    assert_eq!(failed.code(), Code::Unavailable);
    assert_eq!(failed.metadata().get("retry-after").unwrap(), "1");
    assert_eq!(
        failed.metadata().get("grpc-retry-pushback-ms").unwrap(),
        "1000"
    );
    client(&service)
        .create_signing_certificate(request)
        .await
        .unwrap();
}

#[tokio::test]
async fn bundle_and_configuration_are_those_of_rest() {
    let service = Service::start().await;
    let bundle = client(&service)
        .get_trust_bundle(fulcio_v2::GetTrustBundleRequest {})
        .await;
    let bundle = bundle.unwrap().into_inner();
    let rest = service.get("/api/v2/trustBundle").await.json();
    assert_eq!(bundle.chains.len(), 1);
    assert_eq!(
        Value::from(bundle.chains[0].certificates.clone()),
        rest["chains"][0]["certificates"]
    );
    let mut client = client(&service);
    let configuration = client.get_configuration(fulcio_v2::GetConfigurationRequest {});
    let issuers = configuration.await.unwrap().into_inner().issuers;
    let rest = service.get("/api/v2/configuration").await.json();
    assert_eq!(issuers.len(), 1);
    let url = rest["issuers"][0]["issuerUrl"].as_str().unwrap().to_owned();
    let expected = fulcio_v2::OidcIssuer {
        audience: "sigstore".to_owned(),
        challenge_claim: "email".to_owned(),
        issuer_type: "email".to_owned(),
        issuer: Some(fulcio_v2::oidc_issuer::Issuer::IssuerUrl(url)),
        ..Default::default()
    };
    assert_eq!(issuers[0], expected);
}

#[tokio::test]
async fn api_v1_is_there_too() {
    let service = Service::start().await;
    let v2 = service.certificate_request("dev@chancery.test").await;
    let key = &v2["publicKeyRequest"];
    let content = key["publicKey"]["content"].as_str().unwrap();
    let proof = STANDARD.decode(key["proofOfPossession"].as_str().unwrap());
    let token = v2["credentials"]["oidcIdentityToken"].as_str().unwrap();
    let mut request = Request::new(fulcio_v1beta::CreateSigningCertificateRequest {
        public_key: Some(fulcio_v1beta::PublicKey {
            algorithm: "ecdsa".to_owned(),
            content: content.into(),
        }),
        signed_email_address: proof.unwrap(),
        certificate_signing_request: Vec::new(),
    });
    let metadata = request.metadata_mut();
    metadata.insert("oidcidentitytoken", token.parse().unwrap());
    let mut client = V1betaClient::with_origin(channel(), service.url.parse().unwrap());
    let answer = client.create_signing_certificate(request).await.unwrap();
    let answer = answer.into_inner();
    assert_eq!(answer.content_type, "application/pem-certificate-chain");
    let text = String::from_utf8(answer.data).unwrap();
    assert_eq!(text.matches("BEGIN CERTIFICATE").count(), 3);
    let root = client.get_root_certificate(()).await.unwrap().into_inner();
    let rest = service.get("/api/v1/rootCert").await;
    assert_eq!(root.data, rest.body);
}

#[tokio::test]
async fn health_is_serving_for_any_service() {
    let service = Service::start().await;
    let mut client = HealthClient::with_origin(channel(), service.url.parse().unwrap());
    for name in ["", "dev.sigstore.fulcio.v2.CA", "anything"] {
        let request = HealthCheckRequest {
            service: name.to_owned(),
        };
        let answer = client.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status().as_str_name(), "SERVING");
    }
}

/// Posts frames as they are, over HTTP/2.
async fn raw(service: &Service, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    let client = reqwest::Client::builder().http2_prior_knowledge().build();
    let request = client.unwrap().post(format!("{}{path}", service.url));
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, value.parse().unwrap())
        })
        .collect();
    Answer::of(request.headers(headers).body(body)).await
}

/// Asserts an error in gRPC's form: HTTP 200, status and message in the headers, no body.
fn assert_refused(answer: &Answer, code: u8, message: &str) {
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/grpc");
    let said = answer.header("grpc-message").replace("%20", " ");
    assert_eq!(answer.header("grpc-status"), code.to_string(), "{said}");
    assert!(said.contains(message), "{said}");
    assert_eq!(answer.body, b"");
}

const GRPC: (&str, &str) = ("content-type", "application/grpc+proto");

#[tokio::test]
async fn what_is_not_there_is_unimplemented_and_what_is_not_grpc_is_415() {
    let service = Service::start().await;
    for path in [
        "/dev.sigstore.fulcio.v2.CA/Nothing",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/",
        "/a.B",
    ] {
        let answer = raw(&service, path, &[GRPC], vec![0; 5]).await;
        let said = if path == "/" {
            "Method Not Allowed"
        } else {
            "unknown service or method"
        };
        if path == "/" {
            // A document, whatever the media type.
            assert_eq!(answer.error(501, 12), said);
        } else {
            assert_refused(&answer, 12, said);
        }
    }
    for media in [
        "application/json",
        "application/grpc-web",
        "application/grpc+json",
    ] {
        let answer = raw(&service, ISSUE, &[("content-type", media)], vec![0; 5]).await;
        assert_eq!(answer.status, 415, "{media}");
    }
    let answer = service.get(ISSUE).await;
    assert_eq!(answer.error(501, 12), "Method Not Allowed");
}

#[tokio::test]
async fn rest_does_not_look_at_media_types_even_if_they_say_grpc() {
    let service = Service::start().await;
    let answer = raw(&service, "/api/v2/signingCert", &[GRPC], Vec::new()).await;
    answer.error(400, 3);
}

#[tokio::test]
async fn frames_that_cannot_be_read_are_refused() {
    let service = Service::start().await;
    let unreadable = "The request body could not be parsed";
    let table: [(&[u8], u8, &str); 7] = [
        (b"", 3, unreadable),
        (b"\0\0\0", 3, unreadable),
        (b"\0\0\0\0\x05ab", 3, unreadable),
        (b"\0\0\0\0\x02\x0a\x7f", 3, unreadable),
        (b"\x02\0\0\0\x01a", 3, unreadable),
        (b"\x01\0\0\0\x01a", 3, unreadable),
        (b"\0\xff\xff\xff\xffa", 3, "http: request body too large"),
    ];
    for (body, code, message) in table {
        let answer = raw(&service, ISSUE, &[GRPC], body.to_vec()).await;
        assert_refused(&answer, code, message);
    }
    for (name, value, code, said) in [
        ("grpc-encoding", "zstd", 12, "isn't supported"),
        ("grpc-timeout", "soon", 3, "grpc-timeout"),
    ] {
        let answer = raw(&service, ISSUE, &[GRPC, (name, value)], vec![0; 5]).await;
        assert_refused(&answer, code, said);
    }
}

#[tokio::test]
async fn a_message_over_the_limit_of_bodies_is_refused_like_a_body() {
    let service = Service::start().await;
    let answer = raw(&service, ISSUE, &[GRPC], vec![0; 256 * 1024 + 1]).await;
    assert_refused(&answer, 3, "http: request body too large");
}

#[tokio::test]
async fn a_message_that_grows_when_decompressed_is_cut_off_at_the_limit() {
    const GROWN: usize = 200 << 20;
    let service = Service::start().await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..GROWN / zeros.len() {
        gzip.write_all(&zeros).unwrap();
    }
    let bomb = gzip.finish().unwrap();
    assert!(bomb.len() < 256 * 1024);
    let mut body = vec![1];
    body.extend_from_slice(&u32::try_from(bomb.len()).unwrap().to_be_bytes());
    body.extend_from_slice(&bomb);
    let encoding = ("grpc-encoding", "gzip");
    let before = peak_bytes();
    let answer = raw(&service, ISSUE, &[GRPC, encoding], body).await;
    assert_refused(&answer, 3, "http: request body too large");
    // Other tests of this process need memory at the same time, but not as much as the bomb.
    let grown = peak_bytes() - before;
    assert!(grown < GROWN / 2, "{grown} bytes more at the peak");
}

/// Returns the most memory that this process ever had.
fn peak_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line
        .and_then(|line| line.split_whitespace().nth(1))
        .unwrap();
    kib.parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn answers_are_not_compressed() {
    let service = Service::start().await;
    let mut client = client(&service).accept_compressed(Gzip);
    let answer = client
        .get_trust_bundle(fulcio_v2::GetTrustBundleRequest {})
        .await;
    assert!(answer.unwrap().metadata().get("grpc-encoding").is_none());
}

#[tokio::test]
async fn the_second_port_serves_grpc_and_nothing_else() {
    let service = Service::start().await;
    let request = message(&service.certificate_request("dev@chancery.test").await);
    let mut client = CaClient::with_origin(channel(), service.grpc_url.parse().unwrap());
    client.create_signing_certificate(request).await.unwrap();
    let rest = service.client.get(format!("{}/healthz", service.grpc_url));
    Answer::of(rest).await.error(404, 5);
}

#[tokio::test]
async fn fulcios_metrics_are_counted_beside_ours_on_request() {
    let service = Service::start_with(Setup {
        fulcio_names: true,
        ..Setup::default()
    })
    .await;
    let request = service.certificate_request("dev@chancery.test").await;
    let issued = service
        .post("/api/v2/signingCert", request.to_string())
        .await;
    assert_eq!(issued.status, 200);
    let refused = service.post("/api/v2/signingCert", "{}").await;
    refused.error(400, 3);
    client(&service)
        .create_signing_certificate(message(&request))
        .await
        .unwrap();
    raw(&service, "/a.B/C", &[GRPC], vec![0; 5]).await;
    service.get_admin("/readyz").await;
    let metrics = service.get_admin("/metrics").await;
    let text = metrics.text();
    let method = concat!(
        r#"grpc_method="CreateSigningCertificate",grpc_service="dev.sigstore.fulcio.v2.CA","#,
        r#"grpc_type="unary""#
    );
    for line in [
        "# TYPE fulcio_new_certs unknown",
        "fulcio_new_certs 2",
        "# TYPE fulcio_api_latency histogram",
        // With the request for the token,
        r#"fulcio_api_latency_count{code="200",method="post"} 2"#,
        // and with those for the issuer's keys; operators' requests are not among them.
        r#"http_requests_total{code="200",method="get"} 2"#,
        r#"http_requests_total{code="400",method="post"} 1"#,
        &format!("grpc_server_started_total{{{method}}} 3"),
        &format!("grpc_server_msg_received_total{{{method}}} 3"),
        &format!("grpc_server_msg_sent_total{{{method}}} 2"),
        &format!(r#"grpc_server_handled_total{{grpc_code="OK",{method}}} 2"#),
        &format!(r#"grpc_server_handled_total{{grpc_code="InvalidArgument",{method}}} 1"#),
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    assert!(
        text.contains(r#"fulcio_build_info{version="0.0.0-test""#),
        "{text}"
    );
    assert!(
        text.contains("chancery_certificates_issued_total 2"),
        "{text}"
    );
    // Paths make no labels.
    assert!(!text.contains("a.B"), "{text}");

    let service = Service::start().await;
    let metrics = service.get_admin("/metrics").await;
    assert!(!metrics.text().contains("fulcio"), "{}", metrics.text());
}
