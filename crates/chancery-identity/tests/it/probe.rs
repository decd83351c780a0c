//! The test of an issuer for its operator.

use std::time::Duration;

use serde_json::{Value, json};

use chancery_identity::{ProbeHint, ProbeOptions, ProbeReport, probe};

use crate::issuer::{Answer, TestIssuer, TestKey, b64};
use crate::tls::{TlsIssuer, ok, self_signed};

async fn probed(url: &str) -> ProbeReport {
    probe(url, &ProbeOptions::default()).await.unwrap()
}

fn hints(report: &ProbeReport) -> Vec<&'static str> {
    report.hints.iter().map(ProbeHint::code).collect()
}

/// The codes of the steps.
fn steps(report: &ProbeReport) -> Vec<&'static str> {
    let code = |step: &chancery_identity::ProbeStep| match &step.outcome {
        Ok(_) => "done",
        Err(failure) => failure.code,
    };
    report.steps.iter().map(code).collect()
}

#[tokio::test]
async fn an_issuer_that_can_be_used_is_told_with_its_keys_and_the_reasons_of_the_others() {
    let issuer = TestIssuer::start().await;
    let mut encryption = TestKey::new("enc", "ES256").jwk();
    encryption["use"] = json!("enc");
    let neutral = [&[1], [0; 31].as_slice()].concat();
    let weak = json!({"kty": "OKP", "crv": "Ed25519", "kid": "weak", "x": b64(neutral)});
    issuer.set_keys([TestKey::rsa("a", "RS256"), TestKey::new("b\n", "ES384")]);
    issuer.set_more_keys([encryption, weak, json!({"kty": "oct"})]);
    issuer.set_algorithms(json!(["RS256", "ES256", "HS256", "none"]));
    let report = probed(issuer.url()).await;
    assert!(report.is_usable());
    assert_eq!(steps(&report), ["done", "done"]);
    let urls: Vec<&str> = report.steps.iter().map(|step| step.url.as_str()).collect();
    let url = issuer.url();
    let configuration = format!("{url}/.well-known/openid-configuration");
    assert_eq!(urls, [configuration, format!("{url}/keys")]);
    assert_eq!(report.algorithms, ["RS256", "ES256"]);
    assert_eq!(report.other_algorithms, ["\"HS256\"", "\"none\""]);
    let keys: Vec<_> = report
        .keys
        .iter()
        .map(|key| (key.kid.as_deref(), &key.algorithms[..]))
        .collect();
    // The second key is for an algorithm that the issuer does not name.
    assert_eq!(
        keys,
        [(Some("\"a\""), &["RS256"][..]), (Some(r#""b\n""#), &[])]
    );
    let unused: Vec<_> = report
        .unused_keys
        .iter()
        .map(|key| (key.kid.as_deref(), key.fault.code()))
        .collect();
    assert_eq!(
        unused,
        [
            (Some("\"enc\""), "key-not-for-signatures"),
            (Some("\"weak\""), "key-small-order"),
            (None, "key-secret"),
        ]
    );
    assert!(report.clock_ahead_s.unwrap().abs() <= 5);
    assert_eq!(hints(&report), ["plain-http"]);
}

#[tokio::test]
async fn what_the_document_says_is_named_when_a_slash_or_more_differs() {
    let issuer = TestIssuer::start().await;
    let document = |says: &str| {
        let keys = format!("{}/keys", issuer.url());
        Answer::Body(json!({"issuer": says, "jwks_uri": keys}).to_string())
    };
    let with_slash = format!("{}/", issuer.url());
    for (says, code) in [
        (with_slash.as_str(), "trailing-slash"),
        ("https://else.test", "issuer-differs"),
    ] {
        issuer.answer_discovery(document(says));
        let report = probed(issuer.url()).await;
        assert!(!report.is_usable());
        assert_eq!(steps(&report), ["issuer-differs", "done"]);
        assert_eq!(hints(&report), ["plain-http", code]);
        let hint = report.hints.last().unwrap().to_string();
        assert!(hint.contains(&format!("{says:?}")), "{hint}");
        // The keys are shown all the same.
        assert_eq!(report.keys.len(), 1);
    }
    issuer.answer_discovery(document(&with_slash));
    assert!(probed(&with_slash).await.is_usable());
}

#[tokio::test]
async fn each_failure_has_a_code_and_a_hint_where_there_is_one() {
    let issuer = TestIssuer::start().await;
    let body = |document: Value| Answer::Body(document.to_string());
    let keys_at = |at: &str| body(json!({"issuer": issuer.url(), "jwks_uri": at}));
    for (answer, step, hint) in [
        (Answer::Status(404), "status-refused", Some("not-found")),
        (
            Answer::Status(401),
            "status-refused",
            Some("wants-credentials"),
        ),
        (
            Answer::Status(403),
            "status-refused",
            Some("wants-credentials"),
        ),
        (Answer::Status(500), "status-refused", None),
        (
            Answer::Redirect("http://127.0.0.9:1/".into()),
            "redirect-refused",
            Some("redirects"),
        ),
        (
            Answer::Body("<html>".into()),
            "configuration-malformed",
            None,
        ),
        (Answer::Body(" ".repeat(600_000)), "body-too-large", None),
        (Answer::Hang, "timed-out", None),
        (
            keys_at("file:///etc/passwd"),
            "plain-http",
            Some("keys-elsewhere"),
        ),
        (keys_at("keys"), "keys-url-malformed", None),
    ] {
        issuer.answer_discovery(answer);
        let options = ProbeOptions {
            fetch: Duration::from_millis(500),
            ..ProbeOptions::default()
        };
        let report = probe(issuer.url(), &options).await.unwrap();
        assert!(!report.is_usable());
        assert_eq!(*steps(&report).last().unwrap(), step);
        let expected: Vec<_> = [Some("plain-http"), hint].into_iter().flatten().collect();
        assert_eq!(hints(&report), expected, "{step}");
        assert!(
            report
                .steps
                .iter()
                .all(|step| step.took < Duration::from_secs(2))
        );
    }
    issuer.answer_discovery(Answer::Good);
    for (answer, step, hint) in [
        (Answer::Status(404), "status-refused", Some("not-found")),
        (Answer::Body("[]".into()), "key-set-malformed", None),
        (
            body(json!({"keys": [{"kty": "oct"}]})),
            "done",
            Some("no-usable-key"),
        ),
    ] {
        issuer.answer_keys(answer);
        let report = probed(issuer.url()).await;
        assert!(!report.is_usable());
        assert_eq!(steps(&report), ["done", step]);
        let expected: Vec<_> = [Some("plain-http"), hint].into_iter().flatten().collect();
        assert_eq!(hints(&report), expected);
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_named() {
    let private = TlsIssuer::start(None);
    let report = probed(&private.url).await;
    assert_eq!(steps(&report), ["certificate-refused"], "{report:?}");
    assert_eq!(hints(&report), ["private-ca"]);
    let hint = report.hints[0].to_string();
    assert!(hint.contains("CN=the private CA"), "{hint}");
    let trusted = ProbeOptions {
        ca_cert: Some(private.ca.clone()),
        ..ProbeOptions::default()
    };
    let report = probe(&private.url, &trusted).await.unwrap();
    assert!(report.is_usable() && report.hints.is_empty());

    let (config, own) = self_signed();
    let alone = TlsIssuer::with(config, own, |_, _| ok("{}"));
    let report = probed(&alone.url).await;
    assert_eq!(hints(&report), ["self-signed"]);

    let by_address = private.url.replace("localhost", "127.0.0.1");
    let report = probe(&by_address, &trusted).await.unwrap();
    assert_eq!(hints(&report), ["certificate-name"]);
}

#[tokio::test]
async fn clocks_that_differ_are_told() {
    let issuer = TlsIssuer::answering(|url, path| {
        let body = match path {
            "/keys" => json!({"keys": [TestKey::rsa("rsa", "RS256").jwk()]}),
            _ => json!({"issuer": url, "jwks_uri": format!("{url}/keys")}),
        };
        let date = "HTTP/1.1 200 OK\r\ndate: Fri, 01 Jan 2100 00:00:00 GMT";
        ok(&body.to_string()).replacen("HTTP/1.1 200 OK", date, 1)
    });
    let options = ProbeOptions {
        ca_cert: Some(issuer.ca.clone()),
        ..ProbeOptions::default()
    };
    let report = probe(&issuer.url, &options).await.unwrap();
    assert!(report.is_usable());
    assert_eq!(hints(&report), ["clock-differs"]);
    assert!(report.clock_ahead_s.unwrap() > 1_000_000_000);
}

#[tokio::test]
async fn an_issuer_that_is_not_there_is_told_without_the_proxys_password() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let report = probed(&format!("https://{address}")).await;
    assert_eq!(steps(&report), ["connection-failed"]);
    let through = |proxy: String| ProbeOptions {
        proxy: Some(proxy.into()),
        ..ProbeOptions::default()
    };
    let options = through(format!("http://u:hunter2@{address}"));
    assert!(!format!("{options:?}").contains("hunter2"));
    let report = probe("https://idp.invalid", &options).await.unwrap();
    assert_eq!(steps(&report), ["connection-failed"]);
    assert!(!format!("{report:?}").contains("hunter2"));
    let options = through("ftp://u:hunter2@proxy.test".into());
    let error = probe("https://idp.invalid", &options).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn what_is_no_issuers_url_is_refused() {
    for url in [
        "",
        "idp.test",
        "ftp://idp.test",
        "https://",
        "https://idp.test?x",
    ] {
        assert!(probe(url, &ProbeOptions::default()).await.is_err(), "{url}");
    }
}
