//! Settings of `chancery.yaml` that are seen from outside.

use std::collections::BTreeMap;
use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chancery_tests::client::Client;
use chancery_tests::issuer::Issuer;
use chancery_tests::server::free_port;
use der::Decode;
use x509_cert::Certificate;

use crate::grpc::call;
use crate::production::{Production, identity, made, replace, write_issuers};

#[tokio::test]
async fn grpc_browsers_metrics_and_lifetimes_are_as_configured() {
    let issuer = Issuer::start().await.unwrap();
    let folder = made();
    let identities = folder.path().join("identity.yaml");
    let [one, two] = ["/one", "/two"].map(|path| format!("{}{path}", issuer.url()));
    write_issuers(&identities, &[one.clone(), two.clone()]);
    let text = fs::read_to_string(&identities).unwrap();
    let long = format!("issuer-url: {two}\n    certificate-lifetime-s: 7200");
    replace(
        &identities,
        &text.replace(&format!("issuer-url: {two}"), &long),
    );

    let grpc = free_port().unwrap();
    let settings = folder.path().join("chancery.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    let lifetimes = "certificate-lifetime-s: 600\n  max-certificate-lifetime-s: 1800";
    let text = text.replace("certificate-lifetime-s: 600", lifetimes);
    let more = format!(
        "grpc-listen: 127.0.0.1:{grpc}\nfulcio-metrics: true\ncors-origins: \
         ['https://sign.example.org']\n"
    );
    fs::write(settings, text + &more).unwrap();
    let production = Production::start(folder);

    let grpc = format!("http://127.0.0.1:{grpc}");
    let bundle = "/dev.sigstore.fulcio.v2.CA/GetTrustBundle";
    let answer = call(&grpc, bundle, &BTreeMap::new(), &[]).await;
    assert!(!answer.unwrap().is_empty());
    // REST is not there.
    let rest = Client::new(&grpc).unwrap();
    assert_eq!(rest.get("/api/v2/trustBundle").await.unwrap().status, 404);

    let allowed = async |origin: &str| {
        let url = format!("http://127.0.0.1:{}/api/v2/trustBundle", production.port());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = http.get(url).header("origin", origin).send().await.unwrap();
        answer.headers().contains_key("access-control-allow-origin")
    };
    assert!(allowed("https://sign.example.org").await);
    assert!(!allowed("https://evil.example.org").await);

    for (path, lifetime) in [("/one", 600), ("/two", 1800)] {
        let ada = identity(&issuer, path).await;
        let answer = production.client().signing_cert(&ada).await.unwrap();
        assert_eq!(seconds(&answer.certificates().unwrap()[0]), lifetime);
    }
    assert_eq!(production.metric("fulcio_new_certs ").await, "2");
}

/// Returns how long a certificate is valid.
fn seconds(pem: &str) -> u64 {
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let certificate = Certificate::from_der(&STANDARD.decode(base64).unwrap()).unwrap();
    let validity = certificate.tbs_certificate().validity();
    let ends = [validity.not_before, validity.not_after];
    let [from, to] = ends.map(|time| time.to_unix_duration().as_secs());
    to - from
}
