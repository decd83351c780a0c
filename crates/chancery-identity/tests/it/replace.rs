//! One configuration in the place of another, while tokens come.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;

use chancery_identity::{IdentityConfig, Timings};

use crate::issuer::{Answer, TestIssuer, code, issuers, now};
use crate::policy::entry;

fn config(of: &Value) -> IdentityConfig {
    let yaml = yaml_serde::to_string(of).unwrap();
    IdentityConfig::parse(yaml.as_bytes(), "new").unwrap()
}

#[tokio::test]
async fn a_new_configuration_holds_at_once_and_keeps_the_keys() {
    let issuer = TestIssuer::start().await;
    let pattern = format!("{}/meta/*", issuer.url());
    let document = |members: Value| {
        json!({
            "oidc-issuers": {issuer.url(): entry(members.clone())},
            "meta-issuers": {&pattern: entry(members)},
        })
    };
    let issuers = issuers(&document(json!({})), Timings::default());
    let mut meta = issuer.claims();
    meta["iss"] = json!(format!("{}/meta/a", issuer.url()));
    let tokens = [issuer.token(&issuer.claims()), issuer.token(&meta)];
    for token in &tokens {
        assert_eq!(code(&issuers.authenticate(token, now()).await), "accepted");
    }
    let rules = json!({"deny": [{"name": "alice", "claims": {"email": "alice@example.test"}}]});
    for (members, expected) in [(rules, "rule-denied"), (json!({}), "accepted")] {
        issuers.replace(config(&document(members))).unwrap();
        for token in &tokens {
            assert_eq!(code(&issuers.authenticate(token, now()).await), expected);
        }
    }
    assert_eq!((issuer.discoveries(), issuer.key_fetches()), (2, 2));
    // Another way to the keys leads to other keys.
    let certificate = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let changed = document(json!({"ca-cert": certificate.cert.pem()}));
    issuers.replace(config(&changed)).unwrap();
    for token in &tokens {
        assert_eq!(code(&issuers.authenticate(token, now()).await), "accepted");
    }
    assert_eq!(issuer.discoveries(), 4);
    let other = json!({"oidc-issuers": {"http://localhost:1": entry(json!({}))}});
    issuers.replace(config(&other)).unwrap();
    for token in &tokens {
        assert_eq!(
            code(&issuers.authenticate(token, now()).await),
            "issuer-unknown"
        );
    }
}

#[tokio::test]
async fn a_bad_configuration_leaves_the_old_one_in_force() {
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    let bad = json!({"oidc-issuers": {
        "http://localhost:1": entry(json!({})),
        issuer.url(): {"client-id": "sigstore", "type": "e-mail"},
    }});
    let error = issuers.replace(config(&bad)).unwrap_err().to_string();
    assert!(
        error.starts_with("new: issuer http://localhost:"),
        "{error}"
    );
    let token = issuer.token(&issuer.claims());
    assert_eq!(code(&issuers.authenticate(&token, now()).await), "accepted");
    assert_eq!(issuers.configured().len(), 1);
}

#[tokio::test]
async fn a_token_that_is_being_looked_at_is_judged_by_the_old_configuration() {
    let issuer = TestIssuer::start().await;
    let gate = Arc::new(Notify::new());
    issuer.answer_discovery(Answer::GoodAfter(Arc::clone(&gate)));
    let issuers = issuer.trusted();
    let token = issuer.token(&issuer.claims());
    let under_way = {
        let (issuers, token) = (Arc::clone(&issuers), token.clone());
        tokio::spawn(async move { code(&issuers.authenticate(&token, now()).await) })
    };
    while issuer.discoveries() == 0 {
        tokio::task::yield_now().await;
    }
    let other = json!({"oidc-issuers": {"http://localhost:1": entry(json!({}))}});
    issuers.replace(config(&other)).unwrap();
    assert_eq!(
        code(&issuers.authenticate(&token, now()).await),
        "issuer-unknown"
    );
    gate.notify_one();
    assert_eq!(under_way.await.unwrap(), "accepted");
}

#[tokio::test]
async fn what_was_counted_counts_on_while_the_limit_is_the_same() {
    let issuer = TestIssuer::start().await;
    let document = |burst: u32, audience: &str| {
        let limit = json!({"per-issuer": {"per-minute": 1, "burst": burst}});
        let members = json!({"rate-limit": limit, "audiences": [audience]});
        json!({"oidc-issuers": {issuer.url(): entry(members)}})
    };
    let issuers = issuers(&document(1, "a"), Timings::default());
    let token = issuer.token(&issuer.claims());
    assert_eq!(code(&issuers.authenticate(&token, now()).await), "accepted");
    for (burst, expected) in [(1, "rate-limited"), (2, "accepted")] {
        issuers.replace(config(&document(burst, "b"))).unwrap();
        assert_eq!(code(&issuers.authenticate(&token, now()).await), expected);
    }
}
