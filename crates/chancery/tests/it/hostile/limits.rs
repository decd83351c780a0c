//! Those who ask too often, or with a token that counts once.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use super::*;

/// How many ask with one token at the same time.
const ASKERS: usize = 64;

/// Asks for a certificate; returns status, `Retry-After` and what the answer says.
async fn ask(world: &World, changes: &Value) -> (u16, Option<u64>, String) {
    let body = json!({
        "credentials": { "oidcIdentityToken": world.token(changes) },
        "publicKeyRequest": world.public_key_request(changes["email"].as_str().unwrap_or(EMAIL)),
    });
    let answer = request(world, &body).send().await.unwrap();
    let retry_after = answer.headers().get("retry-after");
    let retry_after = retry_after.map(|value| value.to_str().unwrap().parse().unwrap());
    (
        answer.status().as_u16(),
        retry_after,
        answer.text().await.unwrap(),
    )
}

fn request(world: &World, body: &Value) -> reqwest::RequestBuilder {
    let url = format!("{}/api/v2/signingCert", world.server.url());
    world.http.post(url).body(body.to_string())
}

#[tokio::test]
async fn who_asks_too_often_is_told_so_and_when_to_come_back() {
    let world = World::start().await;
    let issuer = format!("{}/limited", world.issuer.url());
    let alice = json!({ "iss": issuer });
    for _ in 0..2 {
        assert_eq!(ask(&world, &alice).await.0, 200);
    }
    let (status, retry_after, text) = ask(&world, &alice).await;
    assert_eq!(status, 429, "{text}");
    assert!((1..=60).contains(&retry_after.unwrap()), "{retry_after:?}");
    assert!(
        text.contains("[rate-limited]") && text.contains("\"code\":8"),
        "{text}"
    );
    let bob = json!({ "iss": issuer, "email": "bob@example.test" });
    assert_eq!(ask(&world, &bob).await.0, 200);
}

#[tokio::test]
async fn of_many_who_use_one_token_at_once_one_gets_a_certificate() {
    let world = World::start().await;
    let token = world.token(&json!({ "iss": format!("{}/once", world.issuer.url()), "jti": "1" }));
    let body = json!({
        "credentials": { "oidcIdentityToken": token },
        "publicKeyRequest": world.public_key_request(EMAIL),
    });
    let asked: JoinSet<_> = (0..ASKERS).map(|_| request(&world, &body).send()).collect();
    let mut answers = BTreeMap::new();
    for answer in asked.join_all().await {
        *answers
            .entry(answer.unwrap().status().as_u16())
            .or_insert(0) += 1;
    }
    assert_eq!(answers, BTreeMap::from([(200, 1), (400, ASKERS - 1)]));
}
