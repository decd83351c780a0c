//! SIGTERM under load: nothing that was asked for is lost, and the exit code is 0.

use chancery_tests::client::Client;

use crate::harness::on_sqlite;

#[tokio::test]
async fn a_request_in_flight_is_answered_and_the_exit_code_is_0() {
    let server = on_sqlite().await;
    let url = server.url().to_owned();
    let mut clients = tokio::task::JoinSet::new();
    let (warm, mut warmed) = tokio::sync::mpsc::channel(8);
    for number in 0..8 {
        let (url, warm) = (url.clone(), warm.clone());
        clients.spawn(async move {
            let client = Client::new(&url).unwrap();
            let identity = client
                .identity(&format!("c{number}@example.com"))
                .await
                .unwrap();
            assert_eq!(client.signing_cert(&identity).await.unwrap().status, 200);
            warm.send(()).await.unwrap();
            // Every answer that comes must be whole; at some point nobody listens any more.
            loop {
                match client.signing_cert(&identity).await {
                    Ok(answer) => drop(answer.certificates().unwrap()),
                    Err(e) => {
                        let e = e.downcast::<reqwest::Error>().unwrap();
                        assert!(e.is_connect() || e.is_request(), "cut off: {e:?}");
                        break;
                    }
                }
            }
        });
    }
    for _ in 0..8 {
        warmed.recv().await.unwrap();
    }
    let (code, _data) = tokio::task::spawn_blocking(move || server.stop())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(code, Some(0));
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
}
