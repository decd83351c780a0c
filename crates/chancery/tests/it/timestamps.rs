//! Timestamps of a whole instance: what OpenSSL says of them, and what `serve` refuses.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::harness::{assert_refused, chancery, init_with, on_sqlite};
use crate::production::{Production, made};

fn openssl(folder: &Path, arguments: &str) -> Output {
    Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap()
}

/// Asks for a timestamp of `data`, leaves request, answer and certificates in `folder`, and returns
/// the status.
async fn stamp(url: &str, folder: &Path) -> u16 {
    fs::write(folder.join("data"), "a signature").unwrap();
    openssl(folder, "ts -query -data data -sha256 -cert -out request");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = http
        .post(format!("{url}/api/v1/timestamp"))
        .header("content-type", "application/timestamp-query")
        .body(fs::read(folder.join("request")).unwrap());
    let answer = asked.send().await.unwrap();
    let status = answer.status().as_u16();
    fs::write(folder.join("answer"), answer.bytes().await.unwrap()).unwrap();
    let chain = http.get(format!("{url}/api/v1/timestamp/certchain"));
    let chain = chain.send().await.unwrap().text().await.unwrap();
    fs::write(folder.join("chain.pem"), chain).unwrap();
    status
}

#[tokio::test]
async fn openssl_accepts_a_timestamp_under_the_served_chain() {
    let server = on_sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(stamp(server.url(), folder.path()).await, 200);
    let verify = "ts -verify -queryfile request -in answer -CAfile chain.pem";
    let verified = openssl(folder.path(), verify);
    assert!(verified.status.success(), "{verified:?}");
    fs::write(folder.path().join("data"), "another signature").unwrap();
    let other = "ts -verify -data data -in answer -CAfile chain.pem";
    assert!(!openssl(folder.path(), other).status.success());
}

#[tokio::test]
async fn a_production_instance_stamps_and_counts() {
    let production = Production::start(made());
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{}", production.port());
    assert_eq!(stamp(&url, folder.path()).await, 200);
    let metrics = production.metrics().await;
    for line in [
        "chancery_timestamp_stamped_total 1",
        "chancery_timestamp_certificate_expires_seconds",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    assert!(!metrics.contains("clock_ahead_seconds "), "{metrics}");
}

#[test]
fn without_timestamps_there_is_no_authority() {
    let folder = tempfile::tempdir().unwrap();
    init_with(folder.path(), &["--no-timestamps"]);
    let settings = fs::read_to_string(folder.path().join("chancery.yaml")).unwrap();
    assert!(!settings.contains("timestamps"), "{settings}");
    assert!(!folder.path().join("tsa").exists());
}

#[test]
fn a_key_of_another_chain_is_refused() {
    let folder = made();
    let at = |path: &str| folder.path().join(path);
    fs::copy(at("log/log.key.pem"), at("tsa/tsa.key.pem")).unwrap();
    for command in [&["serve"][..], &["config", "check"]] {
        let refused = chancery(folder.path(), command);
        let said = String::from_utf8_lossy(&refused.stdout).into_owned();
        assert_refused(&refused, 3, &[]);
        let said = said + &String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains("not the key of the timestamp"), "{said}");
    }
}

#[test]
fn a_chain_that_cannot_stamp_is_refused() {
    let folder = made();
    let at = |path: &str| folder.path().join(path);
    fs::copy(at("ca/chain.pem"), at("tsa/chain.pem")).unwrap();
    let refused = chancery(folder.path(), &["serve"]);
    assert_refused(&refused, 3, &["tsa/chain.pem", "cannot sign timestamps"]);
}

#[tokio::test]
async fn nothing_is_stamped_while_nobody_confirms_the_time() {
    let folder = made();
    let settings = folder.path().join("chancery.yaml");
    // No one answers on this port: it is TCP's discard service's.
    let ntp = "  ntp: {servers: ['127.0.0.1:9'], limit-ms: 500}\n";
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(
        &settings,
        text.replace("timestamps:\n", &format!("timestamps:\n{ntp}")),
    )
    .unwrap();
    let production = Production::start(folder);
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{}", production.port());
    assert_eq!(stamp(&url, folder.path()).await, 503);
    let metrics = production.metrics().await;
    let line = r#"chancery_timestamp_refused_total{reason="timeNotAvailable"} 1"#;
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn a_renewed_certificate_stamps_and_the_old_one_stays_trusted() {
    let folder = made();
    let renew = |key: &'static str, into| {
        [
            "timestamps",
            "renew",
            "--issuer-key",
            key,
            "--issuer-passphrase-file",
            "offline/root.passphrase",
            "--into",
            into,
        ]
    };
    let refused = chancery(folder.path(), &renew("offline/root.key.pem", "tsa/wrong"));
    assert_refused(&refused, 3, &["not the key of the second certificate"]);
    let renewed = chancery(folder.path(), &renew("offline/tsa-root.key.pem", "tsa/new"));
    assert!(renewed.status.success(), "{renewed:?}");

    let settings = folder.path().join("chancery.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    let other =
        "timestamps:\n  also-trusted: [{chain: tsa/chain.pem, until: '2036-01-01T00:00:00Z'}]\n";
    let text = text
        .replace("chain: tsa/chain.pem", "chain: tsa/new/chain.pem")
        .replace("key: tsa/tsa.key.pem", "key: tsa/new/tsa.key.pem")
        .replace("timestamps:\n", other);
    fs::write(&settings, text).unwrap();
    let production = Production::start(folder);
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{}", production.port());
    assert_eq!(stamp(&url, folder.path()).await, 200);
    let verify = "ts -verify -queryfile request -in answer -CAfile chain.pem";
    assert!(openssl(folder.path(), verify).status.success());
    let served = fs::read(folder.path().join("chain.pem")).unwrap();
    assert_eq!(
        served,
        fs::read(production.path("tsa/new/chain.pem")).unwrap()
    );
    let root = production.client().get("/trusted_root.json").await.unwrap();
    let root: serde_json::Value = serde_json::from_str(&root.body).unwrap();
    let authorities = root["timestampAuthorities"].as_array().unwrap();
    assert_eq!(authorities.len(), 2);
    assert_eq!(authorities[1]["validFor"]["end"], "2036-01-01T00:00:00Z");
}
