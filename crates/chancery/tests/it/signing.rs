//! `chancery sign` against a running development instance: many files by one login, statements,
//! digests, and what is refused before anybody logs in.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};

use serde_json::json;
use url::Url;

use crate::client_machine::{Machine, WHO};
use crate::harness::{BINARY, assert_refused, on_sqlite};

#[tokio::test]
async fn many_files_are_signed_by_one_login_under_one_certificate() {
    let server = on_sqlite().await;
    let machine = Machine::beside(&server).await;
    let names: Vec<_> = (0..40).map(|number| format!("file-{number}")).collect();
    for name in &names {
        machine.write(name, name);
    }
    let all = machine.signed(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(all["identity"], WHO);
    assert_eq!(all["issuer"], format!("{}/dev-oidc", server.url()));
    assert_eq!(all["certificates"], 1);
    assert_eq!(all["signed"].as_array().unwrap().len(), names.len());
    let certificates: BTreeSet<_> = names
        .iter()
        .map(|name| {
            let bundle = machine.json(&format!("{name}.sigstore.json"));
            let material = &bundle["verificationMaterial"];
            assert_eq!(material["tlogEntries"].as_array().unwrap().len(), 1);
            material["certificate"]["rawBytes"].to_string()
        })
        .collect();
    assert_eq!(certificates.len(), 1);
}

#[tokio::test]
async fn a_bundle_that_is_there_stays_and_is_seen_before_anybody_logs_in() {
    let server = on_sqlite().await;
    let machine = Machine::beside(&server).await;
    machine.write("a", "a");
    machine.write("a.sigstore.json", "mine");
    // Nobody could log in with this.
    let refused = machine.sign(&["a", "--identity-token", "nowhere"]);
    assert_refused(
        &refused,
        2,
        &["a.sigstore.json is there already", "--overwrite"],
    );
    let kept = fs::read_to_string(machine.path().join("a.sigstore.json")).unwrap();
    assert_eq!(kept, "mine");
    machine.signed(&["a", "--overwrite"]);
    assert!(machine.json("a.sigstore.json")["messageSignature"].is_object());

    // A link that leads nowhere is in the way as well, and is replaced itself.
    let bundle = machine.path().join("a.sigstore.json");
    fs::remove_file(&bundle).unwrap();
    symlink("nowhere.json", &bundle).unwrap();
    let refused = machine.sign(&["a", "--as", WHO]);
    assert_refused(&refused, 2, &["is there already"]);
    machine.signed(&["a", "--overwrite"]);
    assert!(machine.json("a.sigstore.json")["messageSignature"].is_object());
    assert!(!machine.path().join("nowhere.json").exists());
}

#[tokio::test]
async fn a_bundle_is_there_whole_or_not_at_all() {
    let server = on_sqlite().await;
    let machine = Machine::beside(&server).await;
    machine.write("a", "a");
    // As on a disk that fills up: no file may have more than half a kilobyte or one.
    let script = format!(
        "ulimit -f 1; exec {BINARY} sign a --as {WHO} --trusted-root trusted_root.json \
         --signing-config signing_config.v0.2.json"
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(machine.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(!machine.path().join("a.sigstore.json").exists());
    machine.signed(&["a"]);
}

#[tokio::test]
async fn statements_and_digests_are_signed() {
    let server = on_sqlite().await;
    let machine = Machine::beside(&server).await;
    machine.write("a", "a");
    machine.write("b", "b");
    machine.write("predicate.json", r#"{"built": true}"#);
    let kind = ["--predicate-type", "https://example.org/v1"];
    let attest = [
        "a",
        "b",
        "--attest",
        "predicate.json",
        "--bundle",
        "both.json",
    ];
    machine.signed(&[&attest[..], &kind].concat());
    let bundle = machine.json("both.json");
    let envelope = &bundle["dsseEnvelope"];
    assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");

    let image = format!("sha256:{}", "ab".repeat(32));
    let all = machine.signed(&["--digest", &image]);
    assert_eq!(all["signed"][0]["digest"], image);
    let name = format!("{}.sigstore.json", image.replace(':', "-"));
    assert!(machine.json(&name)["messageSignature"].is_object());
}

#[tokio::test]
async fn an_instance_may_have_neither_ledger_nor_timestamps() {
    let server = on_sqlite().await;
    let machine = Machine::beside(&server).await;
    machine.write("a", "a");
    machine.edit("signing_config.v0.2.json", |config| {
        let members = config.as_object_mut().unwrap();
        members.retain(|name, _| !name.starts_with("rekor") && !name.starts_with("tsa"));
    });
    let all = machine.signed(&["a"]);
    assert_eq!(all["signed"][0]["ledgerIndexes"], json!([]));
    assert_eq!(all["signed"][0]["timestamps"], json!([]));
}

#[tokio::test]
async fn answers_of_services_that_are_not_trusted_make_no_bundle() {
    let server = on_sqlite().await;
    let machine = Machine::beside(&server).await;
    machine.write("a", "a");
    let trusted = fs::read_to_string(machine.path().join("trusted_root.json")).unwrap();
    let lists = [
        ("tlogs", "the ledger"),
        ("timestampAuthorities", "the timestamp authority"),
    ];
    for (list, service) in lists {
        machine.write("trusted_root.json", &trusted);
        machine.edit("trusted_root.json", |root| root[list] = json!([]));
        let output = machine.sign(&["a", "--as", WHO]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(service), "{told}");
        assert!(told.contains("does not verify"), "{told}");
        assert!(!output.status.success());
        assert!(!machine.path().join("a.sigstore.json").exists());
    }
}

#[tokio::test]
async fn whoever_signs_must_be_known_and_a_token_is_no_argument() {
    let server = on_sqlite().await;
    let machine = Machine::beside(&server).await;
    machine.write("a", "a");
    let nobody = machine.sign(&["a"]);
    assert_refused(&nobody, 2, &["--identity-token FILE", "--login"]);
    let argument = machine.sign(&["a", "--identity-token", "eyJhbGciOi.eyJpc3Mi.c2ln"]);
    assert_refused(&argument, 2, &["every process can read arguments"]);
    assert!(!String::from_utf8_lossy(&argument.stderr).contains("c2ln"));
    machine.write("token", "not a token");
    let broken = machine.sign(&["a", "--identity-token", "token"]);
    assert_refused(&broken, 2, &["not a signed JWT"]);
}

#[tokio::test]
async fn a_token_for_another_audience_is_not_sent() {
    let server = on_sqlite().await;
    let machine = Machine::beside(&server).await;
    machine.write("a", "a");
    // {"iss":"i","sub":"s","aud":"vault","exp":9000000000}
    let claims = "eyJpc3MiOiJpIiwic3ViIjoicyIsImF1ZCI6InZhdWx0IiwiZXhwIjo5MDAwMDAwMDAwfQ";
    machine.write("token", &format!("e30.{claims}.c2ln"));
    let given = ["a", "--identity-token", "token"];
    let refused = machine.sign(&given);
    assert_refused(&refused, 2, &["\"vault\"", "\"sigstore\""]);
    // With the audience it is sent, and the authority does not know the issuer.
    let sent = machine.sign(&[&given[..], &["--audience", "vault"]].concat());
    let told = String::from_utf8_lossy(&sent.stderr);
    assert!(told.contains("the certificate authority"), "{told}");
    let dev = machine.sign(&["a", "--as", WHO, "--audience", "vault"]);
    assert_refused(&dev, 2, &["\"vault\"", "\"sigstore\""]);
}

/// Begins to sign, and returns the line of standard error that `wanted` picks something from.
fn begin(machine: &Machine, how: &str, wanted: impl Fn(&str) -> Option<String>) -> (Child, String) {
    let mut signing = Command::new(BINARY)
        .args(["sign", "a", "--login", how])
        .args(["--trusted-root", "trusted_root.json"])
        .args(["--signing-config", "signing_config.v0.2.json"])
        .current_dir(machine.path())
        // No browser is to open here.
        .env("PATH", "/nowhere")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = BufReader::new(signing.stderr.take().unwrap());
    let found = stderr.lines().find_map(|line| wanted(&line.unwrap()));
    (signing, found.unwrap())
}

#[track_caller]
fn signed_as(signing: Child) {
    let output = signing.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains(WHO));
}

#[tokio::test]
async fn somebody_logs_in_with_a_browser_and_strangers_end_nothing() {
    let server = on_sqlite().await;
    let machine = Machine::beside(&server).await;
    machine.write("a", "a");
    let page = |line: &str| {
        line.trim()
            .starts_with("http")
            .then(|| line.trim().to_owned())
    };
    let (signing, page) = begin(&machine, "browser", page);
    let page = Url::parse(&page).unwrap();
    let find = |name| page.query_pairs().find(|(key, _)| key == name).unwrap().1;
    assert_eq!(find("code_challenge_method"), "S256");
    let stranger = format!("{}?code=stolen&state=guessed", find("redirect_uri"));
    let answer = reqwest::get(stranger).await.unwrap();
    assert_eq!(answer.status(), 404);
    let mut logged_in = page.clone();
    logged_in
        .query_pairs_mut()
        .extend_pairs([("prompt", "none"), ("login_hint", WHO)]);
    let answer = reqwest::get(logged_in).await.unwrap();
    assert!(answer.text().await.unwrap().contains("You are logged in"));
    signed_as(signing);
}

#[tokio::test]
async fn somebody_logs_in_by_device_code() {
    let server = on_sqlite().await;
    let machine = Machine::beside(&server).await;
    machine.write("a", "a");
    let code = |line: &str| {
        line.split_once("the code ")
            .map(|(_, code)| code.to_owned())
    };
    let (signing, code) = begin(&machine, "device", code);
    let page = format!("{}/dev-oidc/device", server.url());
    let http = reqwest::Client::new();
    let post = |code: &str| {
        let form = format!("user_code={code}&email={WHO}");
        let request = http.post(&page).body(form);
        request
            .header("content-type", "application/x-www-form-urlencoded")
            .send()
    };
    assert_eq!(post("00000000x").await.unwrap().status(), 400);
    assert_eq!(post(&code).await.unwrap().status(), 200);
    signed_as(signing);
}
