//! Servers that mean harm, and what a fetcher makes of them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use chancery_mirror::{FetchError, Fetcher};
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::Instant;
use url::Url;

/// Answers every request with the same bytes, the last of them again and again if there are any to
/// repeat, until the client has enough.
async fn server(first: Vec<u8>, again: Vec<u8>) -> Url {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}/log/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (first, again) = (first.clone(), again.clone());
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let mut sent = stream.write_all(&first).await;
                while !again.is_empty() && sent.is_ok() {
                    sent = stream.write_all(&again).await;
                }
            });
        }
    });
    Url::parse(&url).unwrap()
}

async fn get(base: &Url, bound: u64) -> Result<Option<Vec<u8>>, FetchError> {
    let fetcher = Fetcher::new(base.clone(), Vec::new()).unwrap();
    fetcher.get("tile/data/000", bound).await
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {head}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

#[track_caller]
fn assert_wrong(got: Result<Option<Vec<u8>>, FetchError>, words: &str) {
    let error = got.unwrap_err();
    assert!(!error.is_away(), "no further try would help: {error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn a_body_without_an_end_is_cut_off_at_the_bound() {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let chunk = [&b"1000\r\n"[..], &[b'x'; 4096], b"\r\n"].concat();
    let url = server(head, chunk).await;
    assert_wrong(get(&url, 1 << 20).await, "is longer than 1048576 bytes");
}

#[tokio::test]
async fn what_unpacks_to_more_than_the_bound_is_refused() {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        bomb.write_all(&[0; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 1 << 17, "{}", bomb.len());
    let url = server(
        answer("200 OK\r\nContent-Encoding: gzip\r\n", &bomb),
        Vec::new(),
    )
    .await;
    assert_wrong(get(&url, 1 << 17).await, "is longer than");
    let cut = bomb.split_at(bomb.len() / 2).0;
    let url = server(
        answer("200 OK\r\nContent-Encoding: gzip\r\n", cut),
        Vec::new(),
    )
    .await;
    assert_wrong(get(&url, 1 << 30).await, "is not what gzip makes");
}

/// Sends a byte in a second, without an end, to everybody who asks.
async fn dripping() -> Url {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}/log/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
                let mut sent = stream.write_all(head).await;
                while sent.is_ok() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    sent = stream.write_all(b"x").await;
                }
            });
        }
    });
    Url::parse(&url).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_server_that_drips_is_left_after_some_minutes() {
    let url = dripping().await;
    let begun = Instant::now();
    let error = get(&url, 1 << 20).await.unwrap_err();
    assert!(error.is_away(), "it may be better later: {error}");
    let took = begun.elapsed();
    let minutes = Duration::from_mins(5)..Duration::from_mins(7);
    assert!(minutes.contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_redirect_in_a_circle_or_to_a_file_ends_at_once() {
    let circle = answer("302 Found\r\nLocation: /log/again\r\n", b"");
    let url = server(circle, Vec::new()).await;
    assert_wrong(get(&url, 9).await, "redirects more than 3 times");
    let file = answer("302 Found\r\nLocation: file:///etc/passwd\r\n", b"");
    let url = server(file, Vec::new()).await;
    assert!(!matches!(get(&url, 1 << 20).await, Ok(Some(_))));
}

#[tokio::test]
async fn a_redirect_to_another_host_is_followed() {
    let there = server(answer("200 OK\r\n", b"tile"), Vec::new()).await;
    let here = answer(&format!("302 Found\r\nLocation: {there}x\r\n"), b"");
    let url = server(here, Vec::new()).await;
    assert_eq!(get(&url, 9).await.unwrap().unwrap(), b"tile");
}

#[tokio::test]
async fn what_is_for_others_is_told_from_what_is_wrong() {
    let url = server(answer("403 Forbidden\r\n", b"no"), Vec::new()).await;
    let refused = get(&url, 9).await.unwrap_err();
    assert!(matches!(refused, FetchError::Refused { .. }), "{refused}");
}

#[test]
fn a_password_in_a_url_is_refused_and_not_repeated() {
    let url = Url::parse("https://ada:hunter2@log.example.org/?q").unwrap();
    let error = Fetcher::new(url, Vec::new()).unwrap_err();
    assert!(matches!(error, FetchError::Credentials));
    assert!(!error.to_string().contains("hunter2"), "{error}");
}
