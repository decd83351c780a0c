//! Issuers on https, with a certificate of a private CA.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use chancery_identity::Timings;

use crate::issuer::{NOW, TestIssuer, TestKey, code, issuers, now};

#[tokio::test]
async fn the_ca_of_an_entry_is_trusted_for_that_issuer_alone() {
    let (url, ca) = serve(None);
    let token = TestKey::rsa("rsa", "RS256").token(&json!({"kid": "rsa"}), &claims(&url));
    assert_eq!(outcome(&url, Some(&ca), &token).await, "accepted");
    assert_eq!(outcome(&url, None, &token).await, "issuer-unavailable");
    let (_, other) = serve(None);
    assert_eq!(
        outcome(&url, Some(&other), &token).await,
        "issuer-unavailable"
    );
}

#[tokio::test]
async fn the_keys_of_an_issuer_on_https_are_on_https() {
    let plain = TestIssuer::start().await;
    let (url, ca) = serve(Some(format!("{}/keys", plain.url())));
    let token = TestKey::rsa("rsa", "RS256").token(&json!({"kid": "rsa"}), &claims(&url));
    assert_eq!(outcome(&url, Some(&ca), &token).await, "issuer-unavailable");
    assert_eq!(plain.key_fetches(), 0);
}

async fn outcome(url: &str, ca: Option<&str>, token: &str) -> &'static str {
    let entry = json!({"client-id": "sigstore", "type": "email", "ca-cert": ca});
    let issuers = issuers(&json!({"oidc-issuers": {url: entry}}), Timings::default());
    code(&issuers.authenticate(token, now()).await)
}

fn claims(url: &str) -> Value {
    json!({
        "iss": url,
        "aud": "sigstore",
        "exp": NOW + 600,
        "email": "alice@example.test",
        "email_verified": true,
    })
}

/// Starts an issuer with a CA of its own; returns its URL and the CA's certificate.
fn serve(keys_url: Option<String>) -> (String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    let keys = json!({"keys": [TestKey::rsa("rsa", "RS256").jwk()]});
    let keys_url = keys_url.unwrap_or_else(|| format!("{url}/keys"));
    let configuration = json!({"issuer": url, "jwks_uri": keys_url});
    let (tls, ca) = server_config();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&tls)).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(connection, stream.unwrap()));
            // A client that does not trust the certificate ends here.
            let request: Vec<String> = stream
                .by_ref()
                .lines()
                .map_while(Result::ok)
                .take_while(|l| !l.is_empty())
                .collect();
            let Some(line) = request.first() else {
                continue;
            };
            let body = if line.contains("/keys") {
                &keys
            } else {
                &configuration
            }
            .to_string();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", body.len());
            let answer = format!("{head}connection: close\r\n\r\n{body}");
            let stream = stream.get_mut();
            stream.write_all(answer.as_bytes()).unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        }
    });
    (url, ca)
}

fn server_config() -> (Arc<ServerConfig>, String) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new([]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &Issuer::new(ca, ca_key))
        .unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (Arc::new(config), ca_certificate.pem())
}
