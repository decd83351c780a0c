//! Backups made beside a running server, and restored into either kind of database.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chancery_tests::client::{Client, Identity};

use crate::harness::assert_refused;
use crate::recovery::{Instance, Kind, received};

/// Asks for certificates until told to stop, and returns them.
async fn load(client: Client, who: Identity, stop: Arc<AtomicBool>) -> Vec<(u64, Vec<u8>)> {
    let mut issued = Vec::new();
    while !stop.load(Ordering::Relaxed) && issued.len() < 250 {
        issued.push(received(&client.signing_cert(&who).await.unwrap()));
    }
    issued
}

/// Backs up under load, loses the database, restores into the other kind, brings back what was
/// issued after the backup, and goes on.
async fn moves(from: Kind, to: Kind) {
    let Some(mut instance) = Instance::on(from).await else {
        return;
    };
    let Some(other) = instance.empty_database(to).await else {
        return;
    };
    let original = fs::read_to_string(instance.file("database-url")).unwrap();
    instance.issue(2).await;

    let production = instance.serve();
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = Vec::new();
    for _ in 0..3 {
        let who = instance.identity().await;
        clients.push(tokio::spawn(load(
            production.client(),
            who,
            Arc::clone(&stop),
        )));
    }
    let folder = production.path("");
    let backup = move || crate::harness::chancery(&folder, &["backup", "--to", "backup.db"]);
    let output = tokio::task::spawn_blocking(backup).await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("log ca.example.org/ct/main size "), "{said}");
    assert!(said.contains("Never back up the guard"), "{said}");
    // More is issued after it, in any case.
    let (client, who) = (production.client(), instance.identity().await);
    let one_more = client.signing_cert(&who).await.unwrap();
    instance.issued.push(received(&one_more));
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        instance.issued.extend(client.await.unwrap());
    }
    instance.stop(production);
    let files = fs::read_dir(instance.path()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let left: Vec<_> = names.filter(|name| name.starts_with("backup.db")).collect();
    assert_eq!(left, ["backup.db"]);

    instance.use_database(&other);
    let refused = instance.run(&["restore", "--from", "backup.db"]);
    let newest = format!("guard at size {} root", instance.issued.len());
    let words = ["is at size", &newest, "log recover --from"];
    assert_refused(&refused, 3, &words);
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let serve = [&serve[..], &["--admin-listen", "127.0.0.1:0"]].concat();
    assert_refused(&instance.run(&serve), 3, &["at odds"]);
    let said = instance.succeed(&["log", "recover", "--from", &original]);
    assert!(said.contains("brought back"), "{said}");
    instance.assert_whole_and_goes_on().await;

    // A backup of all there is agrees with the guard.
    instance.succeed(&["backup", "--to", "newer.db"]);
    let third = instance.empty_database(from).await.unwrap();
    instance.use_database(&third);
    let said = instance.succeed(&["restore", "--from", "newer.db"]);
    assert!(said.contains("agrees with the guard"), "{said}");
    instance.assert_whole_and_goes_on().await;
    instance.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sqlite_instance_moves_to_postgres_and_back_by_backup_and_restore() {
    moves(Kind::Sqlite, Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_instance_moves_to_sqlite_and_back_by_backup_and_restore() {
    moves(Kind::Postgres, Kind::Sqlite).await;
}

#[tokio::test]
async fn nothing_is_overwritten_and_nobody_issues_from_a_backup() {
    let mut instance = Instance::on(Kind::Sqlite).await.unwrap();
    instance.issue(2).await;
    instance.succeed(&["backup", "--to", "backup.db"]);
    let before = fs::read(instance.file("backup.db")).unwrap();
    let again = instance.run(&["backup", "--to", "backup.db"]);
    assert_refused(&again, 2, &["exists already"]);
    let into_itself = instance.run(&["restore", "--from", "backup.db"]);
    assert_refused(&into_itself, 3, &["holds an instance already"]);
    let original = fs::read_to_string(instance.file("database-url")).unwrap();
    let path = original.strip_prefix("sqlite:").unwrap();
    let other = instance.empty_database(Kind::Sqlite).await.unwrap();
    instance.use_database(&other);
    let no_backup = instance.run(&["restore", "--from", path]);
    assert_refused(&no_backup, 3, &["no backup"]);

    // The guard agrees with it, so nothing but the mark keeps a second writer out.
    instance.use_database(&format!("sqlite:{}", instance.file("backup.db").display()));
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let serve = [&serve[..], &["--admin-listen", "127.0.0.1:0"]].concat();
    assert_refused(&instance.run(&serve), 3, &["is a backup"]);
    let recover = instance.run(&["log", "recover", "--from", path]);
    assert_refused(&recover, 3, &["is a backup"]);
    assert_refused(
        &instance.run(&["backup", "--to", "copy-of-a-copy.db"]),
        3,
        &["is a backup"],
    );
    assert!(fs::read(instance.file("backup.db")).unwrap().len() >= before.len());
}

#[tokio::test]
async fn what_a_backup_left_when_it_broke_off_is_replaced_and_a_broken_restore_goes_on() {
    let mut instance = Instance::on(Kind::Sqlite).await.unwrap();
    instance.issue(3).await;
    instance.succeed(&["backup", "--to", "backup.db"]);
    // As after a kill between copying and finishing.
    fs::copy(instance.file("backup.db"), instance.file("next.db.partial")).unwrap();
    instance.succeed(&["backup", "--to", "next.db"]);
    assert!(!instance.file("next.db.partial").exists());

    let other = instance.empty_database(Kind::Sqlite).await.unwrap();
    instance.use_database(&other);
    instance.succeed(&["restore", "--from", "next.db"]);
    let mark =
        "INSERT INTO database_copy (id, state, begun_ms) VALUES (1, 'unfinished restore', 1)";
    let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect(&other)
        .await
        .unwrap();
    sqlx::raw_sql(mark).execute(&mut connection).await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let serve = [&serve[..], &["--admin-listen", "127.0.0.1:0"]].concat();
    assert_refused(&instance.run(&serve), 3, &["restored in part"]);
    instance.succeed(&["restore", "--from", "next.db"]);
    instance.assert_whole_and_goes_on().await;
}

#[tokio::test]
async fn a_token_that_was_used_once_is_not_taken_by_a_restored_database() {
    let mut instance = Instance::on(Kind::Sqlite).await.unwrap();
    let who = instance.once_only_identity().await;
    let production = instance.serve();
    assert_eq!(production.status(&who).await, 200);
    instance.stop(production);
    instance.succeed(&["backup", "--to", "backup.db"]);
    let other = instance.empty_database(Kind::Sqlite).await.unwrap();
    instance.use_database(&other);
    instance.succeed(&["restore", "--from", "backup.db"]);

    let production = instance.serve();
    let answer = production.client().signing_cert(&who).await.unwrap();
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert!(answer.body.contains("[token-used]"), "{}", answer.body);
    instance.stop(production);
}

#[tokio::test]
async fn a_backup_of_a_database_that_was_rolled_back_says_so() {
    let mut instance = Instance::on(Kind::Sqlite).await.unwrap();
    instance.issue(2).await;
    let url = fs::read_to_string(instance.file("database-url")).unwrap();
    let database = url.strip_prefix("sqlite:").unwrap();
    let older = fs::read(database).unwrap();
    instance.issue(3).await;
    fs::write(database, older).unwrap();
    let behind = instance.run(&["backup", "--to", "behind.db"]);
    let words = ["is written", "size 2 root", "size 5 root"];
    assert_refused(&behind, 4, &words);
    assert!(instance.file("behind.db").exists());
    assert!(!instance.file("behind.db.partial").exists());

    let lock = fs::File::open(instance.file("guard")).unwrap();
    lock.lock().unwrap();
    let unknown = instance.run(&["backup", "--to", "unknown.db"]);
    let words = ["is written", "was not held against the guard"];
    assert_refused(&unknown, 1, &words);
    assert!(instance.file("unknown.db").exists());
    drop(lock);

    fs::remove_file(instance.file("guard")).unwrap();
    let lost = instance.run(&["backup", "--to", "lost.db"]);
    assert_refused(&lost, 3, &["is written", "guard"]);
}
