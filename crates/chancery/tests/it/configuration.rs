//! `chancery config check` and `show`, and issuers that everybody shares.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::{BINARY, assert_refused, chancery};
use crate::production::{Production, made, write_issuers};

const SHARED: &str = "https://token.actions.githubusercontent.com";

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn said(output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr];
    texts.map(|text| String::from_utf8_lossy(text)).join("\n")
}

fn share(folder: &Path) {
    write_issuers(&folder.join("identity.yaml"), &[SHARED.to_owned()]);
}

#[test]
fn a_good_configuration_passes_every_check() {
    let folder = made();
    let output = chancery(folder.path(), &["config", "check", "--format", "json"]);
    assert!(output.status.success(), "{}", said(&output));
    let found = json(&output);
    assert_eq!(found["ok"], true);
    let checks = found["checks"].as_array().unwrap();
    assert!(checks.iter().all(|check| check["status"] == "passed"));
    assert!(checks.iter().any(|check| check["name"] == "database"));
}

#[test]
fn every_problem_is_found_at_once() {
    let folder = made();
    let urls = ["http://a.example.org", "https://b.example.org"].map(str::to_owned);
    let identity = folder.path().join("identity.yaml");
    write_issuers(&identity, &urls);
    let text = fs::read_to_string(&identity).unwrap();
    let text = text
        .replace("allow-http: true", "allow-http: false")
        .replacen("type: email", "type: emale", 1);
    let text = text.replace("https://b", "http://b");
    fs::write(&identity, text).unwrap();
    fs::remove_file(folder.path().join("guard")).unwrap();
    fs::write(folder.path().join("ca/chain.pem"), "nothing").unwrap();
    let settings = folder.path().join("chancery.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    let text = text.replace("origin: ca.", "origin: cb.")
        + "cors-origins: [nonsense]\nclient-signing-algorithms: [rot13]\n\
           grpc-listen: 127.0.0.1:5555\n";
    fs::write(settings, text).unwrap();

    let output = chancery(folder.path(), &["config", "check"]);
    assert_refused(&output, 3, &["8 problems"]);
    let said = said(&output);
    for word in [
        "http://a.example.org",
        "emale",
        "http://b.example.org",
        "guard",
        "chain.pem",
        "log.origin",
        "leave grpc-listen out",
        "nonsense",
        "rot13",
    ] {
        assert!(said.contains(word), "{word} is not in {said}");
    }
}

#[test]
fn an_identity_configuration_is_checked_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity.yaml");
    write_issuers(&path, &["http://a.example.org".to_owned()]);
    let arguments = ["config", "check", "--identity-config", "identity.yaml"];
    let output = chancery(folder.path(), &arguments);
    assert!(output.status.success(), "{}", said(&output));
    // It is allowed, and worth a look.
    assert!(said(&output).contains("warning"), "{}", said(&output));
    share(folder.path());
    let output = chancery(folder.path(), &arguments);
    assert_refused(&output, 3, &["1 problem"]);
    assert!(said(&output).contains("any-owner"), "{}", said(&output));
}

#[test]
fn a_running_instance_can_be_checked() {
    let production = Production::start(made());
    let output = chancery(&production.path(""), &["config", "check"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains("warning  database"),
        "{}",
        said(&output)
    );
}

#[test]
fn settings_are_shown_with_their_origin_and_passwords_are_not() {
    let folder = made();
    let output = Command::new(BINARY)
        .args(["config", "show", "--format", "json"])
        .args(["--listen", "127.0.0.1:7777"])
        .current_dir(folder.path())
        .env("CHANCERY_DATABASE", "postgres://u:hunter2@localhost/x")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(!said(&output).contains("hunter2"), "{}", said(&output));
    let shown = json(&output);
    let setting = |name: &str| {
        let setting = &shown["settings"][name];
        (setting["value"].to_string(), setting["from"].to_string())
    };
    let pair = |value: &str, from: &str| (value.to_owned(), format!("{from:?}"));
    assert_eq!(
        setting("listen"),
        pair(r#""127.0.0.1:7777""#, "flag-or-environment")
    );
    assert_eq!(setting("database").1, r#""flag-or-environment""#);
    assert_eq!(setting("fulcio-metrics"), pair("false", "default"));
    assert_eq!(setting("log.read"), pair(r#""open""#, "file"));
    assert_eq!(shown["issuers"][0]["issuer"], "https://login.example.org");
    assert_eq!(shown["issuers"][0]["type"], "email");
}

#[test]
fn issuers_are_shown_as_they_were_understood() {
    let folder = made();
    let text = "oidc-issuers:\n  https://a.example.org:\n  - issuer-url: https://a.example.org\n    \
                client-id: one\n    type: email\n    proxy: http://u:hunter2@127.0.0.1:1\n  - \
                issuer-url: https://a.example.org\n    audiences: [two, three]\n    type: \
                email\n    max-token-age-s: 60\n";
    fs::write(folder.path().join("identity.yaml"), text).unwrap();
    let show = |more: &[&str]| chancery(folder.path(), &[&["config", "show"], more].concat());
    let output = show(&["--format", "json"]);
    assert!(output.status.success(), "{}", said(&output));
    let issuers = &json(&output)["issuers"];
    assert_eq!(issuers[0]["audiences"], serde_json::json!(["one"]));
    assert!(issuers[0].get("max-token-age-s").is_none());
    assert_eq!(issuers[1]["audiences"], serde_json::json!(["two", "three"]));
    assert_eq!(issuers[1]["max-token-age-s"], 60);
    let output = show(&[]);
    for words in [
        "issuer https://a.example.org",
        "two, three",
        "challenge-claim",
    ] {
        assert!(said(&output).contains(words), "{words}: {}", said(&output));
    }
    assert!(!said(&output).contains("hunter2"), "{}", said(&output));
}

#[test]
fn a_shared_issuer_needs_an_owner_rule_or_consent() {
    let folder = made();
    share(folder.path());
    let serve = |arguments: &[&str]| {
        let arguments = [&["serve", "--listen", "192.0.2.1:1"], arguments].concat();
        chancery(folder.path(), &arguments)
    };
    let output = serve(&[]);
    assert_eq!(output.status.code(), Some(3));
    let said = said(&output);
    for words in ["identity.yaml", SHARED, "any-owner: true", "--any-owner"] {
        assert!(said.contains(words), "{words} is not in {said}");
    }
    // What is refused next is the address, which is not this machine's.
    let output = serve(&["--any-owner", SHARED]);
    assert_refused(&output, 1, &["192.0.2.1"]);
    let output = serve(&["--any-owner", "https://gitlab.com"]);
    assert_refused(&output, 3, &["https://gitlab.com", SHARED]);

    let settings = folder.path().join("chancery.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}any-owner: ['{SHARED}']\n")).unwrap();
    assert_refused(&serve(&[]), 1, &["192.0.2.1"]);
}
