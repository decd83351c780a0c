//! The requests that Sigstore's clients send, as recorded, and whether each gets its certificate.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_tests::issuer::{Issuer, TokenSpec};
use der::{Decode as _, Encode as _};
use rcgen::{PublicKeyData as _, SigningKey as _};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use x509_cert::Certificate;

use crate::grpc::{self, Field};
use crate::harness::dev_with_identity_config;

/// `client_requests.json` has each request as recorded but for its token, key and proof.
const REQUESTS: &str = include_str!("../parity/client_requests.json");

const EMAIL: &str = "dev@chancery.test";
const SUBJECT: &str = "user-1234";
const BASIC_CONSTRAINTS: [u64; 4] = [2, 5, 29, 19];
/// `basicConstraints` without `cA` (RFC 5280, 4.2.1.9).
const CA_FALSE: [u8; 2] = [0x30, 0x00];

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Recorded {
    client: String,
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    /// The body of an HTTP request, with `{…}` where the fresh parts go.
    #[serde(default)]
    body: String,
    /// The algorithm that a gRPC request names.
    #[serde(default)]
    algorithm: u8,
    /// The key in a gRPC request.
    #[serde(default)]
    content: String,
    /// The claim that the proof is over.
    proof_over: String,
}

/// What is fresh in a request.
struct Fresh {
    token: String,
    key: rcgen::KeyPair,
    proof: Vec<u8>,
}

impl Fresh {
    fn of(issuer: &Issuer, recorded: &Recorded) -> Self {
        let claims = json!({ "email": EMAIL, "email_verified": true, "sub": SUBJECT });
        let spec = TokenSpec {
            claims: claims.as_object().unwrap().clone(),
            ..TokenSpec::default()
        };
        let name = claims[&recorded.proof_over].as_str().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        Self {
            token: issuer.mint(&spec).unwrap(),
            proof: key.sign(name.as_bytes()).unwrap(),
            key,
        }
    }

    /// Writes the fresh parts into a recorded text; all around them stays as it was.
    fn fill(&self, text: &str) -> String {
        let key = STANDARD.encode(self.key.subject_public_key_info());
        let (first, second) = key.split_at(64);
        text.replace("{token}", &self.token)
            .replace("{key}", &key)
            .replace("{key-line-1}", first)
            .replace("{key-line-2}", second)
            .replace("{proof}", &STANDARD.encode(&self.proof))
            .replace("{csr}", &STANDARD.encode(self.csr()))
    }

    /// A signing request as sigstore-python makes it: no subject, and an extension that is asked
    /// for.
    fn csr(&self) -> String {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let mut extension =
            rcgen::CustomExtension::from_oid_content(&BASIC_CONSTRAINTS, CA_FALSE.to_vec());
        extension.set_criticality(true);
        params.custom_extensions = vec![extension];
        let request = params.serialize_request(&self.key).unwrap();
        request.pem().unwrap().replace("\r\n", "\n")
    }
}

#[tokio::test]
async fn every_recorded_client_gets_the_certificate_it_asks_for() {
    let issuer = Issuer::start().await.unwrap();
    let url = issuer.url();
    let configuration = format!(
        "oidc-issuers:\n  {url}:\n    issuer-url: {url}\n    client-id: sigstore\n    type: email\n"
    );
    let server = dev_with_identity_config(&configuration).await;
    let requests: Vec<Recorded> = serde_json::from_str(REQUESTS).unwrap();
    assert_eq!(requests.len(), 6);
    let mut wrong = Vec::new();
    for recorded in &requests {
        let fresh = Fresh::of(&issuer, recorded);
        let chain = match recorded.method.as_str() {
            "GRPC" => ask_over_grpc(server.url(), recorded, &fresh).await,
            _ => ask(server.url(), recorded, &fresh).await,
        };
        let checked = chain.and_then(|chain| check(&chain, &fresh));
        if let Err(error) = checked {
            wrong.push(format!("{}: {error:#}", recorded.client));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Sends a request over HTTP and returns the chain, as version 1 or 2 answers it.
async fn ask(server: &str, recorded: &Recorded, fresh: &Fresh) -> anyhow::Result<Vec<String>> {
    let method: Method = recorded.method.parse()?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let mut request = http.request(method, format!("{server}{}", recorded.path));
    for (name, value) in &recorded.headers {
        request = request.header(name, fresh.fill(value));
    }
    let response = request.body(fresh.fill(&recorded.body)).send().await?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    if recorded.path.contains("/v1/") {
        anyhow::ensure!(status == 201, "status {status}: {text}");
        let blocks = pem::parse_many(text)?;
        return Ok(blocks.iter().map(pem::encode).collect());
    }
    anyhow::ensure!(status == 200, "status {status}: {text}");
    let answer: BTreeMap<String, Value> = serde_json::from_str(&text)?;
    // Clients disagree on what to do with a second member, so there is none.
    let names: Vec<&String> = answer.keys().collect();
    anyhow::ensure!(names == ["signedCertificateEmbeddedSct"], "{names:?}");
    let content = &answer["signedCertificateEmbeddedSct"];
    Ok(serde_json::from_value(
        content["chain"]["certificates"].clone(),
    )?)
}

/// Sends a request over gRPC on the port of HTTP and returns the chain.
async fn ask_over_grpc(
    server: &str,
    recorded: &Recorded,
    fresh: &Fresh,
) -> anyhow::Result<Vec<String>> {
    // Field numbers as in Fulcio's fulcio.proto, not taken from the code under test.
    let credentials = grpc::text(1, &fresh.token);
    let content = fresh.fill(&recorded.content);
    let key = [grpc::number(1, recorded.algorithm), grpc::text(2, &content)].concat();
    let request = [grpc::bytes(1, &key), grpc::bytes(2, &fresh.proof)].concat();
    let message = [grpc::bytes(1, &credentials), grpc::bytes(2, &request)].concat();
    let answer = grpc::call(server, &recorded.path, &recorded.headers, &message).await?;
    let embedded = grpc::only(&answer, 2)?;
    let chain = grpc::only(&embedded, 1)?;
    let certificates = grpc::fields(&chain)?.into_iter();
    certificates
        .map(|Field { value, .. }| Ok(String::from_utf8(value)?))
        .collect()
}

/// Checks that a chain is the answer to this request and nobody else's.
fn check(chain: &[String], fresh: &Fresh) -> anyhow::Result<()> {
    anyhow::ensure!(chain.len() == 3, "{} certificates", chain.len());
    let leaf = Certificate::from_der(pem::parse(&chain[0])?.contents())?;
    let leaf = leaf.tbs_certificate();
    let key = leaf.subject_public_key_info().to_der()?;
    anyhow::ensure!(key == fresh.key.subject_public_key_info(), "another key");
    let mut names = leaf.extensions().into_iter().flatten();
    let name = names.find(|e| e.extn_id.to_string() == "2.5.29.17");
    let name = name.map(|e| e.extn_value.as_bytes().to_vec());
    let name = name.unwrap_or_default();
    anyhow::ensure!(name.ends_with(EMAIL.as_bytes()), "another name: {name:?}");
    Ok(())
}
