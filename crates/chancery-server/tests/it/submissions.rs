//! Submissions to the log, as Fulcio and other submitters send them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_ca::EntryIndex;
use chancery_log::memory::Fault;
use chancery_submissions::{Roots, Submissions, SubmissionsLimits};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::service::{Answer, Service, Setup};

const CHAIN: &str = "/ct/main/ct/v1/add-chain";
const PRECHAIN: &str = "/ct/main/ct/v1/add-pre-chain";

/// Whoever submits.
pub(crate) struct Ca {
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        let issuer = Issuer::new(params, key);
        Self { der, issuer }
    }

    pub(crate) fn issue(&self, poisoned: bool) -> Vec<u8> {
        let mut params = CertificateParams::default();
        if poisoned {
            let poison = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 3];
            let mut poison = CustomExtension::from_oid_content(&poison, vec![5, 0]);
            poison.set_criticality(true);
            params.custom_extensions.push(poison);
        }
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, &self.issuer).unwrap().der().to_vec()
    }
}

pub(crate) async fn start(limits: SubmissionsLimits) -> (Service, Ca) {
    start_at(limits, 0).await
}

async fn start_at(limits: SubmissionsLimits, log_begins_ms: u64) -> (Service, Ca) {
    let (ca, mut roots) = (Ca::new(), Roots::default());
    roots.add(ca.der.clone()).unwrap();
    let submissions = Submissions::new(roots, EntryIndex::default(), limits);
    let service = Service::start_with(Setup {
        submissions: Some(submissions),
        log_begins_ms,
        ..Setup::default()
    })
    .await;
    (service, ca)
}

pub(crate) fn body(chain: &[&[u8]]) -> String {
    let chain: Vec<_> = chain.iter().map(|der| STANDARD.encode(der)).collect();
    json!({ "chain": chain }).to_string()
}

/// Asserts a refusal as clients of logs show it, and returns its text.
pub(crate) fn refused(answer: &Answer, status: u16, code: &str) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    let text = answer.text().to_owned();
    assert!(text.ends_with(&format!("[{code}]\n")), "{text}");
    text
}

#[tokio::test]
async fn a_chain_gets_its_receipt_and_the_same_again_the_same_place() {
    let (service, ca) = start(SubmissionsLimits::default()).await;
    let (certificate, precertificate) = (ca.issue(false), ca.issue(true));
    let mut places = Vec::new();
    for (path, leaf) in [(CHAIN, certificate), (PRECHAIN, precertificate)] {
        let first = service.post(path, body(&[&leaf])).await.json();
        assert_eq!(first["sct_version"], 0);
        for again in [body(&[&leaf]), body(&[&leaf, &ca.der])] {
            let again = service.post(path, again).await.json();
            for part in ["id", "timestamp", "extensions"] {
                assert_eq!(again[part], first[part], "{part}");
            }
        }
        places.push(first["extensions"].clone());
    }
    assert_ne!(places[0], places[1]);
    assert_eq!(service.store.state().entries.len(), 2);
}

#[tokio::test]
async fn what_is_no_chain_of_a_root_is_refused_and_says_why_once() {
    let (service, ca) = start(SubmissionsLimits::default()).await;
    let (leaf, poisoned) = (ca.issue(false), ca.issue(true));
    let strange = Ca::new().issue(false);
    let mut changed = leaf.clone();
    *changed.last_mut().unwrap() ^= 1;
    let table = [
        (CHAIN, body(&[])),
        (CHAIN, body(&[b""])),
        (CHAIN, body(&[b"\x30\x00"])),
        (CHAIN, body(&[&strange])),
        (CHAIN, body(&[&changed])),
        (CHAIN, body(&[&leaf, &leaf])),
        (CHAIN, body(&[&ca.der])),
        (CHAIN, body(&[&poisoned])),
        (PRECHAIN, body(&[&leaf])),
        (CHAIN, json!({ "chain": vec!["AA=="; 11] }).to_string()),
        (CHAIN, json!({ "chain": ["?"] }).to_string()),
    ];
    for (path, body) in table {
        let answer = service.post(path, body).await;
        let text = refused(&answer, 400, "chain-refused");
        for part in text.trim_end().split(": ").skip(1) {
            assert_eq!(text.matches(part).count(), 1, "{text}");
        }
    }
    let deep = format!("{}{}", "[".repeat(60_000), "]".repeat(60_000));
    for body in ["", "{}", "[]", "{\"chain\":\"\"}", "{\"chain\":[1]}", &deep] {
        let answer = service.post(CHAIN, body.to_owned()).await;
        refused(&answer, 400, "request-malformed");
    }
    assert!(service.store.state().entries.is_empty());
}

#[tokio::test]
async fn a_submission_is_of_bounded_size_and_nothing_is_decompressed() {
    let (service, ca) = start(SubmissionsLimits::default()).await;
    let large = format!("{{\"chain\":[\"{}\"]}}", "A".repeat(130 * 1024));
    let answer = service.post(CHAIN, large).await;
    refused(&answer, 413, "body-too-large");
    // What is compressed is not decompressed.
    let leaf = ca.issue(false);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut gzip, body(&[&leaf]).as_bytes()).unwrap();
    let request = service.request(Method::POST, CHAIN);
    let request = request.header("content-encoding", "gzip");
    let answer = Answer::of(request.body(gzip.finish().unwrap())).await;
    refused(&answer, 400, "request-malformed");
}

#[tokio::test]
async fn more_than_the_rate_is_told_when_to_come_again_and_junk_does_not_count() {
    let (service, ca) = start(SubmissionsLimits {
        per_second: 1,
        burst: Duration::from_secs(1),
        ..SubmissionsLimits::default()
    })
    .await;
    let strange = body(&[&Ca::new().issue(false)]);
    for _ in 0..20 {
        let answer = service.post(CHAIN, strange.clone()).await;
        refused(&answer, 400, "chain-refused");
    }
    let (first, second) = (ca.issue(false), ca.issue(false));
    assert_eq!(service.post(CHAIN, body(&[&first])).await.status, 200);
    let answer = service.post(CHAIN, body(&[&second])).await;
    refused(&answer, 429, "submissions-limited");
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn a_log_that_is_away_or_has_not_begun_is_503_and_may_be_tried_again() {
    let (service, ca) = start(SubmissionsLimits::default()).await;
    let chain = body(&[&ca.issue(false)]);
    service.store.fail_next(&[Fault::NotCommitted]);
    let answer = service.post(CHAIN, chain.clone()).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(!answer.header("retry-after").is_empty());
    assert_eq!(service.post(CHAIN, chain).await.status, 200);

    let year_2100 = 4_102_444_800_000;
    let (service, ca) = start_at(SubmissionsLimits::default(), year_2100).await;
    let answer = service.post(CHAIN, body(&[&ca.issue(false)])).await;
    let text = refused(&answer, 503, "unavailable");
    assert!(text.contains("has not begun"), "{text}");
    assert_eq!(answer.header("retry-after"), "10");
    let page = service.get("/").await;
    assert!(
        page.text().contains("/ct/main/checkpoint"),
        "{}",
        page.text()
    );
    let roots: Value = service.get("/ct/main/ct/v1/get-roots").await.json();
    assert_eq!(roots["certificates"].as_array().unwrap().len(), 1);
}
