//! What is said about a token, and what is not.

use serde_json::{Value, json};

use chancery_identity::{Explanation, Issuers, Reach, StepOutcome, Timings, Verdict};

use crate::issuer::{Answer, TestIssuer, TestKey, issuers, now};
use crate::policy::entry;

/// One letter for each step, and the codes of those that failed.
fn summary(explanation: &Explanation) -> String {
    let letter = |outcome| match outcome {
        StepOutcome::Passed => '+',
        StepOutcome::Failed => 'x',
        StepOutcome::Skipped => '-',
    };
    let steps = explanation.steps.iter();
    let letters: String = steps.clone().map(|step| letter(step.outcome)).collect();
    let codes: Vec<&str> = steps.filter_map(|step| step.code).collect();
    format!("{letters} {}", codes.join(" "))
        .trim_end()
        .to_owned()
}

async fn explain(issuers: &Issuers, token: &str, reach: Reach) -> Explanation {
    issuers.explain(token, now(), reach).await
}

fn guarded(issuer: &TestIssuer) -> Value {
    let rules = json!([{"name": "ours", "claims": {"owner": "acme"}}]);
    let members = json!({"allow": rules, "certificate-lifetime-s": 60});
    json!({"oidc-issuers": {issuer.url(): entry(members)}})
}

#[tokio::test]
async fn a_good_token_is_explained_step_by_step() {
    let issuer = TestIssuer::start().await;
    let issuers = issuers(&guarded(&issuer), Timings::default());
    let mut claims = issuer.claims();
    claims["owner"] = json!("acme");
    let token = issuer.token(&claims);
    let offline = explain(&issuers, &token, Reach::Offline).await;
    assert_eq!(summary(&offline), "+++++-++");
    assert_eq!(offline.verdict, Verdict::Undecided);
    assert_eq!(issuer.discoveries(), 0);
    let online = explain(&issuers, &token, Reach::Online).await;
    assert_eq!(summary(&online), "++++++++");
    assert_eq!(online.verdict, Verdict::Accepted);
    assert_eq!(offline.certificate, online.certificate);
    assert_eq!(
        serde_json::to_value(&online.certificate).unwrap(),
        json!({
            "nameType": "email",
            "name": "alice@example.test",
            "extensions": [
                {"name": "issuer", "value": issuer.url()},
                {"name": "subject", "value": "u1"},
            ],
            "proofOver": ["alice@example.test", "u1"],
            "lifetimeS": 60,
            "onceOnly": false,
        })
    );
    let step = serde_json::to_value(&offline.steps[5]).unwrap();
    assert_eq!(
        (&step["name"], &step["outcome"]),
        (&json!("signature"), &json!("skipped"))
    );
}

#[tokio::test]
async fn every_fault_that_can_be_seen_is_named() {
    let issuer = TestIssuer::start().await;
    let issuers = issuers(&guarded(&issuer), Timings::default());
    let mut claims = issuer.claims();
    claims["aud"] = json!("other");
    claims["exp"] = json!(1);
    claims["email_verified"] = json!(false);
    let bad = issuer.token(&claims);
    let hmac = TestKey::rsa("rsa", "RS256").token(&json!({"alg": "HS256"}), &issuer.claims());
    claims["iss"] = json!(format!("{}/", issuer.url()));
    let unknown = issuer.token(&claims);
    for (token, offline, online) in [
        ("x", "x------- token-malformed", "x------- token-malformed"),
        (
            &unknown,
            "+x+----- issuer-unknown",
            "+x+----- issuer-unknown",
        ),
        (
            &hmac,
            "++x++-x+ algorithm-refused rule-not-allowed",
            "++x++--- algorithm-refused",
        ),
        (
            &bad,
            "+++xx-xx audience-mismatch token-expired rule-not-allowed email-not-verified",
            "+++xx--- audience-mismatch token-expired",
        ),
    ] {
        let explanation = explain(&issuers, token, Reach::Offline).await;
        assert_eq!(summary(&explanation), offline);
        assert_eq!(explanation.verdict, Verdict::Refused);
        let explanation = explain(&issuers, token, Reach::Online).await;
        assert_eq!(summary(&explanation), online);
        assert_eq!(explanation.certificate, None);
    }
    assert_eq!(issuer.discoveries(), 0);
    let said = explain(&issuers, &unknown, Reach::Offline).await;
    assert!(
        said.steps[1]
            .detail
            .contains(&format!("; {} is", issuer.url())),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_stranger_learns_nothing_of_the_rules() {
    let issuer = TestIssuer::start().await;
    let issuers = issuers(&guarded(&issuer), Timings::default());
    for owner in ["acme", "evil"] {
        let mut claims = issuer.claims();
        claims["owner"] = json!(owner);
        let forged = TestKey::rogue("rsa").token(&json!({"kid": "rsa"}), &claims);
        let explanation = explain(&issuers, &forged, Reach::Online).await;
        assert_eq!(summary(&explanation), "+++++x-- signature-invalid");
        assert_eq!(explanation.certificate, None);
    }
}

#[tokio::test]
async fn an_issuer_that_is_away_leaves_the_verdict_open() {
    let issuer = TestIssuer::start().await;
    issuer.answer_discovery(Answer::Status(500));
    let issuers = issuer.trusted();
    let explanation = explain(&issuers, &issuer.token(&issuer.claims()), Reach::Online).await;
    assert_eq!(summary(&explanation), "+++++x-- issuer-unavailable");
    assert_eq!(explanation.verdict, Verdict::Undecided);
}

#[tokio::test]
async fn an_explanation_shows_nothing_that_a_certificate_would_not() {
    let issuer = TestIssuer::start().await;
    let issuers = issuers(&guarded(&issuer), Timings::default());
    let mut claims = issuer.claims();
    claims["owner"] = json!("acme");
    claims["groups"] = json!(["secret-group"]);
    claims["jti"] = json!("secret-id");
    let token = issuer.token(&claims);
    let signature = token.rsplit('.').next().unwrap();
    for reach in [Reach::Offline, Reach::Online] {
        let said = serde_json::to_string(&explain(&issuers, &token, reach).await).unwrap();
        assert!(!said.contains("secret") && !said.contains("acme"), "{said}");
        assert!(!said.contains(&signature[..16]), "{said}");
    }
}

#[tokio::test]
async fn an_explanation_counts_against_no_limit() {
    let issuer = TestIssuer::start().await;
    let limit = json!({"rate-limit": {"per-issuer": {"per-minute": 1}}});
    let issuers = issuers(
        &json!({"oidc-issuers": {issuer.url(): entry(limit)}}),
        Timings::default(),
    );
    let token = issuer.token(&issuer.claims());
    for _ in 0..3 {
        let explanation = explain(&issuers, &token, Reach::Online).await;
        assert_eq!(explanation.verdict, Verdict::Accepted);
    }
    assert!(issuers.authenticate(&token, now()).await.is_ok());
}
