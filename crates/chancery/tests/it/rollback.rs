//! An older database behind a guard that has seen more.

use std::fs;
use std::path::Path;

use chancery_tests::load::{Bounds, run};
use chancery_tests::server::Server;

use crate::harness::{BINARY, assert_refused, chancery, on_sqlite};

#[tokio::test]
async fn an_older_database_is_refused_with_both_heads() {
    let server = on_sqlite().await;
    issue(&server, 3).await;
    let (_, data) = server.stop().unwrap();
    let database = data.path().join("instance/chancery.db");
    let backup = data.path().join("backup.db");
    fs::copy(&database, &backup).unwrap();

    let server = Server::start_in(Path::new(BINARY), None, data)
        .await
        .unwrap();
    issue(&server, 4).await;
    let (_, data) = server.stop().unwrap();

    for rest in ["-wal", "-shm"] {
        let mut path = database.clone().into_os_string();
        path.push(rest);
        let _ = fs::remove_file(path);
    }
    fs::copy(&backup, &database).unwrap();
    let arguments = ["dev", "--listen", "127.0.0.1:0", "--data", "instance"];
    let output = chancery(data.path(), &arguments);
    assert_refused(&output, 3, &["rolled back", "size 3 root", "size 7 root"]);
}

async fn issue(server: &Server, count: u64) {
    let bounds = Bounds {
        count,
        time: std::time::Duration::from_secs(60),
    };
    assert_eq!(run(server.url(), 1, bounds).await.unwrap().issued, count);
}
