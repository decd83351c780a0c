//! What issuers that misbehave cost, in figures: `cargo test -p chancery-identity figures --
//! --nocapture`. They are measured in a process of their own, in which no other test runs.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use chancery_identity::{Issuers, Timings};

use crate::issuer::{Answer, NOW, TestIssuer, TestKey, b64, code, issuers, now};
use crate::outage::{drip, flood};

#[test]
fn issuers_that_misbehave_cost_little_and_disturb_nobody() {
    let alone = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "figures::measured_alone",
            "--ignored",
            "--nocapture",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&alone.stdout).into_owned();
    let errors = String::from_utf8_lossy(&alone.stderr);
    assert!(alone.status.success(), "{text}{errors}");
    let figures: Vec<&str> = text.lines().filter(|line| line.contains(" = ")).collect();
    println!("{}", figures.join("\n"));
    assert_eq!(figures.len(), 9, "{text}");
}

#[tokio::test]
#[ignore = "run by issuers_that_misbehave_cost_little_and_disturb_nobody"]
async fn measured_alone() {
    let good = TestIssuer::start().await;
    warm_up(&good).await;
    unknown_keys(&good).await;
    huge_key_set().await;
    hanging().await;
    among_the_bad(&good).await;
}

/// Makes everything that is made once.
async fn warm_up(good: &TestIssuer) {
    let token = good.token(&good.claims());
    let shown = good.trusted().authenticate(&token, now()).await;
    assert_eq!(code(&shown), "accepted");
}

async fn unknown_keys(good: &TestIssuer) {
    let trusted = good.trusted();
    warm(&trusted, good).await;
    let before = good.discoveries() + good.key_fetches();
    let key = TestKey::new("x", "EdDSA");
    for number in 0..200 {
        let token = key.token(&json!({"kid": format!("x{number}")}), &good.claims());
        let refused = trusted.authenticate(&token, now()).await;
        assert_eq!(code(&refused), "key-unknown");
    }
    let fetches = good.discoveries() + good.key_fetches() - before;
    println!("fetches for 200 tokens with unknown keys = {fetches}");
    assert!(fetches <= 2);
}

async fn huge_key_set() {
    let huge = TestIssuer::start().await;
    let (url, sent) = flood("content-length: 80000000").await;
    huge.set_keys_url(&url);
    let trusted = huge.trusted();
    let before = memory_now();
    let token = huge.token(&huge.claims());
    let started = Instant::now();
    let refused = trusted.authenticate(&token, now()).await;
    assert_eq!(code(&refused), "issuer-unavailable");
    let added = peak_memory() - before;
    println!("memory added by a key set of 80 MB = {added} KiB");
    println!("time until it is given up = {:?}", started.elapsed());
    println!("octets of it that were taken = {}", sent.await.unwrap());
    assert!(added < 20 * 1024);
}

async fn hanging() {
    let hanging = TestIssuer::start().await;
    hanging.answer_discovery(Answer::Hang);
    let trusted = hanging.trusted();
    let started = Instant::now();
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (trusted, token) = (Arc::clone(&trusted), hanging.token(&hanging.claims()));
        waiting.spawn(async move { code(&trusted.authenticate(&token, now()).await) });
    }
    assert_eq!(waiting.join_all().await, ["issuer-unavailable"; 20]);
    let (elapsed, discoveries) = (started.elapsed(), hanging.discoveries());
    println!("discoveries for 20 requests to a hanging issuer = {discoveries}");
    println!("time until the 20 are answered = {elapsed:?}");
    assert!(discoveries == 1 && elapsed < Duration::from_secs(5));
}

async fn among_the_bad(good: &TestIssuer) {
    let bad = bad_issuers().await;
    let entry = json!({"client-id": "sigstore", "type": "email"});
    let mut entries = serde_json::Map::new();
    for url in bad.iter().map(String::as_str).chain([good.url()]) {
        entries.insert(url.to_owned(), entry.clone());
    }
    let started = Instant::now();
    let all = issuers(&json!({"oidc-issuers": entries}), Timings::default());
    let start = started.elapsed();
    println!("time to start with {} bad issuers = {start:?}", bad.len());
    assert!(start < Duration::from_secs(1));
    warm(&all, good).await;
    let before = median(&all, good).await;
    let memory = memory_now();
    let mut waiting = tokio::task::JoinSet::new();
    for url in bad {
        let mut claims = good.claims();
        claims["iss"] = json!(url);
        let (all, token) = (Arc::clone(&all), good.token(&claims));
        waiting.spawn(async move { code(&all.authenticate(&token, now()).await) });
    }
    tokio::task::yield_now().await;
    let meanwhile = median(&all, good).await;
    while let Some(outcome) = waiting.join_next().await {
        assert_eq!(outcome.unwrap(), "issuer-unavailable");
    }
    let added = peak_memory() - memory;
    println!("a good issuer's token alone, and among the bad = {before:?}, {meanwhile:?}");
    println!("memory added by all of them = {added} KiB");
    assert!(added < 20 * 1024);
    assert!(meanwhile < before * 10 + Duration::from_millis(20));
}

/// Starts one issuer of each bad kind.
async fn bad_issuers() -> Vec<String> {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut urls = vec![format!("http://{}", closed.local_addr().unwrap())];
    drop(closed);
    let lie = json!({"issuer": "https://elsewhere.test", "jwks_uri": "https://elsewhere.test"});
    let text = |text: &str| Answer::Body(text.to_owned());
    for answer in [
        Answer::Hang,
        Answer::Status(500),
        Answer::Redirect("http://127.0.0.9:1/".into()),
        text(&lie.to_string()),
        text("<html>"),
        text(""),
        text(&"[".repeat(500_000)),
    ] {
        let issuer = TestIssuer::start().await;
        issuer.answer_discovery(answer);
        urls.push(issuer.url().to_owned());
    }
    let many = vec![r#"{"kty":"oct"}"#; 200_000].join(",");
    let few = vec!["0"; 250_000].join(",");
    for answer in [
        text(""),
        text("nonsense"),
        text(&keys(&[])),
        text(&keys(&[json!({"kty": "oct", "k": "c2VjcmV0"})])),
        text(&keys(&[short_rsa()])),
        text(&format!("{{\"keys\":[{many}]}}")),
        text(&format!("{{\"keys\":[{few}]}}")),
        text(&format!("{{\"keys\":{}", "[".repeat(500_000))),
        Answer::Gzip(bomb(80_000_000)),
    ] {
        let issuer = TestIssuer::start().await;
        issuer.answer_keys(answer);
        urls.push(issuer.url().to_owned());
    }
    for keys_url in [drip().await.0, flood("transfer-encoding: chunked").await.0] {
        let issuer = TestIssuer::start().await;
        issuer.set_keys_url(&keys_url);
        urls.push(issuer.url().to_owned());
    }
    urls
}

fn keys(keys: &[Value]) -> String {
    json!({"keys": keys}).to_string()
}

fn short_rsa() -> Value {
    let modulus = [&[0x80], [1; 63].as_slice()].concat();
    json!({"kty": "RSA", "n": b64(modulus), "e": "AQAB"})
}

async fn warm(issuers: &Issuers, good: &TestIssuer) {
    let token = good.token(&good.claims());
    assert_eq!(code(&issuers.authenticate(&token, now()).await), "accepted");
}

/// How long a token takes whose issuer's keys are known.
async fn median(issuers: &Issuers, good: &TestIssuer) -> Duration {
    let mut claims = good.claims();
    claims["exp"] = json!(NOW + 60);
    let token = good.token(&claims);
    let mut times = Vec::new();
    for _ in 0..200 {
        let started = Instant::now();
        let shown = issuers.authenticate(&token, now()).await;
        times.push(started.elapsed());
        assert_eq!(code(&shown), "accepted");
        tokio::task::yield_now().await;
    }
    times.sort_unstable();
    times[times.len() / 2]
}

/// Begins to watch how much memory this process has, and returns it, in KiB (proc(5)).
fn memory_now() -> usize {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    peak_memory()
}

/// Returns the most that it has had since.
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.unwrap().trim().trim_end_matches(" kB");
    number.parse().unwrap()
}

/// Makes a gzip file of so many zeros (RFC 1951, section 3.2.6: a literal, then runs of 258).
fn bomb(octets: usize) -> Vec<u8> {
    let mut bits = vec![true, true, false];
    let mut push = |code: u32, length: u32| {
        bits.extend((0..length).rev().map(|bit| code >> bit & 1 == 1));
    };
    push(0x30, 8);
    for _ in 0..octets / 258 {
        push(0xc5, 8);
        push(0, 5);
    }
    push(0, 7);
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let octet = |bits: &[bool]| {
        bits.iter()
            .rev()
            .fold(0, |octet, &bit| octet << 1 | u8::from(bit))
    };
    head.into_iter().chain(bits.chunks(8).map(octet)).collect()
}
