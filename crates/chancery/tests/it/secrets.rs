//! Secrets are in no log, at any level.

use std::process::{Command, Stdio};

use chancery_tests::client::Client;
use chancery_tests::server::free_port;

use crate::harness::BINARY;

#[tokio::test]
async fn no_token_key_or_passphrase_is_logged_at_any_level() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().unwrap();
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let mut server = Command::new(BINARY)
        .args([
            "dev",
            "--listen",
            &format!("127.0.0.1:{port}"),
            "--data",
            "instance",
        ])
        .current_dir(folder.path())
        .env("CHANCERY_LOG", "trace")
        .env_remove("CHANCERY_DATABASE")
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let client = Client::new(&format!("http://localhost:{port}")).unwrap();
    let identity = loop {
        match client.identity("ada@example.com").await {
            Ok(identity) => break identity,
            Err(_) if server.try_wait().unwrap().is_none() => tokio::task::yield_now().await,
            Err(e) => panic!("{e:#}"),
        }
    };
    assert_eq!(client.signing_cert(&identity).await.unwrap().status, 200);
    let mut spoilt = identity.clone();
    spoilt.token.push('x');
    assert_eq!(client.signing_cert(&spoilt).await.unwrap().status, 400);
    Command::new("kill")
        .arg(server.id().to_string())
        .status()
        .unwrap();
    assert!(server.wait().unwrap().success());

    let read = |path: &str| std::fs::read_to_string(folder.path().join(path)).unwrap();
    let said = read("log");
    assert!(said.contains("certificate issued"), "nothing was logged");
    let mut parts = identity.token.split('.').skip(1);
    let passphrase = read("instance/secrets/passphrase");
    let secrets = [
        ("the token's payload", parts.next().unwrap()),
        ("the token's signature", parts.next().unwrap()),
        ("the passphrase", passphrase.trim()),
    ];
    for (name, secret) in secrets {
        assert!(!said.contains(secret), "{name} is in the log");
    }
}
