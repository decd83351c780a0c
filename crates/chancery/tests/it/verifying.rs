//! `chancery verify` of what was signed here: away from the instance, for people and for machines, and
//! each thing that may be wrong by its name.

use std::fs;
use std::process::Output;

use serde_json::{Value, json};

use crate::client_machine::{Machine, WHO};
use crate::harness::{assert_refused, on_sqlite};

/// Signs files, and stops the instance: whoever verifies has its trusted root, and nobody to ask.
async fn signed(names: &[&str]) -> Machine {
    let server = on_sqlite().await;
    let machine = Machine::beside(&server).await;
    for name in names {
        machine.write(name, name);
    }
    machine.signed(names);
    server.stop().unwrap();
    machine
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Asserts that the one file is refused by this check, in words and as JSON.
#[track_caller]
fn assert_fails(machine: &Machine, arguments: &[&str], check: &str) {
    let refused = machine.verify(&[arguments, &["--format", "text"]].concat());
    assert_refused(&refused, 4, &["not verified: 1 of 1 file"]);
    let line = said(&refused);
    assert!(
        line.contains(&format!("does not verify: {check}: ")),
        "{line}"
    );
    // As a pipe gets it.
    let refused = machine.verify(arguments);
    assert_eq!(refused.status.code(), Some(4));
    let told = document(&refused);
    assert_eq!(told[0]["verified"], json!(false));
    assert_eq!(told[0]["check"], check);
    assert!(!told[0]["cause"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn what_was_signed_verifies_while_the_instance_is_away() {
    let machine = signed(&["a", "b"]).await;
    let verified = machine.verify(&["a", "b", "--format", "text"]);
    assert!(verified.status.success(), "{verified:?}");
    let said = said(&verified);
    let lines: Vec<_> = said.lines().collect();
    for (line, name) in lines.iter().zip(["a", "b"]) {
        assert!(
            line.starts_with(&format!("{name}: signed by {WHO} (")),
            "{line}"
        );
        assert!(line.contains("in ledger "), "{line}");
    }
    assert_eq!(lines.len(), 2);

    let told = document(&machine.verify(&["a", "--format", "json"]));
    let one = &told[0];
    assert_eq!(one["verified"], json!(true));
    assert_eq!(one["identity"], WHO);
    assert_eq!(one["times"].as_array().unwrap().len(), 1);
    assert_eq!(one["scts"].as_array().unwrap().len(), 1);
    assert_eq!(one["entries"].as_array().unwrap().len(), 1);
    assert_eq!(one["predicateType"], Value::Null);
}

#[tokio::test]
async fn each_thing_that_is_wrong_has_its_name() {
    let machine = signed(&["a"]).await;
    machine.write("other", "other");
    let other = ["other", "--bundle", "a.sigstore.json"];
    assert_fails(&machine, &other, "artifact");
    assert_fails(
        &machine,
        &["a", "--identity", "eve@example.com"],
        "identity",
    );
    // A part of the name is not the name.
    assert_fails(
        &machine,
        &["a", "--identity-regexp", "ada@example"],
        "identity",
    );
    assert_fails(
        &machine,
        &["a", "--issuer", "https://login.example"],
        "issuer",
    );
    let stated = ["a", "--predicate-type", "https://example.org/v1"];
    assert_fails(&machine, &stated, "statement");
    let lists = [
        ("certificateAuthorities", "chain"),
        ("ctlogs", "sct"),
        ("tlogs", "ledger"),
        ("timestampAuthorities", "time"),
    ];
    let trusted = fs::read_to_string(machine.path().join("trusted_root.json")).unwrap();
    for (list, check) in lists {
        machine.edit("trusted_root.json", |root| root[list] = json!([]));
        assert_fails(&machine, &["a"], check);
        machine.write("trusted_root.json", &trusted);
    }
    for bundle in ["{}".to_owned(), " ".repeat(7 << 20)] {
        machine.write("a.sigstore.json", &bundle);
        assert_fails(&machine, &["a"], "bundle");
    }
}

#[tokio::test]
async fn one_bad_file_among_good_ones_is_told_and_fails_the_whole() {
    let machine = signed(&["a", "b", "c"]).await;
    machine.write("b", "changed");
    let some = machine.verify(&["a", "b", "c", "--format", "text"]);
    assert_refused(&some, 4, &["not verified: 1 of 3 files"]);
    let verdicts: Vec<_> = said(&some)
        .lines()
        .map(|line| line.contains("signed by"))
        .collect();
    assert_eq!(verdicts, [true, false, true]);

    // What cannot be read is not called forged.
    fs::remove_file(machine.path().join("c.sigstore.json")).unwrap();
    let unread = machine.verify(&["a", "c", "--format", "text"]);
    assert_refused(&unread, 1, &["not readable: 1 of 2 files"]);
    assert!(said(&unread).contains("name its bundle with --bundle"));
    let both = machine.verify(&["b", "c"]);
    assert_refused(&both, 4, &["1 of 2 files", "not readable: 1"]);
}

#[tokio::test]
async fn digests_and_statements_verify_by_what_they_are_about() {
    let server = on_sqlite().await;
    let machine = Machine::beside(&server).await;
    machine.write("a", "a");
    machine.write("predicate.json", r#"{"built": true}"#);
    let kind = ["--predicate-type", "https://example.org/v1"];
    let attest = ["a", "--attest", "predicate.json", "--bundle", "said.json"];
    machine.signed(&[&attest[..], &kind].concat());
    let bundle = ["--bundle", "said.json"];
    let verified = machine.verify(&[&["a"], &bundle[..], &kind].concat());
    assert_eq!(document(&verified)[0]["predicateType"], kind[1]);
    assert!(verified.status.success());
    let another = ["--predicate-type", "https://example.org/v2"];
    assert_fails(
        &machine,
        &[&["a"], &bundle[..], &another].concat(),
        "statement",
    );
    machine.write("other", "other");
    assert_fails(&machine, &[&["other"], &bundle[..]].concat(), "subject");

    let image = format!("sha256:{}", "ab".repeat(32));
    machine.signed(&["--digest", &image]);
    let bundle = format!("{}.sigstore.json", image.replace(':', "-"));
    let digest = ["--digest", &image, "--bundle", &bundle];
    assert!(machine.verify(&digest).status.success());
    let another = image.replace("ab", "cd");
    assert_fails(
        &machine,
        &["--digest", &another, "--bundle", &bundle],
        "artifact",
    );
    let wrong = machine.verify(&["--digest", "sha256:ab", "--bundle", &bundle]);
    assert_refused(&wrong, 2, &["--digest"]);
}
