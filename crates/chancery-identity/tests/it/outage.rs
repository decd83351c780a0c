//! Issuers that are down, slow, hostile or contradict themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use chancery_identity::{FailureClass, Issuers, Timings};

use crate::issuer::{Answer, TestIssuer, code, issuers, now};
use crate::keys::pass;

/// Issuers are waited for only briefly, but long enough for a busy machine to send the request.
fn brief() -> Timings {
    Timings {
        fetch: Duration::from_secs(2),
        ..Timings::default()
    }
}

#[tokio::test]
async fn a_hanging_issuer_is_asked_once_for_all_that_wait() {
    let issuer = TestIssuer::start().await;
    issuer.answer_discovery(Answer::Hang);
    let issuers = issuer.trusted_with(brief());
    let started = Instant::now();
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (issuers, token) = (Arc::clone(&issuers), issuer.token(&issuer.claims()));
        waiting.spawn(async move { code(&issuers.authenticate(&token, now()).await) });
    }
    assert_eq!(waiting.join_all().await, ["issuer-unavailable"; 20]);
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(issuer.discoveries(), 1);
}

#[tokio::test]
async fn keys_that_hang_are_waited_for_within_the_same_time() {
    let issuer = TestIssuer::start().await;
    issuer.answer_keys(Answer::Hang);
    let issuers = issuer.trusted_with(brief());
    assert_eq!(outcome(&issuer, &issuers).await, "issuer-unavailable");
}

#[tokio::test]
async fn a_caller_that_hangs_up_neither_stops_nor_repeats_the_fetch() {
    let issuer = TestIssuer::start().await;
    let gate = Arc::new(Notify::new());
    issuer.answer_discovery(Answer::GoodAfter(Arc::clone(&gate)));
    let issuers = issuer.trusted();
    let token = issuer.token(&issuer.claims());
    tokio::select! {
        _ = issuers.authenticate(&token, now()) => panic!("answered before the issuer was"),
        () = until(|| issuer.discoveries() == 1) => {}
    }
    for _ in 0..5 {
        tokio::select! {
            biased;
            _ = issuers.authenticate(&token, now()) => panic!("answered before the issuer was"),
            () = tokio::task::yield_now() => {}
        }
    }
    gate.notify_one();
    assert_eq!(outcome(&issuer, &issuers).await, "accepted");
    assert_eq!(issuer.discoveries(), 1);
}

#[tokio::test]
async fn a_failure_is_remembered_for_ten_seconds() {
    let issuer = TestIssuer::start().await;
    issuer.answer_discovery(Answer::Status(500));
    let issuers = issuer.trusted();
    for _ in 0..5 {
        assert_eq!(outcome(&issuer, &issuers).await, "issuer-unavailable");
    }
    assert_eq!(issuer.discoveries(), 1);
    pass(Duration::from_secs(4)).await;
    let error = issuers
        .authenticate(&issuer.token(&issuer.claims()), now())
        .await
        .unwrap_err();
    let FailureClass::Unavailable { retry_after } = error.class() else {
        panic!("{error}")
    };
    assert_eq!(retry_after, Duration::from_secs(6));
    assert!(error.to_string().contains("try again in 6 s"), "{error}");
    issuer.answer_discovery(Answer::Good);
    pass(Duration::from_secs(6)).await;
    assert_eq!(outcome(&issuer, &issuers).await, "accepted");
    assert_eq!(issuer.discoveries(), 2);
}

#[tokio::test]
async fn a_dead_issuer_is_in_nobody_elses_way() {
    let (dead, alive) = (TestIssuer::start().await, TestIssuer::start().await);
    dead.answer_discovery(Answer::Hang);
    let entry = json!({"client-id": "sigstore", "type": "email"});
    let config = json!({"oidc-issuers": {dead.url(): entry, alive.url(): entry}});
    let issuers = issuers(&config, Timings::default());
    let (waiting, token) = (Arc::clone(&issuers), dead.token(&dead.claims()));
    let waiting = tokio::spawn(async move { code(&waiting.authenticate(&token, now()).await) });
    until(|| dead.discoveries() == 1).await;
    assert_eq!(outcome(&alive, &issuers).await, "accepted");
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn known_keys_outlive_an_outage_of_a_day_but_not_more() {
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    assert_eq!(outcome(&issuer, &issuers).await, "accepted");
    issuer.answer_discovery(Answer::Status(503));
    pass(Duration::from_secs(11 * 60)).await;
    assert_eq!(outcome(&issuer, &issuers).await, "accepted");
    until(|| issuer.discoveries() == 2).await;
    pass(Duration::from_secs(23 * 60 * 60)).await;
    assert_eq!(outcome(&issuer, &issuers).await, "accepted");
    pass(Duration::from_secs(60 * 60)).await;
    assert_eq!(outcome(&issuer, &issuers).await, "issuer-unavailable");
    issuer.answer_discovery(Answer::Good);
    pass(Duration::from_secs(10)).await;
    assert_eq!(outcome(&issuer, &issuers).await, "accepted");
}

#[tokio::test]
async fn an_issuer_that_hangs_delays_nobody_whose_keys_are_at_hand() {
    for (age, patience) in [
        (11 * 60, Duration::ZERO),
        (60 * 60, Duration::from_millis(500)),
    ] {
        let issuer = TestIssuer::start().await;
        let issuers = issuer.trusted();
        assert_eq!(outcome(&issuer, &issuers).await, "accepted");
        issuer.answer_discovery(Answer::Hang);
        pass(Duration::from_secs(age)).await;
        tokio::time::pause(); // time goes on only where everybody waits for it
        let started = tokio::time::Instant::now();
        assert_eq!(outcome(&issuer, &issuers).await, "accepted");
        assert!(started.elapsed() <= patience + Duration::from_millis(1));
        tokio::time::resume();
        until(|| issuer.discoveries() == 2).await;
        assert_eq!(outcome(&issuer, &issuers).await, "accepted");
        assert_eq!(issuer.discoveries(), 2);
        // Once it has failed, nobody waits at all, however old the keys are.
        pass(Duration::from_secs(5)).await;
        settle().await;
        pass(Duration::from_secs(10 * 60 * 60)).await;
        tokio::time::pause();
        let started = tokio::time::Instant::now();
        assert_eq!(outcome(&issuer, &issuers).await, "accepted");
        assert_eq!(started.elapsed(), Duration::ZERO);
        tokio::time::resume();
        until(|| issuer.discoveries() == 3).await;
    }
}

#[tokio::test]
async fn an_unknown_key_during_an_outage_may_be_good_later() {
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    assert_eq!(outcome(&issuer, &issuers).await, "accepted");
    issuer.answer_keys(Answer::Status(500));
    let unknown = crate::issuer::TestKey::new("new", "ES256");
    let token = unknown.token(&json!({"kid": "new"}), &issuer.claims());
    assert_eq!(
        code(&issuers.authenticate(&token, now()).await),
        "issuer-unavailable"
    );
    assert_eq!(outcome(&issuer, &issuers).await, "accepted");
}

#[tokio::test]
async fn an_issuer_that_contradicts_itself_is_unavailable() {
    let issuer = TestIssuer::start().await;
    let document = |issuer: &str, keys: &str| {
        Answer::Body(json!({"issuer": issuer, "jwks_uri": keys}).to_string())
    };
    let url = issuer.url();
    for (name, answer) in [
        (
            "another name",
            document("https://elsewhere.test", &format!("{url}/keys")),
        ),
        (
            "a slash more",
            document(&format!("{url}/"), &format!("{url}/keys")),
        ),
        ("keys in a file", document(url, "file:///etc/passwd")),
        ("keys nowhere", document(url, "keys")),
        ("no JSON", Answer::Body("<html>".into())),
        ("no keys", Answer::Body(json!({"issuer": url}).to_string())),
        ("not found", Answer::Status(404)),
        ("no content", Answer::Status(204)),
        ("a fast one", Answer::Status(304)),
    ] {
        issuer.answer_discovery(answer);
        assert_eq!(
            outcome(&issuer, &issuer.trusted()).await,
            "issuer-unavailable",
            "{name}"
        );
    }
    issuer.answer_discovery(Answer::Good);
    for body in [
        "",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":[]}"#,
        "\u{1f}\u{8b}\u{8}",
    ] {
        issuer.answer_keys(Answer::Body(body.into()));
        assert_eq!(
            outcome(&issuer, &issuer.trusted()).await,
            "issuer-unavailable",
            "{body}"
        );
    }
}

#[tokio::test]
async fn redirects_stay_on_the_origin_and_are_few() {
    let (issuer, other) = (TestIssuer::start().await, TestIssuer::start().await);
    let elsewhere = format!("{}/.well-known/openid-configuration", other.url());
    issuer.answer_discovery(Answer::Redirect(elsewhere));
    assert_eq!(
        outcome(&issuer, &issuer.trusted()).await,
        "issuer-unavailable"
    );
    assert_eq!(other.discoveries(), 0);
    let again = format!("{}/.well-known/openid-configuration", issuer.url());
    let before = issuer.discoveries();
    issuer.answer_discovery(Answer::Redirect(again));
    assert_eq!(
        outcome(&issuer, &issuer.trusted()).await,
        "issuer-unavailable"
    );
    assert_eq!(issuer.discoveries() - before, 4);
    // The keys' path answers everything: the configuration is there, one redirect away.
    let document = json!({"issuer": issuer.url(), "jwks_uri": format!("{}/keys", issuer.url())});
    issuer.answer_discovery(Answer::Redirect("/moved".into()));
    issuer.answer_keys(Answer::Body(merged(&document, &issuer)));
    assert_eq!(outcome(&issuer, &issuer.trusted()).await, "accepted");
}

/// One document that is both, so that it can answer wherever it is asked.
fn merged(configuration: &Value, issuer: &TestIssuer) -> String {
    let mut both = configuration.clone();
    both["keys"] = json!([crate::issuer::TestKey::rsa("rsa", "RS256").jwk()]);
    assert_eq!(both["issuer"], issuer.url());
    both.to_string()
}

#[tokio::test]
async fn a_body_of_80_mb_is_not_read_beyond_its_cap() {
    for head in ["content-length: 80000000", "transfer-encoding: chunked"] {
        let issuer = TestIssuer::start().await;
        let (url, sent) = flood(head).await;
        issuer.set_keys_url(&url);
        assert_eq!(
            outcome(&issuer, &issuer.trusted()).await,
            "issuer-unavailable"
        );
        let sent = sent.await.unwrap();
        assert!(sent < 16 << 20, "{head}: {sent} octets were taken");
    }
}

#[tokio::test]
async fn a_body_that_drips_ends_with_the_time() {
    let issuer = TestIssuer::start().await;
    let (url, drops) = drip().await;
    issuer.set_keys_url(&url);
    let started = Instant::now();
    let timings = Timings {
        fetch: Duration::from_secs(2),
        ..brief()
    };
    assert_eq!(
        outcome(&issuer, &issuer.trusted_with(timings)).await,
        "issuer-unavailable"
    );
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(drops.load(Ordering::SeqCst) > 1, "it dripped");
}

/// Lets the other tasks run until something has happened.
async fn until(happened: impl Fn() -> bool) {
    while !happened() {
        tokio::task::yield_now().await;
    }
}

/// Lets the other tasks run until none has anything left to do.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Answers one request with an octet each 10 ms, and counts them.
pub(crate) async fn drip() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let drops = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&drops);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
            .await
            .unwrap();
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        while stream.write_all(b" ").await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
            tick.tick().await;
        }
    });
    (url, drops)
}

/// Answers one request with 80 MB, and tells how much of it was taken.
pub(crate) async fn flood(head: &'static str) -> (String, tokio::task::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let sending = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await.unwrap();
        let head = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let chunk = [
            format!("{:x}\r\n", 1 << 16).as_bytes(),
            &[b' '; 1 << 16],
            b"\r\n",
        ]
        .concat();
        let mut sent = 0;
        while sent < 80_000_000 && stream.write_all(&chunk).await.is_ok() {
            sent += chunk.len();
        }
        sent
    });
    (url, sending)
}

async fn outcome(issuer: &TestIssuer, issuers: &Issuers) -> &'static str {
    code(
        &issuers
            .authenticate(&issuer.token(&issuer.claims()), now())
            .await,
    )
}
