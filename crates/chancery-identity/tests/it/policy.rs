//! What the operator adds to Fulcio's configuration: several entries, rules, ages, uses, limits.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use chancery_identity::{FailureClass, Issuers, Timings};

use crate::issuer::{NOW, TestIssuer, code, issuers, now};
use crate::keys::pass;

/// An entry of type `email` with these members besides.
pub(crate) fn entry(members: Value) -> Value {
    let mut entry = json!({"client-id": "sigstore", "type": "email"});
    let Value::Object(members) = members else {
        panic!("members")
    };
    entry.as_object_mut().unwrap().extend(members);
    entry
}

async fn outcome(issuer: &TestIssuer, issuers: &Issuers, changes: Value) -> &'static str {
    let mut claims = issuer.claims();
    let Value::Object(changes) = changes else {
        panic!("changes")
    };
    claims.as_object_mut().unwrap().extend(changes);
    code(&issuers.authenticate(&issuer.token(&claims), now()).await)
}

#[tokio::test]
async fn a_token_chooses_an_entry_by_its_audience() {
    let issuer = TestIssuer::start().await;
    let issuers = issuers(
        &json!({"oidc-issuers": {issuer.url(): [
            entry(json!({"audiences": ["second"]})),
            entry(json!({"client-id": "users", "type": "username", "subject-domain": "localhost"})),
        ]}}),
        Timings::default(),
    );
    for (audience, san) in [
        (json!("sigstore"), "alice@example.test"),
        (json!("second"), "alice@example.test"),
        (json!("users"), "u1!localhost"),
        (json!(["x", "users"]), "u1!localhost"),
        // The one that the configuration names first.
        (json!(["users", "second"]), "alice@example.test"),
    ] {
        let mut claims = issuer.claims();
        claims["aud"] = audience.clone();
        let principal = issuers.authenticate(&issuer.token(&claims), now()).await;
        assert_eq!(principal.unwrap().san().to_string(), san, "{audience}");
    }
    let mut claims = issuer.claims();
    claims["aud"] = json!("other");
    let refused = issuers.authenticate(&issuer.token(&claims), now()).await;
    let said = refused.unwrap_err().to_string();
    assert!(
        said.contains(r#""sigstore" or "second" or "users""#),
        "{said}"
    );
    // Both entries share the issuer's keys.
    assert_eq!((issuer.discoveries(), issuer.key_fetches()), (1, 1));
}

#[tokio::test]
async fn rules_decide_after_the_signature_and_before_the_identity() {
    let issuer = TestIssuer::start().await;
    let issuers = issuers(
        &json!({"oidc-issuers": {issuer.url(): entry(json!({
            "allow": [{"name": "ours", "claims": {"owner": "acme", "ref": {"glob": "refs/tags/*"}}}],
            "deny": [{"name": "forks", "claims": {"fork": true}}],
        }))}}),
        Timings::default(),
    );
    let good = json!({"owner": "acme", "ref": "refs/tags/v1"});
    assert_eq!(outcome(&issuer, &issuers, good).await, "accepted");
    for (changes, expected) in [
        (
            json!({"owner": "evil", "ref": "refs/tags/v1"}),
            "rule-not-allowed",
        ),
        (json!({"owner": "acme"}), "rule-not-allowed"),
        (json!({"owner": "evil", "email": null}), "rule-not-allowed"),
        (
            json!({"owner": "acme", "ref": "refs/tags/v1", "fork": true}),
            "rule-denied",
        ),
    ] {
        assert_eq!(outcome(&issuer, &issuers, changes).await, expected);
    }
    let mut claims = issuer.claims();
    claims["owner"] = json!("evil");
    let forged = crate::issuer::TestKey::rogue("rsa").token(&json!({"kid": "rsa"}), &claims);
    let refused = issuers.authenticate(&forged, now()).await;
    assert_eq!(code(&refused), "signature-invalid");
}

#[tokio::test]
async fn an_old_token_is_refused_if_age_is_limited() {
    let issuer = TestIssuer::start().await;
    let limited = issuers(
        &json!({"oidc-issuers": {issuer.url(): entry(json!({"max-token-age-s": 300}))}}),
        Timings::default(),
    );
    for (issued, expected) in [
        (json!(NOW), "accepted"),
        (json!(NOW - 300), "accepted"),
        (json!(NOW - 301), "token-too-old"),
        (json!(NOW + 60), "accepted"),
        (json!(NOW + 61), "token-issued-in-future"),
        (Value::Null, "token-issued-at-missing"),
        (json!("now"), "token-time-malformed"),
    ] {
        let changes = json!({"iat": issued});
        assert_eq!(
            outcome(&issuer, &limited, changes).await,
            expected,
            "{issued}"
        );
    }
}

#[tokio::test]
async fn a_principal_carries_lifetime_and_use() {
    let issuer = TestIssuer::start().await;
    let members = json!({"once-only": true, "certificate-lifetime-s": 120, "max-token-age-s": 300});
    let issuers = issuers(
        &json!({"oidc-issuers": {
            issuer.url(): entry(members),
            format!("{}/plain", issuer.url()): entry(json!({})),
        }}),
        Timings::default(),
    );
    let mut claims = issuer.claims();
    claims["iat"] = json!(NOW - 10);
    for id in [Value::Null, json!(""), json!(7), json!("x".repeat(4097))] {
        claims["jti"] = id.clone();
        let refused = issuers.authenticate(&issuer.token(&claims), now()).await;
        assert_eq!(code(&refused), "token-id-missing", "{id}");
    }
    let mut digests = Vec::new();
    for id in ["a", "b", "a"] {
        claims["jti"] = json!(id);
        let principal = issuers
            .authenticate(&issuer.token(&claims), now())
            .await
            .unwrap();
        assert_eq!(principal.lifetime(), Some(Duration::from_secs(120)));
        let once = principal.once().unwrap();
        // It will be too old before it expires.
        assert_eq!(once.expires(), UNIX_EPOCH + Duration::from_secs(NOW + 290));
        digests.push(once.digest());
    }
    assert!(digests[0] == digests[2] && digests[0] != digests[1]);
    claims["iss"] = json!(format!("{}/plain", issuer.url()));
    let principal = issuers
        .authenticate(&issuer.token(&claims), now())
        .await
        .unwrap();
    assert_eq!((principal.lifetime(), principal.once()), (None, None));
}

#[tokio::test]
async fn an_identity_that_asks_too_often_waits_alone_and_strangers_cannot_spend_for_it() {
    let issuer = TestIssuer::start().await;
    let limit = json!({"per-identity": {"per-minute": 6, "burst": 2}});
    let issuers = issuers(
        &json!({"oidc-issuers": {issuer.url(): entry(json!({"rate-limit": limit}))}}),
        Timings::default(),
    );
    let forged =
        crate::issuer::TestKey::rogue("rsa").token(&json!({"kid": "rsa"}), &issuer.claims());
    for _ in 0..5 {
        let refused = issuers.authenticate(&forged, now()).await;
        assert_eq!(code(&refused), "signature-invalid");
    }
    for expected in ["accepted", "accepted", "rate-limited"] {
        assert_eq!(outcome(&issuer, &issuers, json!({})).await, expected);
    }
    let refused = issuers
        .authenticate(&issuer.token(&issuer.claims()), now())
        .await
        .unwrap_err();
    let FailureClass::Limited { retry_after } = refused.class() else {
        panic!("{refused}")
    };
    assert_eq!(retry_after, Duration::from_secs(10));
    assert!(
        refused.to_string().contains("try again in 10 s"),
        "{refused}"
    );
    let bob = json!({"email": "bob@example.test"});
    assert_eq!(outcome(&issuer, &issuers, bob).await, "accepted");
    pass(retry_after).await;
    assert_eq!(outcome(&issuer, &issuers, json!({})).await, "accepted");
}
