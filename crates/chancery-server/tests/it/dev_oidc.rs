//! Logging in at the development identity provider, and what it does not let happen.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_log::clock::Clock as _;
use chancery_server::dev_oidc::DEV_IDENTITY_GRANT;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::service::{Answer, Service, encoded};

const VERIFIER: &str = "a-verifier-of-at-least-43-characters-0123456789";
const REDIRECT: &str = "http://127.0.0.1:4321/auth/callback";
const TOKEN: &str = "/dev-oidc/token";

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

/// A good authorization request with some fields put in place of its own.
fn authorization(changes: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let good = [
        ("response_type", "code"),
        ("client_id", "sigstore"),
        ("redirect_uri", REDIRECT),
        ("scope", "openid email"),
        ("state", "st&te"),
        ("nonce", "n0nce"),
        ("code_challenge", &challenge()),
        ("code_challenge_method", "S256"),
        ("prompt", "none"),
        ("login_hint", "dev@chancery.test"),
    ];
    let kept = good
        .iter()
        .filter(|(name, _)| changes.iter().all(|(n, _)| n != name));
    kept.chain(changes)
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect()
}

async fn authorize(service: &Service, changes: &[(&'static str, &str)]) -> Answer {
    let fields = authorization(changes);
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    service
        .get(&format!("/dev-oidc/auth?{}", encoded(&fields)))
        .await
}

/// Returns a parameter of the redirection.
fn redirected(answer: &Answer, name: &str) -> Option<String> {
    assert_eq!(answer.status, 303, "{}", answer.text());
    let to = answer.header("location");
    assert!(to.starts_with(REDIRECT), "{to}");
    let to = Url::parse(to).unwrap();
    to.query_pairs()
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.into_owned())
}

async fn log_in(service: &Service) -> String {
    let answer = authorize(service, &[]).await;
    assert_eq!(redirected(&answer, "state").as_deref(), Some("st&te"));
    redirected(&answer, "code").unwrap()
}

async fn redeem(service: &Service, code: &str, changes: &[(&str, &str)]) -> Answer {
    let good = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("code_verifier", VERIFIER),
        ("redirect_uri", REDIRECT),
        ("client_id", "sigstore"),
    ];
    let kept = good
        .iter()
        .filter(|(name, _)| changes.iter().all(|(n, _)| n != name));
    let fields: Vec<_> = kept.chain(changes).copied().collect();
    service.post_form(TOKEN, &fields).await
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn assert_refused(answer: &Answer, error: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(answer.json()["error"], error, "{}", answer.text());
}

#[tokio::test]
async fn a_login_by_code_and_pkce_gives_a_token_for_who_logged_in() {
    let service = Service::start().await;
    let answer = redeem(&service, &log_in(&service).await, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.json();
    assert_eq!(body["access_token"], body["id_token"]);
    let now = service
        .clock
        .now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let claims = claims(body["id_token"].as_str().unwrap());
    assert_eq!(claims["jti"].as_str().map(str::len), Some(32));
    let expected = json!({
        "iss": format!("{}/dev-oidc", service.url),
        "sub": "dev:dev@chancery.test",
        "aud": "sigstore",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
        "email": "dev@chancery.test",
        "email_verified": true,
        "jti": claims["jti"],
        "nonce": "n0nce",
    });
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn a_code_is_good_once_for_a_minute_and_for_its_own_client() {
    let service = Service::start().await;
    let code = log_in(&service).await;
    assert_eq!(redeem(&service, &code, &[]).await.status, 200);
    assert_refused(&redeem(&service, &code, &[]).await, "invalid_grant");

    let wrong: [(&str, &str); 3] = [
        (
            "code_verifier",
            "another-verifier-of-at-least-43-characters-012",
        ),
        ("redirect_uri", "http://127.0.0.1:4321/elsewhere"),
        ("client_id", "another"),
    ];
    for change in wrong {
        let code = log_in(&service).await;
        assert_refused(&redeem(&service, &code, &[change]).await, "invalid_grant");
        // The code is spent: nobody gets to try again.
        assert_refused(&redeem(&service, &code, &[]).await, "invalid_grant");
    }
    let code = log_in(&service).await;
    assert_refused(
        &redeem(&service, &code, &[("code_verifier", "")]).await,
        "invalid_request",
    );

    let code = log_in(&service).await;
    service
        .clock
        .set(service.clock.now() + Duration::from_secs(61));
    assert_refused(&redeem(&service, &code, &[]).await, "invalid_grant");
}

#[tokio::test]
async fn without_pkce_by_s256_nobody_is_logged_in() {
    let service = Service::start().await;
    let changes: [&[(&'static str, &str)]; 4] = [
        &[("code_challenge", "")],
        &[("code_challenge_method", "")],
        &[("code_challenge_method", "plain")],
        &[("code_challenge", "short")],
    ];
    for change in changes {
        let answer = authorize(&service, change).await;
        assert_eq!(
            redirected(&answer, "error").as_deref(),
            Some("invalid_request"),
            "{change:?}"
        );
        assert_eq!(redirected(&answer, "state").as_deref(), Some("st&te"));
        assert_eq!(redirected(&answer, "code"), None);
    }
    let token = authorize(&service, &[("response_type", "token")]).await;
    assert_eq!(
        redirected(&token, "error").as_deref(),
        Some("unsupported_response_type")
    );
    let nobody = authorize(&service, &[("login_hint", "")]).await;
    assert_eq!(
        redirected(&nobody, "error").as_deref(),
        Some("login_required")
    );
}

#[tokio::test]
async fn codes_are_sent_to_this_machine_only() {
    let service = Service::start().await;
    let elsewhere = [
        "https://127.0.0.1/",
        "http://example.com/",
        "http://127.0.0.1.example.com/",
        "http://user@127.0.0.1/",
        "http://127.0.0.1/#fragment",
        "http://169.254.169.254/",
        "javascript:alert(1)",
        "/relative",
        "",
    ];
    for uri in elsewhere {
        let answer = authorize(&service, &[("redirect_uri", uri)]).await;
        assert_refused(&answer, "invalid_request");
    }
    for uri in [
        "http://localhost:1/",
        "http://[::1]:2/callback?x=1",
        "http://127.9.9.9:3",
    ] {
        assert_eq!(
            authorize(&service, &[("redirect_uri", uri)]).await.status,
            303,
            "{uri}"
        );
    }
}

#[tokio::test]
async fn a_person_gets_a_form_in_which_nothing_of_the_client_becomes_markup() {
    let service = Service::start().await;
    let hostile = "\"><script>alert(1)</script>";
    let changes = [("prompt", ""), ("client_id", hostile), ("state", hostile)];
    let form = authorize(&service, &changes).await;
    assert_eq!(form.status, 200);
    assert!(!form.text().contains("<script"), "{}", form.text());
    assert!(
        form.header("content-security-policy")
            .starts_with("default-src 'none'")
    );

    let mut fields = authorization(&[("prompt", "")]);
    fields.push(("email", "typed@chancery.test".to_owned()));
    let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let code = redirected(&service.post_form("/dev-oidc/auth", &fields).await, "code").unwrap();
    let token = redeem(&service, &code, &[]).await.json();
    assert_eq!(
        claims(token["id_token"].as_str().unwrap())["email"],
        "typed@chancery.test"
    );
}

#[tokio::test]
async fn any_identity_is_given_to_who_asks_for_it() {
    let service = Service::start().await;
    let fields = [
        ("grant_type", DEV_IDENTITY_GRANT),
        ("sub", "repo:acme/app:ref:refs/heads/main"),
        ("aud", "other"),
        ("lifetime", "5"),
        (
            "claims",
            r#"{"repository":"acme/app","run_id":7,"iss":"https://evil.example"}"#,
        ),
    ];
    let answer = service.post_form(TOKEN, &fields).await;
    assert_eq!(answer.json()["expires_in"], 5);
    let claims = claims(answer.json()["id_token"].as_str().unwrap());
    assert_eq!(claims["sub"], "repo:acme/app:ref:refs/heads/main");
    assert_eq!(claims["aud"], "other");
    assert_eq!(claims["repository"], "acme/app");
    assert_eq!(claims["run_id"], 7);
    assert_eq!(claims["iss"], format!("{}/dev-oidc", service.url));
    assert_eq!(
        claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(),
        5
    );
    assert!(claims.get("email").is_none());

    let refused: [&[(&str, &str)]; 4] = [
        &[],
        &[("sub", "x"), ("lifetime", "0")],
        &[("sub", "x"), ("claims", "[]")],
        &[("sub", "x"), ("sub", "y")],
    ];
    for fields in refused {
        let fields = [&[("grant_type", DEV_IDENTITY_GRANT)], fields].concat();
        assert_refused(&service.post_form(TOKEN, &fields).await, "invalid_request");
    }
    let password = service
        .post_form(TOKEN, &[("grant_type", "password")])
        .await;
    assert_refused(&password, "unsupported_grant_type");
}

#[tokio::test]
async fn another_host_name_and_another_origin_are_refused() {
    let service = Service::start().await;
    let port = Url::parse(&service.url).unwrap().port().unwrap();
    let body = encoded(&[("grant_type", DEV_IDENTITY_GRANT), ("email", "a@b.test")]);
    let ask = |name: &'static str, value: String| {
        let request = service.request(Method::POST, TOKEN).header(name, value);
        Answer::of(request.body(body.clone()))
    };
    let refused = [
        ("host", format!("evil.example:{port}")),
        ("host", "localhost".to_owned()),
        ("host", format!("localhost:{}", port ^ 1)),
        ("origin", "https://evil.example".to_owned()),
        ("origin", format!("https://localhost:{port}")),
        ("origin", "null".to_owned()),
    ];
    for (name, value) in refused {
        let answer = ask(name, value.clone()).await;
        assert_eq!(answer.status, 403, "{name}: {value}");
        assert_eq!(answer.json()["error"], "access_denied");
    }
    let admitted = [
        ("host", format!("127.0.0.1:{port}")),
        ("host", format!("LocalHost:{port}")),
        ("origin", format!("http://localhost:{port}")),
        ("origin", format!("http://127.0.0.1:{port}")),
    ];
    for (name, value) in admitted {
        assert_eq!(
            ask(name, value.clone()).await.status,
            200,
            "{name}: {value}"
        );
    }
}

#[tokio::test]
async fn discovery_promises_what_clients_need() {
    let service = Service::start().await;
    let found = service
        .get("/dev-oidc/.well-known/openid-configuration")
        .await
        .json();
    let issuer = format!("{}/dev-oidc", service.url);
    assert_eq!(found["issuer"], issuer);
    assert_eq!(found["jwks_uri"], format!("{issuer}/jwks"));
    assert_eq!(found["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(
        found["id_token_signing_alg_values_supported"],
        json!(["RS256"])
    );
    let keys = service.get("/dev-oidc/jwks").await.json();
    assert_eq!(keys["keys"][0]["alg"], "RS256");
    assert_eq!(keys["keys"][0]["e"], "AQAB");
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
}
