//! Nobody reads what the server says: issuance goes on.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use chancery_tests::client::Client;
use chancery_tests::server::free_port;

use crate::harness::BINARY;

#[tokio::test]
async fn a_full_standard_error_stops_nobody() {
    let data = tempfile::tempdir().unwrap();
    let port = free_port().unwrap();
    let mut server = Command::new(BINARY)
        .args(["dev", "--listen", &format!("127.0.0.1:{port}"), "--data"])
        .arg(data.path().join("instance"))
        .env("CHANCERY_LOG", "debug")
        .env_remove("CHANCERY_DATABASE")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let client = Client::new(&format!("http://localhost:{port}")).unwrap();
    let mut tries = 0;
    while client.get("/healthz").await.is_err() {
        tries += 1;
        assert!(tries < 1_000, "not ready in time");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }

    // More than a pipe holds, which is 64 KiB on Linux: several hundred octets each.
    let identity = client.identity("alice@example.com").await.unwrap();
    let count = 300;
    for _ in 0..count {
        let answer = client.signing_cert(&identity).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    // Nothing was lost either: it was not that much.
    let said = BufReader::new(server.stderr.take().unwrap()).lines();
    let issued = said.filter(|line| {
        line.as_ref()
            .is_ok_and(|line| line.contains("certificate issued"))
    });
    assert_eq!(issued.take(count).count(), count);
    server.kill().unwrap();
    server.wait().unwrap();
}
