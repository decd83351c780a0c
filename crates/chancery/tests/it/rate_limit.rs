//! A spent rate limit: 429 with Retry-After.

use chancery_tests::client::Client;
use chancery_tests::issuer::Issuer;

use crate::harness::dev_with_identity_config;
use crate::production::identity;

#[tokio::test]
async fn a_spent_limit_is_429_and_says_when_to_come_back() {
    let issuer = Issuer::start().await.unwrap();
    let url = format!("{}/one", issuer.url());
    let entry = format!(
        "oidc-issuers:\n  {url}:\n    issuer-url: {url}\n    client-id: sigstore\n    type: email\n    \
         rate-limit: {{per-identity: {{per-minute: 2, burst: 1}}}}\n"
    );
    let server = dev_with_identity_config(&entry).await;
    let client = Client::new(server.url()).unwrap();
    let who = identity(&issuer, "/one").await;
    assert_eq!(client.signing_cert(&who).await.unwrap().status, 200);

    let answer = client.signing_cert(&who).await.unwrap();
    assert_eq!(answer.status, 429, "{}", answer.body);
    assert!(answer.body.contains("[rate-limited]"), "{}", answer.body);
    assert!(answer.body.contains(r#""code":8"#), "{}", answer.body);
    assert!((1..=30).contains(&answer.retry_after.unwrap()));
}
