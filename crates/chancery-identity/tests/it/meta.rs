//! Issuers by pattern: nothing is asked that the pattern does not stand for.

use serde_json::json;
use tokio::net::TcpListener;

use chancery_identity::Timings;

use crate::issuer::{TestIssuer, code, issuers, now};

#[tokio::test]
async fn what_no_pattern_stands_for_is_not_asked() {
    let issuer = TestIssuer::start().await;
    let pattern = format!("{}/meta/*", issuer.url());
    let entry = json!({"client-id": "sigstore", "type": "email"});
    let issuers = issuers(
        &json!({"meta-issuers": {&pattern: entry}}),
        Timings::default(),
    );
    for (path, expected) in [
        ("/meta/abc-1", "accepted"),
        ("/meta/a.b", "issuer-unknown"),
        ("/meta/", "issuer-unknown"),
        ("/meta", "issuer-unknown"),
        ("/meta/a/b", "issuer-unknown"),
        ("/meta/a/", "issuer-unknown"),
        ("/meta/a\n", "issuer-unknown"),
        ("/meta/a?x", "issuer-unknown"),
        ("/meta/*", "issuer-unknown"),
        ("/x/meta/a", "issuer-unknown"),
    ] {
        let mut claims = issuer.claims();
        claims["iss"] = json!(format!("{}{path}", issuer.url()));
        let outcome = issuers.authenticate(&issuer.token(&claims), now()).await;
        assert_eq!(code(&outcome), expected, "{path}");
    }
    assert_eq!((issuer.discoveries(), issuer.key_fetches()), (1, 1));
}

#[tokio::test]
async fn a_host_that_a_token_chooses_leads_nowhere_inside() {
    let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = inside.local_addr().unwrap().port();
    let pattern = format!("http://*.0.0.1:{port}/x");
    let entry = json!({"client-id": "sigstore", "type": "email"});
    let config = json!({"meta-issuers": {pattern: entry}});
    let issuer = TestIssuer::start().await;
    let mut claims = issuer.claims();
    claims["iss"] = json!(format!("http://127.0.0.1:{port}/x"));
    let issuers = issuers(&config, Timings::default());
    let refused = issuers.authenticate(&issuer.token(&claims), now()).await;
    assert_eq!(code(&refused), "issuer-unavailable");
    tokio::select! {
        biased;
        _ = inside.accept() => panic!("somebody asked inside"),
        () = std::future::ready(()) => {}
    }
}

#[tokio::test]
async fn a_fixed_issuer_comes_before_a_pattern_and_a_long_pattern_before_a_short_one() {
    let issuer = TestIssuer::start().await;
    let url = |path: &str| format!("{}{path}", issuer.url());
    let entry = |audience: &str| json!({"client-id": audience, "type": "email"});
    let config = json!({
        "oidc-issuers": {url("/a-fixed"): entry("fixed")},
        "meta-issuers": {url("/*"): entry("short"), url("/a-*"): entry("long")},
    });
    let issuers = issuers(&config, Timings::default());
    for (path, audience) in [("/a-fixed", "fixed"), ("/a-x", "long"), ("/b", "short")] {
        let mut claims = issuer.claims();
        claims["iss"] = json!(url(path));
        claims["aud"] = json!(audience);
        assert_eq!(
            code(&issuers.authenticate(&issuer.token(&claims), now()).await),
            "accepted"
        );
    }
}

#[tokio::test]
async fn issuers_that_are_invented_push_out_none_that_is_in_use() {
    let issuer = TestIssuer::start().await;
    let pattern = format!("{}/meta/*", issuer.url());
    let entry = json!({"client-id": "sigstore", "type": "email"});
    let issuers = issuers(
        &json!({"meta-issuers": {pattern: entry}}),
        Timings::default(),
    );
    let mut claims = issuer.claims();
    let used = json!(format!("{}/meta/used", issuer.url()));
    claims["iss"] = used.clone();
    assert_eq!(
        code(&issuers.authenticate(&issuer.token(&claims), now()).await),
        "accepted"
    );
    claims["exp"] = json!(1); // refused before anybody is asked, but remembered
    for number in 0..300 {
        claims["iss"] = json!(format!("{}/meta/{number}", issuer.url()));
        issuers
            .authenticate(&issuer.token(&claims), now())
            .await
            .unwrap_err();
    }
    let mut claims = issuer.claims();
    claims["iss"] = used;
    assert_eq!(
        code(&issuers.authenticate(&issuer.token(&claims), now()).await),
        "accepted"
    );
    assert_eq!(issuer.discoveries(), 1);
}
