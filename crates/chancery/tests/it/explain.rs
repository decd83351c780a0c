//! `chancery token explain`: it says what `serve` would do, and never shows the token.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use chancery_tests::client::Client;
use chancery_tests::issuer::Issuer;
use serde_json::Value;

use crate::harness::{BINARY, assert_refused, chancery, on_sqlite};
use crate::production::{WHO, identity, write_issuers};

/// Runs `token explain` in `folder` with the token on standard input.
fn explain(folder: &Path, token: &str, arguments: &[&str]) -> Output {
    let mut child = Command::new(BINARY)
        .args(["token", "explain"])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{token}").unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    for part in token.split('.').filter(|part| part.len() > 10) {
        assert!(!said(&output).contains(part), "it shows the token");
    }
    output
}

fn said(output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr];
    texts.map(|text| String::from_utf8_lossy(text)).join("\n")
}

/// An issuer, and a folder with a configuration that knows it.
async fn known() -> (Issuer, tempfile::TempDir) {
    let issuer = Issuer::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{}/one", issuer.url());
    write_issuers(&folder.path().join("identity.yaml"), &[url]);
    (issuer, folder)
}

const IDENTITIES: [&str; 2] = ["--identity-config", "identity.yaml"];

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_is_explained_with_its_certificate() {
    let (issuer, folder) = known().await;
    let token = identity(&issuer, "/one").await.token;
    let output = explain(folder.path(), &token, &IDENTITIES);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for words in [
        "ok       signature",
        "The token would be certified as",
        WHO,
        &format!("{}/one", issuer.url()),
    ] {
        assert!(said(&output).contains(words), "{words}: {}", said(&output));
    }
    let json = [&IDENTITIES[..], &["--format", "json"]].concat();
    let output = explain(folder.path(), &token, &json);
    let explanation: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(explanation["verdict"], "accepted");
    assert_eq!(explanation["certificate"]["name"], WHO);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_explained_with_the_reasons() {
    let (issuer, folder) = known().await;
    let stranger = identity(&issuer, "/two").await.token;
    let output = explain(folder.path(), &stranger, &IDENTITIES);
    assert_refused(&output, 4, &["refused"]);
    let said_of_it = said(&output);
    assert!(said_of_it.contains("FAILED   issuer"), "{said_of_it}");
    assert!(said_of_it.contains("[issuer-unknown]"), "{said_of_it}");
    let output = explain(folder.path(), "no token", &IDENTITIES);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_nobody_is_asked_and_the_signature_is_left_open() {
    let (issuer, folder) = known().await;
    let token = identity(&issuer, "/one").await.token;
    drop(issuer);
    let offline = [&IDENTITIES[..], &["--offline"]].concat();
    let output = explain(folder.path(), &token, &offline);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("If its issuer signed it"));
    // The issuer is gone: nobody can say.
    let output = explain(folder.path(), &token, &IDENTITIES);
    assert_refused(&output, 1, &["nobody can say"]);
    assert!(said(&output).contains("[issuer-unavailable]"));
}

#[test]
fn a_token_as_argument_is_refused_and_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl";
    let output = chancery(folder.path(), &["token", "explain", token]);
    assert_refused(&output, 2, &["file", "standard input"]);
    assert!(!said(&output).contains("eyJzdWIi"), "{}", said(&output));
    let output = chancery(folder.path(), &["token", "explain", "missing"]);
    assert_refused(&output, 2, &["missing"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_asked_and_issues_nothing() {
    let server = on_sqlite().await;
    let client = Client::new(server.url()).unwrap();
    let ada = client.identity(WHO).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let output = explain(folder.path(), &ada.token, &["--server", server.url()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains(WHO), "{}", said(&output));
    let path = folder.path().join("token");
    fs::write(&path, "bad").unwrap();
    let arguments = ["token", "explain", "token", "--server", server.url()];
    assert_refused(&chancery(folder.path(), &arguments), 4, &["refused"]);
    let answer = client.signing_cert(&ada).await.unwrap();
    assert_eq!(answer.log_index, Some(0), "something was issued before");
}

#[test]
fn a_token_is_not_sent_over_plain_http() {
    let folder = tempfile::tempdir().unwrap();
    let server = ["--server", "http://ca.example.org"];
    let output = explain(folder.path(), "a.b.c.", &server);
    assert_refused(&output, 2, &["https"]);
}
