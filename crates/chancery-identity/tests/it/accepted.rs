//! Tokens that are accepted, and what becomes of them.

use serde_json::{Value, json};

use chancery_identity::{IssuerAddress, Principal, Timings};

use crate::issuer::{ALGORITHMS, TestIssuer, TestKey, code, issuers, now};

#[tokio::test]
async fn a_token_of_every_algorithm_is_accepted() {
    let issuer = TestIssuer::start().await;
    let keys: Vec<TestKey> = ALGORITHMS.map(|name| TestKey::new(name, name)).into();
    issuer.set_keys(keys.clone());
    let issuers = issuer.trusted();
    for key in keys {
        let with_kid = key.token(&json!({"kid": key.kid}), &issuer.claims());
        assert_eq!(
            code(&issuers.authenticate(&with_kid, now()).await),
            "accepted",
            "{}",
            key.kid
        );
        let without = key.token(&json!({}), &issuer.claims());
        assert_eq!(
            code(&issuers.authenticate(&without, now()).await),
            "accepted",
            "{}",
            key.kid
        );
    }
    assert_eq!((issuer.discoveries(), issuer.key_fetches()), (1, 1));
}

#[tokio::test]
async fn what_ci_issuers_leave_out_is_not_missed() {
    let issuer = TestIssuer::start().await;
    let issuers = issuer.trusted();
    let mut claims = issuer.claims();
    claims["aud"] = json!(["x", "sigstore"]);
    claims["email_verified"] = json!("true");
    claims["exp"] = json!(99_999_999_999.5);
    claims["sub"] = Value::Null;
    claims["address"] = json!("not an object");
    let principal = issuers
        .authenticate(&issuer.token(&claims), now())
        .await
        .unwrap();
    assert_eq!(principal.subject(), "");
    assert_eq!(principal.extensions().subject, None);
    assert_eq!(candidates(&principal), ["alice@example.test"]);
}

#[tokio::test]
async fn a_principal_says_what_the_certificate_will_say() {
    let issuer = TestIssuer::start().await;
    let principal = issuer
        .trusted()
        .authenticate(&issuer.token(&issuer.claims()), now())
        .await
        .unwrap();
    assert_eq!(principal.name(), "alice@example.test");
    assert_eq!(principal.email(), Some("alice@example.test"));
    assert_eq!(principal.subject(), "u1");
    assert_eq!(principal.issuer(), issuer.url());
    assert_eq!(principal.san().to_string(), "alice@example.test");
    assert_eq!(principal.extensions().issuer, issuer.url());
    assert_eq!(principal.extensions().subject.as_deref(), Some("u1"));
    assert_eq!(candidates(&principal), ["alice@example.test", "u1"]);
}

#[tokio::test]
async fn each_type_has_its_name() {
    let issuer = TestIssuer::start().await;
    let url = |path: &str| format!("{}{path}", issuer.url());
    let config = json!({
        "oidc-issuers": {
            url("/k8s"): {"client-id": "sigstore", "type": "kubernetes"},
            url("/spiffe"): {
                "client-id": "sigstore", "type": "spiffe", "spiffe-trust-domain": "example.org",
            },
            url("/uri"): {
                "client-id": "sigstore", "type": "uri", "subject-domain": "http://localhost",
            },
            url("/username"): {
                "client-id": "sigstore", "type": "username", "subject-domain": "localhost",
            },
        },
        "meta-issuers": {url("/meta/*"): {"client-id": "sigstore", "type": "kubernetes"}},
    });
    let issuers = issuers(&config, Timings::default());
    let account = json!({"namespace": "ns1", "serviceaccount": {"name": "sa1"}});
    for (path, subject, san) in [
        (
            "/k8s",
            "system:x",
            "https://kubernetes.io/namespaces/ns1/serviceaccounts/sa1",
        ),
        (
            "/meta/a-1",
            "system:x",
            "https://kubernetes.io/namespaces/ns1/serviceaccounts/sa1",
        ),
        (
            "/spiffe",
            "spiffe://example.org/a",
            "spiffe://example.org/a",
        ),
        ("/uri", "http://localhost/a b", "http://localhost/a%20b"),
        ("/username", "bob", "bob!localhost"),
    ] {
        let mut claims = issuer.claims();
        claims["iss"] = json!(url(path));
        claims["sub"] = json!(subject);
        claims["kubernetes.io"] = account.clone();
        let principal = issuers
            .authenticate(&issuer.token(&claims), now())
            .await
            .unwrap();
        assert_eq!(principal.san().to_string(), san, "{path}");
        assert_eq!(principal.issuer(), url(path));
        // The name is the subject as the issuer wrote it; a proof may be over the e-mail, too.
        assert_eq!(principal.name(), subject);
        assert_eq!(candidates(&principal), [subject, "alice@example.test"]);
    }
    let configured = issuers.configured();
    let last = configured.last().unwrap();
    assert!(matches!(last.address, IssuerAddress::Wildcard(_)));
}

#[tokio::test]
async fn a_certificate_says_of_builds_and_of_federated_people_what_the_issuers_types_say() {
    let issuer = TestIssuer::start().await;
    let url = |path: &str| format!("{}{path}", issuer.url());
    let config = json!({
        "oidc-issuers": {
            url("/dex"): {
                "client-id": "sigstore", "type": "email", "issuer-claim": "$.federated.id",
            },
            url("/chainguard"): {"client-id": "sigstore", "type": "chainguard-identity"},
        },
        "meta-issuers": {
            url("/ci/*"): {"client-id": "sigstore", "type": "ci-provider", "ci-provider": "x"},
        },
        "ci-issuer-metadata": {"x": {
            "extension-templates": {"build-trigger": "sub", "run-invocation-uri": "run {{.run}}"},
            "subject-alternative-name-template": "https://x.test/{{.run}}",
        }},
    });
    let issuers = issuers(&config, Timings::default());
    let login = async |path: &str| {
        let mut claims = issuer.claims();
        claims["iss"] = json!(url(path));
        claims["federated"] = json!({"id": "https://other.test"});
        claims["run"] = json!(9_007_199_254_740_993_u64);
        let token = issuer.token(&claims);
        issuers.authenticate(&token, now()).await.unwrap()
    };
    let federated = login("/dex").await;
    assert_eq!(federated.extensions().issuer, "https://other.test");
    assert_eq!(federated.issuer(), url("/dex"));

    let build = login("/ci/1").await;
    assert_eq!(build.name(), "u1");
    assert_eq!(build.san().to_string(), "https://x.test/9007199254740993");
    let said: Vec<_> = build.extensions().present().collect();
    let ci = url("/ci/1");
    assert_eq!(
        said,
        [
            ("issuer", ci.as_str()),
            ("build_trigger", "u1"),
            ("run_invocation_uri", "run 9007199254740993"),
            ("subject", "u1"),
        ]
    );

    let image = login("/chainguard").await;
    assert_eq!(image.san().to_string(), url("/chainguard/u1"));
    assert_eq!(candidates(&image), ["alice@example.test", "u1"]);
    let configured = issuers.configured();
    let types = configured.iter().map(|known| known.issuer_type);
    assert_eq!(
        types.collect::<Vec<_>>(),
        ["chainguard-identity", "email", "ci-provider"]
    );
}

#[tokio::test]
async fn keys_may_be_on_another_host() {
    let (issuer, keys) = (TestIssuer::start().await, TestIssuer::start().await);
    issuer.set_keys_url(&format!("{}/keys", keys.url()));
    let token = issuer.token(&issuer.claims());
    assert_eq!(
        code(&issuer.trusted().authenticate(&token, now()).await),
        "accepted"
    );
    assert_eq!((issuer.key_fetches(), keys.key_fetches()), (0, 1));
}

#[tokio::test]
async fn an_issuer_with_a_slash_at_its_end_is_asked_with_one_slash() {
    let issuer = TestIssuer::start().await;
    let url = format!("{}/", issuer.url());
    let config = json!({"oidc-issuers": {&url: {"client-id": "sigstore", "type": "email"}}});
    let mut claims = issuer.claims();
    claims["iss"] = json!(url);
    let issuers = issuers(&config, Timings::default());
    let outcome = issuers.authenticate(&issuer.token(&claims), now()).await;
    // Asked at /.well-known, this issuer calls itself by the name without the slash.
    assert_eq!(code(&outcome), "issuer-unavailable");
    assert_eq!((issuer.discoveries(), issuer.key_fetches()), (1, 0));
}

fn candidates(principal: &Principal) -> Vec<&str> {
    principal.proof_candidates().collect()
}
