//! Issuers on https, with a certificate of a private CA.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use chancery_identity::Timings;

use crate::issuer::{NOW, TestIssuer, TestKey, code, issuers, now};

#[tokio::test]
async fn the_ca_of_an_entry_is_trusted_for_that_issuer_alone() {
    let issuer = TlsIssuer::start(None);
    let token = token(&issuer.url);
    let shown = async |entry: Value| outcome(&issuer.url, &entry, &token).await;
    assert_eq!(shown(json!({"ca-cert": issuer.ca})).await, "accepted");
    assert_eq!(shown(json!({})).await, "issuer-unavailable");
    let other = TlsIssuer::start(None).ca;
    let unavailable = shown(json!({"ca-cert": other})).await;
    assert_eq!(unavailable, "issuer-unavailable");
    let both = other + &issuer.ca;
    assert_eq!(shown(json!({"ca-cert": both})).await, "accepted");
}

#[tokio::test]
async fn the_ca_of_an_entry_may_be_in_a_file() {
    let issuer = TlsIssuer::start(None);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, &issuer.ca).unwrap();
    let entry = json!({"ca-cert-file": path});
    assert_eq!(
        outcome(&issuer.url, &entry, &token(&issuer.url)).await,
        "accepted"
    );
}

#[tokio::test]
async fn the_keys_of_an_issuer_on_https_are_on_https() {
    let plain = TestIssuer::start().await;
    let issuer = TlsIssuer::start(Some(format!("{}/keys", plain.url())));
    let entry = json!({"ca-cert": issuer.ca});
    assert_eq!(
        outcome(&issuer.url, &entry, &token(&issuer.url)).await,
        "issuer-unavailable"
    );
    assert_eq!(plain.key_fetches(), 0);
}

async fn outcome(url: &str, entry: &Value, token: &str) -> &'static str {
    let mut entry = entry.clone();
    entry["client-id"] = json!("sigstore");
    entry["type"] = json!("email");
    let issuers = issuers(&json!({"oidc-issuers": {url: entry}}), Timings::default());
    code(&issuers.authenticate(token, now()).await)
}

/// A token of the one key that such an issuer has.
pub(crate) fn token(url: &str) -> String {
    let claims = json!({
        "iss": url,
        "aud": "sigstore",
        "exp": NOW + 600,
        "sub": "system:serviceaccount:ns:sa",
        "email": "alice@example.test",
        "email_verified": true,
        "kubernetes.io": {"namespace": "ns", "serviceaccount": {"name": "sa"}},
    });
    TestKey::rsa("rsa", "RS256").token(&json!({"kid": "rsa"}), &claims)
}

/// An issuer on https with a CA of its own, which writes down what it is asked.
pub(crate) struct TlsIssuer {
    pub(crate) url: String,
    /// The CA's certificate, in PEM.
    pub(crate) ca: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl TlsIssuer {
    /// Starts an issuer whose keys are at `keys_url`, or its own.
    pub(crate) fn start(keys_url: Option<String>) -> Self {
        let keys = json!({"keys": [TestKey::rsa("rsa", "RS256").jwk()]}).to_string();
        Self::answering(move |url, path| {
            let keys_url = keys_url.clone().unwrap_or_else(|| format!("{url}/keys"));
            match path {
                "/keys" => ok(&keys),
                _ => ok(&json!({"issuer": url, "jwks_uri": keys_url}).to_string()),
            }
        })
    }

    /// Starts a server that makes its answers out of its own URL and the path.
    pub(crate) fn answering(answer: impl Fn(&str, &str) -> String + Send + 'static) -> Self {
        let (tls, ca) = server_config();
        Self::with(tls, ca, answer)
    }

    /// Starts one with a certificate of choice.
    pub(crate) fn with(
        tls: Arc<ServerConfig>,
        ca: String,
        answer: impl Fn(&str, &str) -> String + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = format!("https://localhost:{port}");
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let (own, written) = (url.clone(), Arc::clone(&requests));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = ServerConnection::new(Arc::clone(&tls)).unwrap();
                let mut stream = BufReader::new(StreamOwned::new(connection, stream.unwrap()));
                // A client that does not trust the certificate ends here.
                let lines = stream.by_ref().lines().map_while(Result::ok);
                let request: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                let Some(path) = request.first().and_then(|line| line.split(' ').nth(1)) else {
                    continue;
                };
                let answer = answer(&own, path);
                written.lock().unwrap().push(request.join("\n"));
                let stream = stream.get_mut();
                stream.write_all(answer.as_bytes()).unwrap();
                stream.conn.send_close_notify();
                stream.flush().unwrap();
            }
        });
        Self { url, ca, requests }
    }

    /// What it was asked, with all headers, one text for each request.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

pub(crate) fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

fn server_config() -> (Arc<ServerConfig>, String) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new([]).unwrap();
    let name = &mut ca.distinguished_name;
    name.push(rcgen::DnType::CommonName, "the private CA");
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

/// A certificate that nobody but itself vouches for.
pub(crate) fn self_signed() -> (Arc<ServerConfig>, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (Arc::new(config), certificate.pem())
}
