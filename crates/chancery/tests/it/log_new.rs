//! A new log in an instance: beside a running server, and in the place of one that is retired.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{SERVE, assert_refused, update_trust};
use crate::recovery::{Instance, Kind, received};

async fn windows(client: &chancery_tests::client::Client) -> Vec<Value> {
    let root = client.get("/trusted_root.json").await.unwrap().body;
    let root: Value = serde_json::from_str(&root).unwrap();
    let logs = root["ctlogs"].as_array().unwrap();
    let window = |log: &Value| log["publicKey"]["validFor"].clone();
    logs.iter().map(window).collect()
}

/// Waits until a second log is listed.
async fn both_windows(client: &chancery_tests::client::Client) -> Vec<Value> {
    for _ in 0..1_000 {
        let found = windows(client).await;
        if found.len() == 2 {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("only one log is listed");
}

#[tokio::test]
async fn a_new_log_is_listed_and_served_before_it_begins_and_needs_no_restart() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let Some(mut instance) = Instance::on(kind).await else {
            continue;
        };
        instance.issue(1).await;
        let folder = instance.path().to_owned();
        let production = instance.serve();
        let client = production.client();
        assert_eq!(windows(&client).await.len(), 1);
        let new = [
            "log",
            "new",
            "--name",
            "next",
            "--from",
            "2127-01-01T00:00:00Z",
        ];
        let said = crate::harness::chancery(&folder, &new);
        assert!(said.status.success(), "{said:?}");
        production.wait_for(&["the log is open"]);
        // Clients are told of it by what operators sign, and by nothing else.
        assert_eq!(windows(&client).await.len(), 1);
        update_trust(&folder);
        let windows = both_windows(&client).await;
        let [old, next] = &windows[..] else {
            panic!("{windows:?}");
        };
        assert_eq!(old["end"], "2127-01-01T00:00:00Z");
        assert_eq!(
            *next,
            serde_json::json!({ "start": "2127-01-01T00:00:00Z" })
        );
        let checkpoint = client.get("/ct/next/checkpoint").await.unwrap();
        assert!(
            checkpoint.body.starts_with("ca.example.org/ct/next\n0\n"),
            "{checkpoint:?}"
        );
        // Until that day, the old one takes all.
        let answer = client
            .signing_cert(&instance.identity().await)
            .await
            .unwrap();
        assert_eq!(received(&answer).0, 1);
        instance.stop(production);

        // Again as it was, after a restart; and all that looks at logs looks at both.
        let again = instance.run(&new);
        assert_refused(&again, 2, &["has a log \"next\" already"]);
        let verified = instance.succeed(&["log", "verify"]);
        for origin in ["ca.example.org/ct/main", "ca.example.org/ct/next"] {
            assert!(verified.contains(origin), "{verified}");
        }
        instance.succeed(&["config", "check"]);
        instance.succeed(&["backup", "--to", "backup.db"]);
        let other = instance.empty_database(Kind::Sqlite).await.unwrap();
        instance.use_database(&other);
        instance.succeed(&["restore", "--from", "backup.db"]);
        instance.assert_whole_and_goes_on().await;

        // Another process's files.
        let key = instance.file("logs/next.log.key.pem");
        fs::copy(instance.file("log/log.key.pem"), &key).unwrap();
        assert_refused(&instance.run(&["config", "check"]), 3, &[]);
        let production = instance.serve();
        // Said before it served: that log is not shown, and issuing goes on.
        let client = production.client();
        assert_eq!(client.get("/ct/next/checkpoint").await.unwrap().status, 404);
        instance.stop(production);
        instance.end().await;
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_begun_leaves_nothing_behind() {
    let mut instance = Instance::on(Kind::Sqlite).await.unwrap();
    instance.issue(1).await;
    for (arguments, words) in [
        (["--name", "next", "--in", "29s"], "at least 30 s from now"),
        (
            ["--name", "next", "--from", "tomorrow"],
            "--from takes a time",
        ),
        (["--name", "next", "--in", "1w"], "--in takes"),
        (
            ["--name", "next", "--in", "47h"],
            "clients refuse what is signed under a log that they do not know yet",
        ),
        (["--name", "../next", "--in", "1h"], "--name takes"),
        (
            ["--name", "main", "--in", "1h"],
            "has a log \"main\" already",
        ),
    ] {
        let refused = instance.run(&[&["log", "new"][..], &arguments].concat());
        assert_refused(&refused, 2, &[words]);
        assert!(!instance.file("logs").exists(), "{arguments:?}");
    }
    let anyway = [
        "log",
        "new",
        "--name",
        "next",
        "--in",
        "1h",
        "--before-clients-know",
    ];
    instance.succeed(&anyway);
    instance.assert_whole_and_goes_on().await;
}

#[tokio::test]
async fn files_without_a_record_are_taken_up_by_the_same_command() {
    let mut instance = Instance::on(Kind::Sqlite).await.unwrap();
    instance.issue(1).await;
    instance.succeed(&["backup", "--to", "before.db"]);
    let new = ["log", "new", "--name", "next", "--in", "3d"];
    instance.succeed(&new);
    let key = fs::read(instance.file("logs/next.log.key.pem")).unwrap();
    let other = instance.empty_database(Kind::Sqlite).await.unwrap();
    instance.use_database(&other);
    instance.succeed(&["restore", "--from", "before.db"]);
    // A database from before the log: it is served until the log's day comes.
    instance.assert_whole_and_goes_on().await;
    let path = instance.file("logs/next.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let from = text
        .lines()
        .find(|line| line.starts_with("from: "))
        .unwrap();
    fs::write(&path, text.replace(from, "from: 2026-01-01T00:00:00Z")).unwrap();
    assert_refused(&instance.run(&SERVE), 3, &["records no log \"next\""]);
    fs::write(&path, text).unwrap();
    instance.succeed(&new);
    assert_eq!(
        fs::read(instance.file("logs/next.log.key.pem")).unwrap(),
        key
    );
    instance.assert_whole_and_goes_on().await;
}

#[tokio::test]
async fn an_instance_whose_log_is_retired_goes_on_with_another_and_serves_both() {
    let mut instance = Instance::on(Kind::Sqlite).await.unwrap();
    instance.issue(3).await;
    instance.succeed(&["log", "recover", "--retire", "ca.example.org/ct/main"]);
    assert_refused(
        &instance.run(&SERVE),
        3,
        &["is retired", "chancery log new"],
    );
    let said = instance.succeed(&["log", "new", "--name", "next", "--in", "0s"]);
    assert!(said.contains("No log takes entries until then"), "{said}");
    update_trust(instance.path());

    let production = instance.serve();
    production.wait_for(&["the log is frozen"]);
    let client = production.client();
    let identity = instance.identity().await;
    let answer = production.certificate_when_begun(&identity).await;
    assert_eq!(received(&answer).0, 0);
    let last = client.get("/ct/main/checkpoint").await.unwrap();
    assert!(
        last.body.starts_with("ca.example.org/ct/main\n3\n"),
        "{last:?}"
    );
    let windows = windows(&client).await;
    assert!(windows[0]["end"].is_string() && windows[1]["end"].is_null());
    instance.stop(production);

    // Neither its key nor its guard is needed any more.
    for name in ["log/log.key.pem", "log/witness.key.pem", "guard"] {
        fs::remove_file(instance.file(name)).unwrap();
    }
    instance.succeed(&["log", "verify"]);
    let checked = instance.succeed(&["config", "check"]);
    assert!(checked.contains("the log is frozen"), "{checked}");
    let production = instance.serve();
    let client = production.client();
    assert_eq!(
        client.get("/ct/main/checkpoint").await.unwrap().body,
        last.body
    );
    let tile = client.bytes("/ct/main/tile/data/000.p/3").await.unwrap();
    assert_eq!(
        chancery_tlog::ct::TileLeaf::parse_all(&tile).unwrap().len(),
        3
    );
    let answer = client
        .signing_cert(&instance.identity().await)
        .await
        .unwrap();
    assert_eq!(received(&answer).0, 1);
    instance.stop(production);
}

#[tokio::test]
async fn a_log_is_not_begun_before_one_that_is_scheduled_unless_that_is_given_up() {
    let mut instance = Instance::on(Kind::Sqlite).await.unwrap();
    instance.issue(2).await;
    let scheduled = [
        "log",
        "new",
        "--name",
        "far",
        "--from",
        "2127-01-01T00:00:00Z",
    ];
    instance.succeed(&scheduled);
    let sooner = ["log", "new", "--name", "next", "--in", "3d"];
    for from in ["2126-12-31T00:00:00Z", "2127-01-01T00:00:00Z"] {
        let new = ["log", "new", "--name", "next", "--from", from];
        let words = ["\"far\" begins at 2127-01-01T00:00:00Z", "--retire"];
        assert_refused(&instance.run(&new), 2, &words);
    }
    let retire = |name: &str| {
        let origin = format!("ca.example.org/ct/{name}");
        instance.succeed(&["log", "recover", "--log", name, "--retire", &origin]);
    };
    // The one before it goes on until then.
    retire("far");
    let words = ["\"main\" goes on until 2127-01-01T00:00:00Z"];
    assert_refused(&instance.run(&sooner), 2, &words);
    retire("main");
    assert!(!instance.file("logs/next.yaml").exists());
    let past = [
        "log",
        "new",
        "--name",
        "next",
        "--from",
        "2026-01-01T00:00:00Z",
    ];
    assert_refused(&instance.run(&past), 2, &["was retired at"]);
    instance.succeed(&["log", "new", "--name", "next", "--in", "0s"]);
    update_trust(instance.path());

    let production = instance.serve();
    let client = production.client();
    let identity = instance.identity().await;
    let answer = production.certificate_when_begun(&identity).await;
    assert_eq!(received(&answer).0, 0);
    // The one that never began is in no trust root, and the first is trusted until it was retired.
    let windows = windows(&client).await;
    let [old, new] = &windows[..] else {
        panic!("{windows:?}");
    };
    let (end, start) = (old["end"].as_str().unwrap(), new["start"].as_str().unwrap());
    assert!(end < "2127", "{windows:?}");
    assert!(new["end"].is_null() && old["start"].as_str().unwrap() < start);
    instance.stop(production);
    instance.succeed(&["config", "check"]);
}
