//! TLS: what is spoken, and certificates that change while they are in use.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use chancery_proto::fulcio_v2::GetTrustBundleRequest;
use chancery_proto::fulcio_v2::ca_client::CaClient;
use chancery_proto::fulcio_v2::signing_certificate::Certificate;
use chancery_server::{Reloaded, Tls, TlsError};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::grpc::message;
use crate::service::{Answer, Service, Setup};

/// A self-signed certificate and its key in files.
pub(crate) struct Files {
    folder: TempDir,
    pub(crate) certificate: CertificateDer<'static>,
}

impl Files {
    pub(crate) fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = Self {
            certificate: CertificateDer::from(Vec::new()),
            folder,
        };
        files.renewed(name, |_| {})
    }

    /// Puts another certificate and key into the same files.
    fn renewed(self, name: &str, change: impl FnOnce(&mut rcgen::CertificateParams)) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let certificate = params.self_signed(&key).unwrap();
        fs::write(self.certificate_file(), certificate.pem()).unwrap();
        fs::write(self.key_file(), key.serialize_pem()).unwrap();
        self.set_key_mode(0o640);
        Self {
            certificate: certificate.der().clone(),
            ..self
        }
    }

    fn set_key_mode(&self, mode: u32) {
        fs::set_permissions(self.key_file(), Permissions::from_mode(mode)).unwrap();
    }

    fn certificate_file(&self) -> PathBuf {
        self.folder.path().join("tls.crt")
    }

    fn key_file(&self) -> PathBuf {
        self.folder.path().join("tls.key")
    }

    fn load(&self) -> Result<Tls, TlsError> {
        Tls::load(&self.certificate_file(), &self.key_file())
    }

    pub(crate) fn tls(&self) -> Tls {
        self.load().unwrap()
    }

    fn trusted(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    /// Shakes hands as a client that trusts this certificate and nothing else.
    pub(crate) async fn connect(&self, stream: TcpStream, alpn: &[u8]) -> TlsStream<TcpStream> {
        let mut config = self.trusted();
        config.alpn_protocols = vec![alpn.to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, stream).await.unwrap()
    }
}

async fn start(files: &Files) -> (Service, Tls) {
    let tls = files.tls();
    let setup = Setup {
        tls: Some(tls.clone()),
        ..Setup::default()
    };
    (Service::start_with(setup).await, tls)
}

async fn connect(service: &Service) -> TcpStream {
    let port = service.tls_url.rsplit(':').next().unwrap();
    TcpStream::connect(("127.0.0.1", port.parse().unwrap()))
        .await
        .unwrap()
}

#[tokio::test]
async fn both_protocols_and_both_versions_are_spoken() {
    let files = Files::new("localhost");
    let (service, _) = start(&files).await;
    let request = service.certificate_request("dev@chancery.test").await;
    let root = reqwest::Certificate::from_der(&files.certificate).unwrap();
    let client = || reqwest::Client::builder().tls_certs_only([root.clone()]);
    let version_2 = reqwest::Version::HTTP_2;
    for (client, version) in [
        (client(), version_2),
        (client().http1_only(), reqwest::Version::HTTP_11),
        (
            client().tls_version_max(reqwest::tls::Version::TLS_1_2),
            version_2,
        ),
        (
            client().tls_version_min(reqwest::tls::Version::TLS_1_3),
            version_2,
        ),
    ] {
        let url = format!("{}/api/v2/signingCert", service.tls_url);
        let request = client.build().unwrap().post(url).body(request.to_string());
        let response = request.send().await.unwrap();
        assert_eq!(
            (response.version(), response.status().as_u16()),
            (version, 200)
        );
    }
}

#[tokio::test]
async fn grpc_is_spoken_over_tls() {
    let files = Files::new("localhost");
    let (service, _) = start(&files).await;
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(files.trusted())
        .https_only()
        .enable_http2()
        .build();
    let channel = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build(connector);
    let mut client = CaClient::with_origin(channel, service.tls_url.parse().unwrap());
    let answer = client.get_trust_bundle(GetTrustBundleRequest {}).await;
    assert_eq!(answer.unwrap().into_inner().chains.len(), 1);
    let request = service.certificate_request("dev@chancery.test").await;
    let issued = client.create_signing_certificate(message(&request)).await;
    let Some(Certificate::SignedCertificateEmbeddedSct(issued)) =
        issued.unwrap().into_inner().certificate
    else {
        panic!("the SCT is in the certificate");
    };
    assert_eq!(issued.chain.unwrap().certificates.len(), 3);
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_new_connections_and_old_ones_go_on() {
    let files = Files::new("localhost");
    let (service, tls) = start(&files).await;
    let mut before = files.connect(connect(&service).await, b"http/1.1").await;
    assert_eq!(tls.reload().unwrap(), Reloaded::Unchanged);

    let files = files.renewed("localhost", |_| {});
    let Reloaded::Changed { not_after } = tls.reload().unwrap() else {
        panic!("the certificate is another");
    };
    assert_eq!(tls.not_after(), not_after);
    // Which certificate it is: this client trusts no other.
    files.connect(connect(&service).await, b"h2").await;

    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    before.write_all(request).await.unwrap();
    let mut answer = String::new();
    before.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with(r#"{"status":"SERVING"}"#), "{answer}");
}

#[tokio::test]
async fn a_bad_renewal_is_refused_and_the_old_certificate_stays() {
    let files = Files::new("localhost");
    let (service, tls) = start(&files).await;
    let other = Files::new("localhost");
    let good = |name: &str| fs::read(files.folder.path().join(name)).unwrap();
    let (certificate, key) = (good("tls.crt"), good("tls.key"));
    let theirs = fs::read(other.certificate_file()).unwrap();
    let expired = Files::new("localhost").renewed("localhost", |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 2, 1);
    });
    let (late, late_key) = (
        fs::read(expired.certificate_file()).unwrap(),
        fs::read(expired.key_file()).unwrap(),
    );
    let table: [(&[u8], &[u8], u32, &str); 8] = [
        (&theirs, &key, 0o600, "is not the key of"),
        (b"", &key, 0o600, "no certificate"),
        (b"garbage", &key, 0o600, "no certificate"),
        (&key, &key, 0o600, "no certificate"),
        (
            &certificate,
            b"garbage",
            0o600,
            "no unencrypted private key",
        ),
        (
            &certificate,
            &certificate,
            0o600,
            "no unencrypted private key",
        ),
        (&late, &late_key, 0o600, "is valid from 2020-01-01"),
        (&certificate, &key, 0o644, "the key of the TLS certificate"),
    ];
    for (certificate, key, mode, says) in table {
        fs::write(files.certificate_file(), certificate).unwrap();
        fs::write(files.key_file(), key).unwrap();
        files.set_key_mode(mode);
        let refused = tls.reload().unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
        assert!(files.load().is_err());
    }
    fs::remove_file(files.key_file()).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::KeyFile(_))));
    files.connect(connect(&service).await, b"h2").await;
}

#[tokio::test]
async fn a_key_that_its_group_reads_is_taken_and_one_that_it_writes_is_not() {
    let files = Files::new("localhost");
    for (mode, taken) in [
        (0o400, true),
        (0o440, true),
        (0o640, true),
        (0o660, false),
        (0o604, false),
    ] {
        files.set_key_mode(mode);
        assert_eq!(files.load().is_ok(), taken, "{mode:o}");
    }
}

#[tokio::test]
async fn what_is_not_tls_gets_no_answer_of_ours() {
    let files = Files::new("localhost");
    let (service, _) = start(&files).await;
    let plain = service.tls_url.replace("https", "http");
    let answer = service.client.get(format!("{plain}/healthz")).send().await;
    assert!(answer.is_err());
    let root = reqwest::Certificate::from_der(&files.certificate).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([root]).build();
    let request = client.unwrap().get(format!("{}/healthz", service.tls_url));
    assert_eq!(Answer::of(request).await.status, 200);
}
