//! Logs that `serve` refuses, and how they are mended.

use std::fs;

use crate::harness::{SERVE, assert_refused, chancery};
use crate::recovery::{Instance, Kind};

/// Saves the newest checkpoint under a name.
async fn keep_checkpoint(instance: &mut Instance, name: &str) {
    let production = instance.serve();
    let client = production.client();
    let checkpoint = client.get("/ct/main/checkpoint").await.unwrap();
    instance.stop(production);
    fs::write(instance.file(name), checkpoint.body).unwrap();
}

/// Copies what the log has published, as anybody would.
async fn mirror(instance: &mut Instance) {
    let keys = instance.succeed(&["log", "keys"]);
    // The witness's key comes first, and signs no RFC 6962 tree heads.
    fs::write(instance.file("log.vkey"), keys.lines().last().unwrap()).unwrap();
    let folder = instance.path().to_owned();
    let production = instance.serve();
    let url = format!("http://127.0.0.1:{}/ct/main", production.port());
    let arguments = ["log", "mirror", &url, "--key", "log.vkey", "--to", "mirror"];
    let done = chancery(&folder, &[&arguments[..], &["--once"]].concat());
    instance.stop(production);
    assert!(done.status.success(), "{done:?}");
}

/// Replaces the database by what a backup holds. The guard has seen more.
async fn lose_all_but(instance: &mut Instance, backup: &str, kind: Kind) {
    let empty = instance.empty_database(kind).await.unwrap();
    instance.use_database(&empty);
    let refused = instance.run(&["restore", "--from", backup]);
    assert_refused(&refused, 3, &["size 3 root", "size 7 root"]);
}

async fn an_older_database_is_refused_until_a_newer_copy_brings_back_the_rest(kind: Kind) {
    let Some(mut instance) = Instance::on(kind).await else {
        return;
    };
    instance.issue(3).await;
    instance.succeed(&["backup", "--to", "old.db"]);
    instance.issue(2).await;
    instance.succeed(&["backup", "--to", "short.db"]);
    instance.issue(2).await;
    instance.succeed(&["backup", "--to", "new.db"]);
    lose_all_but(&mut instance, "old.db", kind).await;
    let both = ["size 3 root", "size 7 root"];
    assert_refused(&instance.run(&SERVE), 3, &both);

    // A copy that ends too early changes nothing.
    let refused = instance.run(&["log", "recover", "--from", "short.db"]);
    assert_refused(&refused, 4, &["size 5 root", "size 7 root"]);
    assert_refused(&instance.run(&SERVE), 3, &both);
    let folder = instance.run(&["log", "recover", "--from", "log"]);
    assert_eq!(folder.status.code(), Some(2));

    let said = instance.succeed(&["log", "recover", "--from", "new.db"]);
    for words in ["size 3 root", "size 7 root", "brought back 4 entries"] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    let said = instance.succeed(&["log", "recover", "--from", "new.db"]);
    assert!(said.contains("brought back 0 entries"), "{said}");
    instance.assert_whole_and_goes_on().await;
    instance.end().await;
}

#[tokio::test]
async fn an_older_sqlite_database_is_mended() {
    an_older_database_is_refused_until_a_newer_copy_brings_back_the_rest(Kind::Sqlite).await;
}

#[tokio::test]
async fn an_older_postgres_database_is_mended() {
    an_older_database_is_refused_until_a_newer_copy_brings_back_the_rest(Kind::Postgres).await;
}

#[tokio::test]
async fn a_mirror_brings_back_what_an_older_sqlite_database_lacks() {
    a_mirror_brings_back_what_an_older_database_lacks(Kind::Sqlite).await;
}

#[tokio::test]
async fn a_mirror_brings_back_what_an_older_postgres_database_lacks() {
    a_mirror_brings_back_what_an_older_database_lacks(Kind::Postgres).await;
}

async fn a_mirror_brings_back_what_an_older_database_lacks(kind: Kind) {
    let Some(mut instance) = Instance::on(kind).await else {
        return;
    };
    instance.issue(3).await;
    instance.succeed(&["backup", "--to", "old.db"]);
    instance.issue(4).await;
    mirror(&mut instance).await;
    lose_all_but(&mut instance, "old.db", kind).await;

    let checkpoint = instance.file("mirror").join("checkpoint");
    let signed = fs::read_to_string(&checkpoint).unwrap();
    fs::write(&checkpoint, signed.replacen("\n7\n", "\n8\n", 1)).unwrap();
    let recover = ["log", "recover", "--from", "mirror"];
    assert_refused(&instance.run(&recover), 4, &["not signed by the log"]);
    fs::write(&checkpoint, signed).unwrap();

    let said = instance.succeed(&recover);
    assert!(said.contains("brought back 4 entries"), "{said}");
    instance.assert_whole_and_goes_on().await;
    instance.end().await;
}

#[tokio::test]
async fn a_copy_of_another_log_is_refused() {
    let mut instance = Instance::on(Kind::Sqlite).await.unwrap();
    instance.issue(3).await;
    instance.succeed(&["backup", "--to", "old.db"]);
    instance.issue(4).await;
    lose_all_but(&mut instance, "old.db", Kind::Sqlite).await;
    let mut other = Instance::on(Kind::Sqlite).await.unwrap();
    other.issue(8).await;
    other.succeed(&["backup", "--to", "other.db"]);
    let path = other.file("other.db");
    let refused = instance.run(&["log", "recover", "--from", path.to_str().unwrap()]);
    assert_refused(&refused, 3, &["is no copy of the log"]);
}

#[tokio::test]
async fn a_lost_guard_is_replaced_by_who_has_a_checkpoint() {
    let mut instance = Instance::on(Kind::Sqlite).await.unwrap();
    instance.issue(3).await;
    keep_checkpoint(&mut instance, "checkpoint").await;
    instance.issue(2).await;
    let new_guard = [
        "log",
        "recover",
        "--new-guard",
        "--checkpoint",
        "checkpoint",
    ];
    let present = instance.run(&new_guard);
    assert_refused(&present, 3, &["is not lost", "size 5 root"]);

    fs::remove_file(instance.file("guard")).unwrap();
    assert_refused(&instance.run(&SERVE), 3, &["guard"]);
    let silent = instance.run(&["log", "recover", "--new-guard"]);
    assert_refused(&silent, 2, &["--no-checkpoint-known"]);
    let checkpoint = fs::read_to_string(instance.file("checkpoint")).unwrap();
    let forged = checkpoint.replacen("\n3\n", "\n4\n", 1);
    assert_ne!(forged, checkpoint);
    fs::write(instance.file("forged"), forged).unwrap();
    let forged = instance.run(&["log", "recover", "--new-guard", "--checkpoint", "forged"]);
    assert_refused(&forged, 4, &["not signed by the log's key"]);
    assert!(!instance.file("guard").exists());

    let said = instance.succeed(&new_guard);
    assert!(said.contains("new guard at size 5 root"), "{said}");
    instance.assert_whole_and_goes_on().await;
}

#[tokio::test]
async fn a_guard_that_no_database_names_yet_is_taken_up() {
    let mut instance = Instance::on(Kind::Sqlite).await.unwrap();
    instance.issue(3).await;
    let new_guard = ["log", "recover", "--new-guard", "--no-checkpoint-known"];
    let other = Instance::on(Kind::Sqlite).await.unwrap();
    // As after a kill between making the guard and naming it.
    fs::copy(other.file("guard"), instance.file("guard")).unwrap();
    assert_refused(&instance.run(&SERVE), 3, &["the guard"]);
    instance.succeed(&new_guard);
    instance.assert_whole_and_goes_on().await;

    // One that stands elsewhere may be another log's.
    let elsewhere = Instance::on(Kind::Sqlite).await.unwrap();
    fs::copy(instance.file("guard"), elsewhere.file("guard")).unwrap();
    assert_refused(
        &elsewhere.run(&new_guard),
        3,
        &["another guard", "--adopt-guard"],
    );
}

#[tokio::test]
async fn a_checkpoint_that_knows_more_than_the_database_is_not_forgotten() {
    let mut instance = Instance::on(Kind::Sqlite).await.unwrap();
    instance.issue(3).await;
    instance.succeed(&["backup", "--to", "old.db"]);
    instance.issue(4).await;
    keep_checkpoint(&mut instance, "checkpoint").await;
    instance.succeed(&["backup", "--to", "new.db"]);
    lose_all_but(&mut instance, "old.db", Kind::Sqlite).await;
    fs::remove_file(instance.file("guard")).unwrap();
    let new_guard = [
        "log",
        "recover",
        "--new-guard",
        "--checkpoint",
        "checkpoint",
    ];
    let behind = instance.run(&new_guard);
    assert_refused(&behind, 3, &["at size 3 root", "at size 7 root"]);
    assert_refused(&instance.run(&SERVE), 3, &["size 3 root", "size 7 root"]);
    instance.succeed(&["log", "recover", "--from", "new.db"]);
    instance.assert_whole_and_goes_on().await;
}

#[tokio::test]
async fn a_retired_log_is_not_served() {
    let mut instance = Instance::on(Kind::Sqlite).await.unwrap();
    instance.issue(2).await;
    let wrong = instance.run(&["log", "recover", "--retire", "ca.example.org/ct/other"]);
    assert_refused(&wrong, 2, &["--retire ca.example.org/ct/main"]);
    let retire = ["log", "recover", "--retire", "ca.example.org/ct/main"];
    let said = instance.succeed(&retire);
    for words in ["is retired", "size 2 root", "chancery init"] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    let said = instance.succeed(&retire);
    assert!(said.contains("was retired before"), "{said}");
    assert_refused(&instance.run(&SERVE), 3, &["is retired", "chancery init"]);
    let checked = instance.run(&["config", "check"]);
    assert_eq!(checked.status.code(), Some(3));
    // It is still backed up, and stays retired.
    instance.succeed(&["backup", "--to", "backup.db"]);
    let other = instance.empty_database(Kind::Sqlite).await.unwrap();
    instance.use_database(&other);
    instance.succeed(&["restore", "--from", "backup.db"]);
    assert_refused(&instance.run(&SERVE), 3, &["is retired"]);
}

/// Runs a command while somebody else holds the guard's lock, as a process that is frozen does.
fn run_with_locked_guard(instance: &Instance, arguments: &[&str]) -> std::process::Output {
    let guard = fs::File::open(instance.file("guard")).unwrap();
    guard.lock().unwrap();
    instance.run(arguments)
}

#[tokio::test]
async fn a_guard_that_does_not_answer_is_waited_for_and_not_replaced() {
    let mut instance = Instance::on(Kind::Sqlite).await.unwrap();
    instance.issue(2).await;
    let before = fs::read(instance.file("guard")).unwrap();
    for command in [
        &SERVE[..],
        &["log", "recover", "--new-guard", "--no-checkpoint-known"],
        &["log", "recover", "--adopt-guard"],
        &["log", "verify"],
    ] {
        let refused = run_with_locked_guard(&instance, command);
        assert_refused(&refused, 1, &["the guard is unavailable"]);
    }
    assert_eq!(fs::read(instance.file("guard")).unwrap(), before);

    // The same of one whose place cannot be looked at.
    let path = instance.file("guard");
    let elsewhere = instance.file("guard-elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    fs::create_dir(&path).unwrap();
    let new_guard = ["log", "recover", "--new-guard", "--no-checkpoint-known"];
    let refused = instance.run(&new_guard);
    assert_refused(&refused, 3, &["nobody can say whether the guard is lost"]);
    fs::remove_dir(&path).unwrap();
    fs::rename(&elsewhere, &path).unwrap();
    instance.assert_whole_and_goes_on().await;
}

#[tokio::test]
async fn a_backup_from_before_a_new_guard_takes_up_that_guard_with_all_it_remembers() {
    let mut instance = Instance::on(Kind::Sqlite).await.unwrap();
    instance.issue(3).await;
    instance.succeed(&["backup", "--to", "old.db"]);
    fs::remove_file(instance.file("guard")).unwrap();
    let new_guard = ["log", "recover", "--new-guard", "--no-checkpoint-known"];
    instance.succeed(&new_guard);
    instance.issue(4).await;
    instance.succeed(&["backup", "--to", "new.db"]);

    let empty = instance.empty_database(Kind::Sqlite).await.unwrap();
    instance.use_database(&empty);
    let restore = instance.run(&["restore", "--from", "old.db"]);
    assert_refused(&restore, 3, &["the database is restored", "--adopt-guard"]);
    let from = ["log", "recover", "--from", "new.db"];
    for command in [&SERVE[..], &from, &new_guard, &["log", "verify"]] {
        assert_refused(&instance.run(command), 3, &["--adopt-guard"]);
    }
    let before = fs::read(instance.file("guard")).unwrap();
    let adopt = ["log", "recover", "--adopt-guard"];
    for _ in 0..2 {
        let words = ["size 3 root", "size 7 root", "--from COPY"];
        assert_refused(&instance.run(&adopt), 3, &words);
    }
    assert_refused(&instance.run(&SERVE), 3, &["size 3 root", "size 7 root"]);
    assert_eq!(fs::read(instance.file("guard")).unwrap(), before);
    let said = instance.succeed(&from);
    assert!(said.contains("brought back 4 entries"), "{said}");
    let said = instance.succeed(&adopt);
    assert!(said.contains("records this guard already"), "{said}");
    instance.assert_whole_and_goes_on().await;
}

#[tokio::test]
async fn a_guard_of_another_log_is_not_adopted() {
    let mut instance = Instance::on(Kind::Sqlite).await.unwrap();
    instance.issue(3).await;
    let mut other = Instance::on(Kind::Sqlite).await.unwrap();
    let own = fs::read(instance.file("guard")).unwrap();
    let adopt = ["log", "recover", "--adopt-guard"];
    fs::copy(other.file("guard"), instance.file("guard")).unwrap();
    assert_refused(&instance.run(&adopt), 3, &["has seen nothing yet"]);
    other.issue(2).await;
    fs::copy(other.file("guard"), instance.file("guard")).unwrap();
    let words = ["size 2 root", "size 3 root", "is not a part of"];
    assert_refused(&instance.run(&adopt), 4, &words);
    // Nothing was recorded.
    fs::write(instance.file("guard"), own).unwrap();
    instance.assert_whole_and_goes_on().await;
}
