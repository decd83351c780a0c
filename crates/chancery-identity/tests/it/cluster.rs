//! The Kubernetes cluster that the server runs in: who gets its service account's token.

use serde_json::{Value, json};
use tempfile::TempDir;

use chancery_identity::{HttpPolicy, IdentityConfig, InCluster, Issuers, IssuersOptions, Timings};

use crate::issuer::{TestKey, code, now};
use crate::keys::pass;
use crate::tls::{TlsIssuer, ok, token};

const CLUSTER: &str = "https://kubernetes.default.svc";

/// What is mounted into a pod.
struct Pod(TempDir);

impl Pod {
    fn new(ca: &str, token: &str) -> Self {
        let pod = Self(tempfile::tempdir().unwrap());
        pod.write("ca.crt", ca);
        pod.write("token", token);
        pod
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.0.path().join(name), content).unwrap();
    }

    fn in_cluster(&self) -> InCluster {
        let path = |name: &str| {
            let path = self.0.path().join(name).to_str().unwrap().to_owned();
            &*Box::leak(path.into_boxed_str())
        };
        InCluster::at([path("none.crt"), path("ca.crt")], path("token"))
    }

    fn issuers(&self, config: &Value) -> Issuers {
        let config = IdentityConfig::parse(config.to_string().as_bytes(), "test").unwrap();
        let options = IssuersOptions {
            allow_http: HttpPolicy::Refuse,
            in_cluster: self.in_cluster(),
            timings: Timings::default(),
            ..IssuersOptions::default()
        };
        Issuers::new(config, options).unwrap()
    }
}

/// What a service account has of the cluster whose issuer is `url`.
fn service_token(url: &str, id: &str) -> String {
    let claims = json!({"iss": url, "jti": id, "sub": "system:serviceaccount:ca:chancery"});
    TestKey::rogue("cluster").token(&json!({}), &claims)
}

fn entry(kind: &str) -> Value {
    json!({"client-id": "sigstore", "type": kind})
}

/// A configuration that knows the cluster, and another issuer of type `kubernetes`.
fn config(url: &str) -> Value {
    json!({"oidc-issuers": {CLUSTER: entry("kubernetes"), url: entry("kubernetes")}})
}

fn bearer(request: &str) -> Option<&str> {
    request
        .lines()
        .find_map(|line| line.strip_prefix("authorization: Bearer "))
}

async fn outcome(issuers: &Issuers, url: &str) -> &'static str {
    code(&issuers.authenticate(&token(url), now()).await)
}

#[tokio::test]
async fn the_cluster_is_asked_with_its_ca_and_the_token_of_the_moment() {
    let issuer = TlsIssuer::start(None);
    let (first, second) = (
        service_token(&issuer.url, "1"),
        service_token(&issuer.url, "2"),
    );
    let pod = Pod::new(&issuer.ca, &format!("{first}\n"));
    let issuers = pod.issuers(&config(&issuer.url));
    assert_eq!(outcome(&issuers, &issuer.url).await, "accepted");
    pod.write("token", &second);
    pass(std::time::Duration::from_secs(25 * 60 * 60)).await;
    assert_eq!(outcome(&issuers, &issuer.url).await, "accepted");
    let requests = issuer.requests();
    let tokens: Vec<_> = requests.iter().map(|request| bearer(request)).collect();
    let (first, second) = (Some(first.as_str()), Some(second.as_str()));
    assert_eq!(tokens, [first, first, second, second]);
}

#[tokio::test]
async fn a_ca_that_was_replaced_is_believed_from_the_next_fetch_on() {
    let issuer = TlsIssuer::start(None);
    let pod = Pod::new(&TlsIssuer::start(None).ca, "t");
    let issuers = pod.issuers(&config(&issuer.url));
    assert_eq!(outcome(&issuers, &issuer.url).await, "issuer-unavailable");
    pod.write("ca.crt", &issuer.ca);
    pass(std::time::Duration::from_secs(10)).await;
    assert_eq!(outcome(&issuers, &issuer.url).await, "accepted");
}

#[tokio::test]
async fn only_fixed_issuers_of_type_kubernetes_get_it_and_only_beside_the_cluster() {
    let issuer = TlsIssuer::start(None);
    let secret = service_token(&issuer.url, "t");
    let pod = Pod::new(&issuer.ca, &secret);
    let mut with_ca = entry("email");
    with_ca["ca-cert"] = json!(issuer.ca);
    let mut alone = entry("kubernetes");
    alone["ca-cert"] = json!(issuer.ca);
    let pattern = format!("{}/id/*", issuer.url);
    let under_pattern = format!("{}/id/x", issuer.url);
    for (config, url) in [
        (
            json!({"oidc-issuers": {CLUSTER: entry("kubernetes"), &issuer.url: with_ca}}),
            &issuer.url,
        ),
        (json!({"oidc-issuers": {&issuer.url: alone}}), &issuer.url),
        (
            json!({
                "oidc-issuers": {CLUSTER: entry("kubernetes")},
                "meta-issuers": {pattern: alone},
            }),
            &under_pattern,
        ),
    ] {
        let before = issuer.requests().len();
        let issuers = pod.issuers(&config);
        outcome(&issuers, url).await;
        let requests = issuer.requests();
        assert!(requests.len() > before, "{config}");
        assert!(
            requests.iter().all(|request| bearer(request).is_none()),
            "{config}"
        );
    }
    // A pattern that stands for the cluster makes it known, too.
    let config = json!({
        "oidc-issuers": {&issuer.url: entry("kubernetes")},
        "meta-issuers": {"https://*.default.svc": entry("kubernetes")},
    });
    assert_eq!(
        outcome(&pod.issuers(&config), &issuer.url).await,
        "accepted"
    );
    let last = issuer.requests().pop().unwrap();
    assert_eq!(bearer(&last), Some(secret.as_str()));
}

#[tokio::test]
async fn another_cluster_does_not_get_the_token_of_this_one() {
    let issuer = TlsIssuer::start(None);
    for secret in [
        service_token(CLUSTER, "t"),
        service_token("https://localhost", "t"), // another port
        service_token(&issuer.url.replace("https", "http"), "t"),
        "opaque".to_owned(),
    ] {
        let pod = Pod::new(&issuer.ca, &secret);
        let issuers = pod.issuers(&config(&issuer.url));
        assert_eq!(outcome(&issuers, &issuer.url).await, "accepted");
        let requests = issuer.requests();
        assert!(requests.iter().all(|request| bearer(request).is_none()));
    }
}

#[tokio::test]
async fn keys_on_another_origin_are_fetched_without_the_token() {
    let keys = TlsIssuer::answering(|_, _| {
        ok(&json!({"keys": [TestKey::rsa("rsa", "RS256").jwk()]}).to_string())
    });
    let issuer = TlsIssuer::start(Some(format!("{}/keys", keys.url)));
    let secret = service_token(&issuer.url, "t");
    let pod = Pod::new(&format!("{}{}", issuer.ca, keys.ca), &secret);
    let issuers = pod.issuers(&config(&issuer.url));
    assert_eq!(outcome(&issuers, &issuer.url).await, "accepted");
    assert_eq!(bearer(&issuer.requests()[0]), Some(secret.as_str()));
    assert_eq!(keys.requests().len(), 1);
    assert_eq!(bearer(&keys.requests()[0]), None);
}

#[tokio::test]
async fn the_token_goes_along_with_no_redirect() {
    let thief = TlsIssuer::start(None);
    let to = format!("{}/.well-known/openid-configuration", thief.url);
    let elsewhere = TlsIssuer::answering(move |_, _| {
        format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
    });
    let within = TlsIssuer::answering(|_, _| {
        "HTTP/1.1 302 Found\r\nlocation: /moved\r\ncontent-length: 0\r\n\r\n".to_owned()
    });
    for issuer in [&elsewhere, &within] {
        let secret = service_token(&issuer.url, "t");
        let pod = Pod::new(&format!("{}{}", issuer.ca, thief.ca), &secret);
        let issuers = pod.issuers(&config(&issuer.url));
        assert_eq!(outcome(&issuers, &issuer.url).await, "issuer-unavailable");
        assert_eq!(issuer.requests().len(), 1);
    }
    assert_eq!(thief.requests().len(), 0);
}

#[tokio::test]
async fn outside_of_a_cluster_nothing_is_missed() {
    let issuer = TlsIssuer::start(None);
    let pod = Pod::new(&issuer.ca, "");
    let issuers = pod.issuers(&config(&issuer.url));
    assert_eq!(outcome(&issuers, &issuer.url).await, "accepted");
    assert!(
        issuer
            .requests()
            .iter()
            .all(|request| bearer(request).is_none())
    );
}

#[tokio::test]
async fn a_token_file_that_is_no_text_makes_the_issuer_unavailable() {
    let issuer = TlsIssuer::start(None);
    for token in ["a\nb", "\u{7f}"] {
        let pod = Pod::new(&issuer.ca, token);
        let issuers = pod.issuers(&config(&issuer.url));
        assert_eq!(outcome(&issuers, &issuer.url).await, "issuer-unavailable");
    }
}
