//! `chancery dev`: what it keeps, what it refuses, and that its log covers what it answers.

use std::path::Path;

use chancery_tests::client::Client;
use chancery_tests::server::Server;

use crate::harness::{BINARY, assert_refused, chancery, init, on_postgres, on_sqlite};

#[test]
fn it_listens_on_loopback_only() {
    let folder = tempfile::tempdir().unwrap();
    let output = chancery(folder.path(), &["dev", "--listen", "0.0.0.0:0"]);
    assert_refused(&output, 2, &["loopback", "0.0.0.0"]);
}

#[test]
fn it_throws_away_only_what_it_made() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path());
    let listen = ["dev", "--listen", "127.0.0.1:0", "--data", ".", "--reset"];
    assert_refused(
        &chancery(folder.path(), &listen),
        2,
        &["was not made by `chancery dev`"],
    );
    assert!(folder.path().join("chancery.yaml").exists());
    let output = chancery(folder.path(), &listen[..5]);
    assert_refused(&output, 3, &["was not made by `chancery dev`"]);
}

#[test]
fn a_password_in_an_argument_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let url = "postgres://chancery:hunter2@127.0.0.1/none";
    let output = chancery(
        folder.path(),
        &["dev", "--listen", "127.0.0.1:0", "--database", url],
    );
    assert_refused(&output, 2, &["password", "CHANCERY_DATABASE"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("hunter2"));
}

#[tokio::test]
async fn a_first_start_that_broke_off_is_begun_anew() {
    let data = tempfile::tempdir().unwrap();
    let port = chancery_tests::server::free_port().unwrap();
    let away = format!("postgres://chancery@127.0.0.1:{port}/none");
    let arguments = [
        "dev",
        "--listen",
        "127.0.0.1:0",
        "--data",
        "instance",
        "--database",
        &away,
    ];
    assert_refused(&chancery(data.path(), &arguments), 1, &["127.0.0.1"]);
    let server = Server::start_in(Path::new(BINARY), None, data)
        .await
        .unwrap();
    issue(server.url(), 0).await;
}

#[tokio::test]
async fn the_log_goes_on_where_it_stood_on_sqlite() {
    goes_on(on_sqlite().await, None).await;
}

#[tokio::test]
async fn the_log_goes_on_where_it_stood_on_postgres() {
    if let Some((server, database)) = on_postgres().await {
        goes_on(server, Some(database.url())).await;
        database.drop().await.unwrap();
    }
}

async fn goes_on(server: Server, database: Option<&str>) {
    issue(server.url(), 0).await;
    issue(server.url(), 1).await;
    let (code, data) = server.stop().unwrap();
    assert_eq!(code, Some(0));
    let again = Server::start_in(Path::new(BINARY), database, data)
        .await
        .unwrap();
    issue(again.url(), 2).await;
}

/// Issues one certificate and checks that the first checkpoint asked for afterwards covers it.
async fn issue(url: &str, index: u64) {
    let client = Client::new(url).unwrap();
    let identity = client.identity("ada@example.com").await.unwrap();
    let answer = client.signing_cert(&identity).await.unwrap();
    assert_eq!(answer.certificates().unwrap().len(), 3);
    assert_eq!(answer.log_index, Some(index));
    let checkpoint = client.get("/ct/dev/checkpoint").await.unwrap().body;
    let size: u64 = checkpoint.lines().nth(1).unwrap().parse().unwrap();
    assert_eq!(size, index + 1);
}

#[tokio::test]
async fn a_folder_in_use_is_not_thrown_away() {
    let server = on_sqlite().await;
    let folder = server.folder();
    let data = folder.to_str().unwrap();
    let arguments = ["dev", "--listen", "127.0.0.1:0", "--data", data, "--reset"];
    assert_refused(
        &chancery(Path::new("/"), &arguments),
        1,
        &["another process"],
    );
    issue(server.url(), 0).await;
}

#[tokio::test]
async fn a_lost_guard_is_refused_and_the_log_is_kept() {
    let server = on_sqlite().await;
    issue(server.url(), 0).await;
    let (_, data) = server.stop().unwrap();
    std::fs::remove_file(data.path().join("instance/guard")).unwrap();
    let database = data.path().join("instance/chancery.db");
    let before = std::fs::read(&database).unwrap();
    let arguments = ["dev", "--listen", "127.0.0.1:0", "--data", "instance"];
    assert_refused(&chancery(data.path(), &arguments), 3, &["guard"]);
    assert!(
        std::fs::read(&database).unwrap() == before,
        "the log was touched"
    );
}
