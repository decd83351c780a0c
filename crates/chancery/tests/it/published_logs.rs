//! What is exported, pruned and proven of an instance with more than one log.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use crate::harness::{SERVE, assert_refused, chancery};
use crate::recovery::{Instance, Kind};

/// One full tile, and one entry more.
const COUNT: usize = 257;

fn assert_said(output: &Output, words: &str) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(said.contains(words), "{said}");
}

/// Waits until a folder has a checkpoint of that size.
async fn exported(folder: &Path, size: u64) {
    for _ in 0..2_000 {
        let note = fs::read_to_string(folder.join("checkpoint")).unwrap_or_default();
        if note.lines().nth(1) == Some(&size.to_string()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} was not exported", folder.display());
}

#[tokio::test]
async fn each_of_several_logs_is_exported_pruned_proven_and_not_served_without_its_files() {
    let mut instance = Instance::on(Kind::Sqlite).await.unwrap();
    instance.issue(COUNT).await;
    instance.succeed(&["log", "recover", "--retire", "ca.example.org/ct/main"]);
    instance.succeed(&["log", "new", "--name", "next", "--in", "0s"]);
    let plain = fs::read_to_string(instance.file("chancery.yaml")).unwrap();
    let export = "export:\n  directory: published\n  interval-ms: 100\n";
    let exporting = format!("{plain}\n{export}");
    fs::write(instance.file("chancery.yaml"), &exporting).unwrap();
    let folder = instance.path().to_owned();
    let production = instance.serve();
    let identity = instance.identity().await;
    let issued = production.certificate_when_begun(&identity).await;
    assert_eq!(issued.status, 200);
    exported(&folder.join("published/main"), COUNT as u64).await;
    exported(&folder.join("published/next"), 1).await;
    instance.stop(production);

    let several = instance.run(&["log", "prune", "--below", "256"]);
    assert_refused(&several, 2, &["2 logs", "--log"]);
    let several = instance.run(&["log", "export", "--to", "copy"]);
    assert_refused(&several, 2, &["2 logs", "--log"]);
    let none = instance.run(&["log", "export", "--log", "last"]);
    assert_refused(&none, 2, &["no log named \"last\"", "main, next"]);
    // A retired log's last checkpoint is known without its server.
    let copied = instance.run(&["log", "export", "--log", "main", "--to", "copy"]);
    assert_said(&copied, "exported 257 entries");
    let pruned = instance.succeed(&["log", "prune", "--keep", "0"]);
    assert!(pruned.contains("the first 256 of 257"), "{pruned}");
    assert!(pruned.contains("the first 0 of 1"), "{pruned}");
    instance.succeed(&["log", "verify"]);

    fs::write(instance.file("chancery.yaml"), &plain).unwrap();
    let refused = instance.run(&SERVE);
    assert_refused(&refused, 3, &["256 entries", "\"main\"", "export"]);
    fs::write(instance.file("chancery.yaml"), &exporting).unwrap();

    let production = instance.serve();
    let at = |name: &str| format!("http://127.0.0.1:{}/ct/{name}", production.port());
    let (main, next) = (at("main"), at("next"));
    let prove =
        |arguments: &[&str]| chancery(&folder, &[&["log", "prove"][..], arguments].concat());
    let either = prove(&["0"]);
    assert_refused(&either, 2, &["--log main 0", "--log next 0"]);
    let pruned = ["3", "--log", "main", "--url", &main, "--to", "pruned"];
    assert_said(&prove(&pruned), "pruned.rfc6962.json");
    let other = prove(&["0", "--log", "next", "--url", &main]);
    assert_refused(&other, 1, &["\"next\"", "another log"]);
    let new = ["0", "--log", "next", "--url", &next, "--to", "new"];
    assert_said(&prove(&new), "new.tlog-proof");
    // What cannot be read is an error, and not a log that keeps its entries to itself.
    fs::remove_dir_all(folder.join("published/main/tile/data")).unwrap();
    let lost = prove(&["3", "--log", "main", "--url", &main, "--to", "lost"]);
    assert_refused(&lost, 1, &["tile/data"]);
    instance.stop(production);
}

#[tokio::test]
async fn a_process_that_is_not_told_where_pruned_entries_are_is_unavailable_for_them() {
    let Some(mut instance) = Instance::on(Kind::Postgres).await else {
        return;
    };
    instance.issue(COUNT).await;
    let plain = fs::read_to_string(instance.file("chancery.yaml")).unwrap();
    let folder = instance.path().to_owned();
    let production = instance.serve();
    let client = production.client();
    let tile = || client.get("/ct/main/tile/data/000");
    assert_eq!(tile().await.unwrap().status, 200);

    let export = format!("{plain}\nexport:\n  directory: published\n");
    fs::write(folder.join("exporting.yaml"), export).unwrap();
    let checkpoint = client.bytes("/ct/main/checkpoint").await.unwrap();
    fs::write(folder.join("checkpoint"), checkpoint).unwrap();
    let with = ["--config", "exporting.yaml"];
    let export = ["log", "export", "--checkpoint", "checkpoint"];
    let exported = chancery(&folder, &[&export[..], &with[..]].concat());
    assert_said(&exported, "exported 257 entries");
    let pruned = chancery(
        &folder,
        &[&["log", "prune", "--keep", "0"][..], &with[..]].concat(),
    );
    assert_said(&pruned, "the first 256 of 257");

    let answer = tile().await.unwrap();
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(
        answer.body.contains("The log is unavailable"),
        "{}",
        answer.body
    );
    let rest = client.get("/ct/main/tile/data/001.p/1").await.unwrap();
    assert_eq!(rest.status, 200);
    production.wait_for(&["256 entries were pruned", "not told where"]);
    let identity = instance.identity().await;
    assert_eq!(client.signing_cert(&identity).await.unwrap().status, 200);
    instance.stop(production);
    instance.end().await;
}
