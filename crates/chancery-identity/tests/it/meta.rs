//! Issuers by pattern: nothing is asked that the pattern does not stand for.

use serde_json::json;

use chancery_identity::Timings;

use crate::issuer::{Answer, TestIssuer, TestKey, code, issuers, now};
use crate::tls::{self, TlsIssuer};

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

/// Listeners on one port of 127.0.0.2 to 127.0.0.9.
fn canaries() -> (u16, Vec<std::net::TcpListener>) {
    let first = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
    let port = first.local_addr().unwrap().port();
    let mut all = vec![first];
    for last in 3..=9 {
        all.push(std::net::TcpListener::bind((format!("127.0.0.{last}"), port)).unwrap());
    }
    for canary in &all {
        canary.set_nonblocking(true).unwrap();
    }
    (port, all)
}

/// How many of them have been connected to.
fn disturbed(canaries: &[std::net::TcpListener]) -> usize {
    let connected = |canary: &&std::net::TcpListener| canary.accept().is_ok();
    canaries.iter().filter(connected).count()
}

#[tokio::test]
async fn a_host_that_a_token_chooses_leads_nowhere_inside() {
    let (port, canaries) = canaries();
    let mut entries = serde_json::Map::new();
    for pattern in [
        format!("http://*.0.0.2:{port}/x"),
        format!("http://*.0.2:{port}/x"),
        format!("http://*.x.0.3:{port}/x"),
        format!("http://*.example.test:{port}/*"),
    ] {
        entries.insert(pattern, json!({"client-id": "sigstore", "type": "email"}));
    }
    let issuers = issuers(&json!({"meta-issuers": entries}), Timings::default());
    let issuer = TestIssuer::start().await;
    for (iss, expected) in [
        ("http://127.0.0.2:@/x", "issuer-unavailable"),
        ("http://0x7f.0.0.2:@/x", "issuer-unavailable"),
        ("http://0177.0.0.2:@/x", "issuer-unavailable"),
        ("http://127.0.2:@/x", "issuer-unavailable"),
        ("http://127.0.0.3:@/x", "issuer-unknown"),
        ("http://[::ffff:127.0.0.2]:@/x", "issuer-unknown"),
        (
            "http://127.0.0.2:@/x?y=http://a.example.test:@/x",
            "issuer-unknown",
        ),
        (
            "http://127.0.0.2:@/x#http://a.example.test:@/x",
            "issuer-unknown",
        ),
        ("http://127.0.0.2:@\\.example.test:@/x", "issuer-unknown"),
        ("http://a.example.test:@@127.0.0.2:@/x", "issuer-unknown"),
        ("http://a.example.test.127.0.0.2:@/x", "issuer-unknown"),
        ("http://127.0.0.2:@/x/a.example.test:@/x", "issuer-unknown"),
        ("http://a.example.test:@/x\n", "issuer-unknown"),
        ("http://127.0.0.2%2f.example.test:@/x", "issuer-unknown"),
    ] {
        let mut claims = issuer.claims();
        claims["iss"] = json!(iss.replace(":@", &format!(":{port}")));
        let refused = issuers.authenticate(&issuer.token(&claims), now()).await;
        assert_eq!(code(&refused), expected, "{iss}");
    }
    assert_eq!(disturbed(&canaries), 0);
}

#[tokio::test]
async fn addresses_that_a_token_brings_along_are_not_asked() {
    let (port, canaries) = canaries();
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    let key = TestKey::rogue("rogue");
    let url = format!("http://127.0.0.2:{port}/keys");
    for header in [
        json!({"kid": "rogue", "jku": url}),
        json!({"kid": "rogue", "x5u": url}),
        json!({"kid": url}),
        json!({"kid": "rogue", "jwk": key.jwk(), "jku": url, "x5u": url, "iss": url}),
    ] {
        let refused = issuers
            .authenticate(&key.token(&header, &issuer.claims()), now())
            .await;
        assert_eq!(code(&refused), "key-unknown", "{header}");
    }
    assert_eq!(disturbed(&canaries), 0);
}

#[tokio::test]
async fn no_issuer_redirects_to_where_it_is_not() {
    let (port, canaries) = canaries();
    let issuer = TestIssuer::start().await;
    for to in [
        format!("http://127.0.0.2:{port}/latest/meta-data"),
        format!("//127.0.0.3:{port}/"),
        format!("http://localhost@127.0.0.4:{port}/"),
    ] {
        for answer in [TestIssuer::answer_discovery, TestIssuer::answer_keys] {
            issuer.answer_discovery(Answer::Good);
            issuer.answer_keys(Answer::Good);
            answer(&issuer, Answer::Redirect(to.clone()));
            let token = issuer.token(&issuer.claims());
            let refused = issuer.trusted().authenticate(&token, now()).await;
            assert_eq!(code(&refused), "issuer-unavailable", "{to}");
        }
    }
    assert_eq!(disturbed(&canaries), 0);
}

#[tokio::test]
async fn a_tenant_of_a_host_cannot_name_one_inside_for_its_keys() {
    let (port, canaries) = canaries();
    let keys_url = format!("https://127.0.0.2:{port}/keys");
    let issuer = TlsIssuer::answering(move |url, _| {
        let configuration = json!({"issuer": format!("{url}/tenant"), "jwks_uri": keys_url});
        tls::ok(&configuration.to_string())
    });
    let brief = Timings {
        fetch: std::time::Duration::from_millis(500),
        ..Timings::default()
    };
    for (inside, connections) in [(false, 0), (true, 1)] {
        let entry = json!({
            "client-id": "sigstore", "type": "email", "ca-cert": issuer.ca,
            "allow-private-addresses": inside,
        });
        let pattern = format!("{}/*", issuer.url);
        let issuers = issuers(&json!({"meta-issuers": {pattern: entry}}), brief);
        let token = tls::token(&format!("{}/tenant", issuer.url));
        let before = issuer.requests().len();
        let refused = issuers.authenticate(&token, now()).await;
        assert_eq!(code(&refused), "issuer-unavailable");
        assert!(issuer.requests().len() > before);
        assert_eq!(disturbed(&canaries), connections);
    }
}

#[tokio::test]
async fn an_operator_may_let_a_pattern_lead_inside_and_configure_an_issuer_there() {
    let (port, canaries) = canaries();
    let entry = |inside: bool| json!({"client-id": "sigstore", "type": "email", "allow-private-addresses": inside});
    let url = format!("http://127.0.0.2:{port}/x");
    let pattern = format!("http://*.0.0.2:{port}/x");
    let brief = Timings {
        fetch: std::time::Duration::from_millis(300),
        ..Timings::default()
    };
    let issuer = TestIssuer::start().await;
    let mut claims = issuer.claims();
    claims["iss"] = json!(url);
    for (config, connections) in [
        (json!({"meta-issuers": {&pattern: entry(false)}}), 0),
        (json!({"meta-issuers": {&pattern: entry(true)}}), 1),
        (json!({"oidc-issuers": {&url: entry(false)}}), 1),
    ] {
        let shown = issuers(&config, brief)
            .authenticate(&issuer.token(&claims), now())
            .await;
        assert_eq!(code(&shown), "issuer-unavailable");
        assert_eq!(disturbed(&canaries), connections, "{config}");
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
