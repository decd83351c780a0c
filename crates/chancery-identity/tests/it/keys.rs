//! Which keys are taken from an issuer's key set, and when they are asked for anew.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use chancery_identity::Issuers;

use crate::issuer::{Answer, TestIssuer, TestKey, b64, code, now};

#[tokio::test]
async fn a_flood_of_unknown_keys_causes_two_fetches() {
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    let mut flood = tokio::task::JoinSet::new();
    for number in 0..200 {
        let issuers = Arc::clone(&issuers);
        let token =
            TestKey::rogue("x").token(&json!({"kid": format!("x{number}")}), &issuer.claims());
        flood.spawn(async move { code(&issuers.authenticate(&token, now()).await) });
    }
    for outcome in flood.join_all().await {
        assert_eq!(outcome, "key-unknown");
    }
    // One after the other, too.
    for _ in 0..50 {
        let token = TestKey::rogue("x").token(&json!({"kid": "x"}), &issuer.claims());
        assert_eq!(
            code(&issuers.authenticate(&token, now()).await),
            "key-unknown"
        );
    }
    assert_eq!((issuer.discoveries(), issuer.key_fetches()), (1, 2));
}

#[tokio::test]
async fn a_new_key_is_found_at_once_and_again_after_the_window() {
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    assert_eq!(outcome(&issuer, &issuers).await, "accepted");
    issuer.set_keys([TestKey::new("b", "ES256")]);
    assert_eq!(outcome(&issuer, &issuers).await, "accepted");
    issuer.set_keys([TestKey::new("c", "ES256")]);
    assert_eq!(outcome(&issuer, &issuers).await, "key-unknown");
    pass(Duration::from_secs(10)).await;
    assert_eq!(outcome(&issuer, &issuers).await, "accepted");
    assert_eq!((issuer.discoveries(), issuer.key_fetches()), (1, 3));
}

#[tokio::test]
async fn a_new_key_without_a_name_is_found() {
    for (old, new) in [("RS256", "ES256"), ("ES256", "ES256")] {
        let issuer = TestIssuer::start().await;
        let issuers = issuer.trusted();
        for algorithm in [old, new] {
            let key = TestKey::new("", algorithm);
            issuer.set_keys([key.clone()]);
            let token = key.token(&json!({}), &issuer.claims());
            assert_eq!(
                code(&issuers.authenticate(&token, now()).await),
                "accepted",
                "{old}"
            );
        }
        assert_eq!(issuer.key_fetches(), 2);
    }
}

#[tokio::test]
async fn a_key_that_was_taken_back_is_refused_after_ten_minutes() {
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    let token = issuer.token(&issuer.claims());
    let shown = async || code(&issuers.authenticate(&token, now()).await);
    assert_eq!(shown().await, "accepted");
    issuer.set_keys([TestKey::new("b", "ES256")]);
    pass(Duration::from_secs(10 * 60 - 1)).await;
    assert_eq!(shown().await, "accepted");
    assert_eq!(issuer.discoveries(), 1);
    pass(Duration::from_secs(1)).await;
    // The first one after ten minutes waits for nobody, but makes the keys known to all others.
    assert_eq!(shown().await, "accepted");
    while shown().await == "accepted" {
        tokio::task::yield_now().await;
    }
    assert_eq!(shown().await, "key-unknown");
    assert_eq!(issuer.discoveries(), 2);
}

#[tokio::test]
async fn a_key_that_was_taken_back_is_refused_at_once_after_twenty_minutes() {
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    let token = issuer.token(&issuer.claims());
    assert_eq!(code(&issuers.authenticate(&token, now()).await), "accepted");
    issuer.set_keys([TestKey::new("b", "ES256")]);
    pass(Duration::from_secs(20 * 60)).await;
    let late = issuers.authenticate(&token, now()).await;
    assert_eq!(code(&late), "key-unknown");
}

#[tokio::test]
async fn a_key_that_was_replaced_under_its_name_is_refused() {
    let issuer = TestIssuer::start().await;
    let (old, new) = (TestKey::new("k", "ES256"), TestKey::new("k", "ES256"));
    let issuers = issuer.trusted();
    let shown = async |key: &TestKey| {
        let token = key.token(&json!({"kid": "k"}), &issuer.claims());
        code(&issuers.authenticate(&token, now()).await)
    };
    issuer.set_keys([old.clone()]);
    assert_eq!(shown(&old).await, "accepted");
    issuer.set_keys([new.clone()]);
    // The name is known, so that a forger cannot cause a fetch; age does.
    assert_eq!(shown(&new).await, "signature-invalid");
    pass(Duration::from_secs(20 * 60)).await;
    assert_eq!(shown(&new).await, "accepted");
    assert_eq!(shown(&old).await, "signature-invalid");
    assert_eq!((issuer.discoveries(), issuer.key_fetches()), (2, 2));
    issuer.set_keys([new.clone(), TestKey::new("l", "ES256")]);
    pass(Duration::from_secs(20 * 60)).await;
    assert_eq!(shown(&new).await, "accepted");
}

#[tokio::test]
async fn fetching_keys_alone_does_not_make_the_configuration_younger() {
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    assert_eq!(outcome(&issuer, &issuers).await, "accepted");
    let unknown = TestKey::rogue("x").token(&json!({"kid": "x"}), &issuer.claims());
    for _ in 0..3 {
        pass(Duration::from_secs(5 * 60)).await;
        let refused = issuers.authenticate(&unknown, now()).await;
        assert_eq!(code(&refused), "key-unknown");
    }
    assert_eq!((issuer.discoveries(), issuer.key_fetches()), (2, 4));
}

#[tokio::test]
async fn a_name_that_two_keys_share_finds_the_right_one() {
    let issuer = TestIssuer::start().await;
    let second = TestKey::new("same", "ES256");
    issuer.set_keys([
        TestKey::new("same", "ES256"),
        TestKey::rsa("same", "RS256"),
        second.clone(),
    ]);
    let token = second.token(&json!({"kid": "same"}), &issuer.claims());
    assert_eq!(
        code(&issuer.trusted().authenticate(&token, now()).await),
        "accepted"
    );
}

#[tokio::test]
async fn keys_that_cannot_verify_are_skipped() {
    let issuer = TestIssuer::start().await;
    let good = TestKey::rsa("good", "RS256");
    let with = |name: &str, value: Value| {
        let mut jwk = good.jwk();
        jwk["kid"] = json!("bad");
        jwk[name] = value;
        jwk
    };
    let modulus = |octets: usize| json!(b64([&[0x80], vec![1; octets - 1].as_slice()].concat()));
    let mut off_curve = TestKey::new("bad", "ES256").jwk();
    off_curve["y"] = json!(b64([1; 32]));
    let mut short = TestKey::new("bad", "ES256").jwk();
    short["x"] = json!(b64([1; 31]));
    for bad in [
        with("use", json!("enc")),
        with("alg", json!("RSA-OAEP")),
        with("alg", json!("ES256")),
        with("key_ops", json!(["encrypt"])),
        with("d", json!("AQ")),
        with("kty", json!("EC")),
        with("kty", json!("AKP")),
        with("kty", json!(null)),
        with("n", json!("!")),
        with("n", json!("")),
        with("n", json!(7)),
        with("n", modulus(64)),
        with("n", modulus(128)),
        with("n", modulus(255)),
        with("n", modulus(1025)),
        with("e", json!("AQ")),
        with("e", json!("Ag")),
        with("e", json!(b64([1, 0, 0, 0, 1]))),
        with("kid", json!(1)),
        json!({"kty": "oct", "k": b64("secret"), "kid": "bad", "alg": "HS256"}),
        json!({"kty": "OKP", "crv": "X25519", "x": b64([9; 32]), "kid": "bad"}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": b64([9; 31]), "kid": "bad"}),
        json!("a key"),
        off_curve,
        short,
    ] {
        issuer.set_keys([good.clone()]);
        issuer.set_more_keys([bad.clone()]);
        let issuers = issuer.trusted();
        assert_eq!(outcome(&issuer, &issuers).await, "accepted", "beside {bad}");
        let token = good.token(&json!({"kid": "bad"}), &issuer.claims());
        assert_eq!(
            code(&issuers.authenticate(&token, now()).await),
            "key-unknown",
            "{bad}"
        );
        issuer.set_keys([]);
        let alone = issuer.trusted().authenticate(&token, now()).await;
        assert_eq!(code(&alone), "issuer-unavailable", "{bad}");
    }
}

#[tokio::test]
async fn a_key_whose_numbers_are_padded_is_taken() {
    let issuer = TestIssuer::start().await;
    let key = TestKey::rsa("padded", "RS256");
    let mut jwk = key.jwk();
    jwk["e"] = json!(b64([0, 1, 0, 1]) + "==");
    jwk.as_object_mut().unwrap().remove("use");
    issuer.set_more_keys([jwk]);
    let token = key.token(&json!({"kid": "padded"}), &issuer.claims());
    assert_eq!(
        code(&issuer.trusted().authenticate(&token, now()).await),
        "accepted"
    );
}

#[tokio::test]
async fn a_key_set_of_more_than_a_hundred_keys_is_refused() {
    let issuer = TestIssuer::start().await;
    let other = |_| json!({"kty": "oct"});
    issuer.set_more_keys((0..99).map(other));
    assert_eq!(outcome(&issuer, &issuer.trusted()).await, "accepted");
    issuer.set_more_keys((0..100).map(other));
    assert_eq!(
        outcome(&issuer, &issuer.trusted()).await,
        "issuer-unavailable"
    );
    let many = vec![r#"{"kty":"oct"}"#; 200_000].join(",");
    issuer.answer_keys(Answer::Body(format!("{{\"keys\":[{many}]}}")));
    assert_eq!(
        outcome(&issuer, &issuer.trusted()).await,
        "issuer-unavailable"
    );
}

async fn outcome(issuer: &TestIssuer, issuers: &Issuers) -> &'static str {
    code(
        &issuers
            .authenticate(&issuer.token(&issuer.claims()), now())
            .await,
    )
}

/// Lets time pass on the caches' clock, without waiting.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
