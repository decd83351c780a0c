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
    for (path, header) in [
        ("/api/v1/signingCert", "authorization"),
        ("/api/v2/signingCert", "authorization"),
        ("/api/chancery/v1/token/explain", "authorization"),
        (GRPC, "authorization"),
        (GRPC, "oidcidentitytoken"),
    ] {
        send(port, path, header, &identity.token).await;
    }
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

const GRPC: &str = "/dev.sigstore.fulcio.v2.CA/CreateSigningCertificate";

/// Sends a token in a header, over either version of HTTP, with an empty message.
async fn send(port: u16, path: &str, header: &str, token: &str) {
    let client = || reqwest::Client::builder().no_proxy();
    let mut clients = vec![client().http2_prior_knowledge()];
    let is_grpc = path == GRPC;
    if !is_grpc {
        clients.push(client().http1_only());
    }
    for client in clients {
        let client = client.build().unwrap();
        let mut request = client
            .post(format!("http://127.0.0.1:{port}{path}"))
            .header(header, token);
        if is_grpc {
            request = request.header("content-type", "application/grpc");
        }
        let body = if is_grpc { vec![0; 5] } else { b"{}".to_vec() };
        let answer = request.body(body).send().await.unwrap();
        // It came as far as the token: what is refused is the key.
        match answer.headers().get("grpc-message") {
            Some(said) => assert!(said.to_str().unwrap().contains("key-malformed"), "{path}"),
            None => {
                let said = answer.text().await.unwrap();
                let far = said.contains("key-malformed") || said.contains("accepted");
                assert!(far, "{path}: {said}");
            }
        }
    }
}
