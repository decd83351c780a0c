//! A database that goes away: 503 with Retry-After, and recovery without a hand.

use std::time::{Duration, Instant};

use chancery_tests::client::Client;

use crate::harness::on_postgres;

#[tokio::test]
async fn a_database_that_goes_away_is_503_and_comes_back_by_itself() {
    let Some((server, database)) = on_postgres().await else {
        return;
    };
    let client = Client::new(server.url()).unwrap();
    let identity = client.identity("ada@example.com").await.unwrap();
    assert_eq!(client.signing_cert(&identity).await.unwrap().status, 200);

    database.go_away().await.unwrap();
    for _ in 0..3 {
        let answer = client.signing_cert(&identity).await.unwrap();
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(answer.retry_after.is_some());
        assert!(answer.body.contains("[log-unavailable]"), "{}", answer.body);
        assert!(
            !answer.body.contains("terminat"),
            "internal text leaves: {}",
            answer.body
        );
    }
    // What was published stays readable.
    assert_eq!(client.get("/ct/dev/checkpoint").await.unwrap().status, 200);

    database.come_back().await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let answer = client.signing_cert(&identity).await.unwrap();
        match answer.status {
            200 => break,
            503 if Instant::now() < deadline => {}
            other => panic!("{other}: {}", answer.body),
        }
    }
    drop(server);
    database.drop().await.unwrap();
}
