//! `serve` with TLS: a certificate that changes while it is in use.

use std::fs;
use std::path::Path;

use crate::harness::{assert_refused, chancery};
use crate::production::{Production, made, replace};

/// A certificate for localhost that is its own issuer.
struct Pair {
    certificate: String,
    key: String,
}

impl Pair {
    fn make() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self {
            certificate: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
        }
    }

    fn write(&self, folder: &Path) {
        use std::os::unix::fs::PermissionsExt;
        replace(&folder.join("tls.crt"), &self.certificate);
        let key = folder.join("tls.key.new");
        fs::write(&key, &self.key).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(key, folder.join("tls.key")).unwrap();
    }

    /// Asks who trusts nothing but this certificate.
    async fn is_served(&self, port: u16) -> bool {
        let root = reqwest::Certificate::from_pem(self.certificate.as_bytes()).unwrap();
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([root])
            .build()
            .unwrap();
        let answer = http.get(format!("https://localhost:{port}/healthz"));
        answer.send().await.is_ok()
    }
}

fn with_tls(folder: &Path) {
    let path = folder.join("chancery.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let tls = "tls: {certificate: tls.crt, key: tls.key}\n";
    fs::write(path, text + tls).unwrap();
}

#[tokio::test]
async fn a_renewed_certificate_comes_into_force_and_a_bad_one_does_not() {
    let folder = made();
    let (first, second) = (Pair::make(), Pair::make());
    first.write(folder.path());
    with_tls(folder.path());
    let production = Production::start(folder);
    let port = production.port();
    assert!(first.is_served(port).await && !second.is_served(port).await);

    replace(&production.path("tls.crt"), &second.certificate);
    production.wait_for(&["ERROR", "tls: refused", "tls.key"]);
    assert!(first.is_served(port).await && !second.is_served(port).await);

    second.write(&production.path(""));
    production.wait_for(&["tls: reloaded", "valid until"]);
    assert!(second.is_served(port).await && !first.is_served(port).await);
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused_at_the_start() {
    let folder = made();
    with_tls(folder.path());
    let output = chancery(folder.path(), &["serve"]);
    assert_refused(&output, 3, &["tls", "tls.crt"]);
}
