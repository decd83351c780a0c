//! What Fulcio answered to recorded requests, and what Chancery answers to the same.
//!
//! The data and the version of Fulcio are in `tests/parity`.

mod answer;
mod keys;
mod request;

use std::collections::BTreeMap;

use chancery_tests::issuer::Issuer;
use serde::Deserialize;
use serde_json::Value;

use crate::harness::dev_with_identity_config;
use answer::{Answer, differences};
use keys::Keys;
use request::{Case, Request};

/// Where the issuer was when the cases were recorded.
const RECORDED_ISSUER: &str = "http://localhost:9000";
const CONFIGURATION: &str = include_str!("../../parity/config.yaml");
const CASES: &str = include_str!("../../parity/cases.json");
const CASES_OF_1_8_8: &str = include_str!("../../parity/cases-v1.8.8.json");

#[derive(Deserialize)]
struct RecordedCase {
    send: Case,
    expect: Value,
}

#[tokio::test]
async fn every_recorded_request_is_answered_as_fulcio_answers_it() {
    replay(CASES, 200).await;
}

#[tokio::test]
async fn every_request_recorded_from_version_1_8_8_is_answered_as_it_answers() {
    replay(CASES_OF_1_8_8, 368).await;
}

/// Sends every request and fails with all answers that differ.
async fn replay(cases: &str, number: usize) {
    let issuer = Issuer::start().await.unwrap();
    let configuration = CONFIGURATION.replace(RECORDED_ISSUER, issuer.url());
    let server = dev_with_identity_config(&configuration).await;
    let client = client();
    let mut keys = Keys::new();
    let cases: BTreeMap<String, RecordedCase> = serde_json::from_str(cases).unwrap();
    assert_eq!(cases.len(), number);
    let mut wrong = Vec::new();
    for (name, case) in &cases {
        let request = case.send.request(&issuer, &mut keys);
        let answer = send(&client, server.url(), &request, issuer.url()).await;
        let different = match answer {
            Ok(answer) => differences(&case.expect, &answer),
            Err(error) => vec![format!("no answer: {error:#}")],
        };
        if !different.is_empty() {
            wrong.push(format!("{name}: {}", different.join("; ")));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases differ:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(std::time::Duration::from_secs(30))
        .build()
        .unwrap()
}

/// Sends a request and describes the answer.
async fn send(
    client: &reqwest::Client,
    target: &str,
    request: &Request,
    base: &str,
) -> anyhow::Result<Value> {
    let url = format!("{target}{}", request.path);
    let mut builder = client.request(request.method.clone(), url);
    for (name, value) in &request.headers {
        builder = builder.header(*name, value);
    }
    let response = builder.body(request.body.clone()).send().await?;
    let header = |name: &str| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let answer = Answer {
        status: response.status().as_u16(),
        content_type: header("content-type").unwrap_or_default(),
        has_sct_header: response.headers().contains_key("sct"),
        body: response.bytes().await?.to_vec(),
    };
    answer.describe(&request.path, base)
}
