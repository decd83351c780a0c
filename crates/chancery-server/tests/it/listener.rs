//! Connections: what is cut off, what is bounded, and what a shutdown lets finish.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use chancery_server::{ServeLimits, Tls, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::tls::Files;

/// Longer than anything here takes, so that a failure is no hang.
const PATIENCE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(50);

struct Server {
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
    running: JoinHandle<std::io::Result<()>>,
    /// `/slow` says here that it has begun,
    begun: Arc<Notify>,
    /// and waits here to go on.
    go_on: Arc<Notify>,
}

impl Server {
    async fn start(limits: ServeLimits) -> Self {
        Self::start_over(None, limits).await
    }

    async fn start_over(tls: Option<Tls>, limits: ServeLimits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let slow = {
            let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
            async move || {
                begun.notify_one();
                go_on.notified().await;
                "finished"
            }
        };
        let router = Router::new()
            .route("/", get(async || "hello"))
            .route("/large", get(async || vec![b'x'; 64 << 20]))
            .route("/slow", get(slow));
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(serve(listener, router, limits, tls, shutdown.clone()));
        Self {
            address,
            shutdown,
            running,
            begun,
            go_on,
        }
    }

    async fn connect(&self, send: impl AsRef<[u8]>) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(send.as_ref()).await.unwrap();
        stream
    }

    async fn ended(self) {
        timeout(PATIENCE, self.running)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

/// Reads until the peer closes; a reset counts as closed.
async fn read_all(mut stream: TcpStream) -> String {
    let mut read = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut read))
        .await
        .expect("closed in time");
    String::from_utf8_lossy(&read).into_owned()
}

fn closing(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
}

#[tokio::test]
async fn a_peer_that_says_nothing_or_speaks_slowly_is_cut_off() {
    let limits = ServeLimits {
        first_head: SHORT,
        ..ServeLimits::default()
    };
    let server = Server::start(limits).await;
    // Nothing, half of what could become HTTP/2, and half a head of HTTP/1.
    for begin in [
        "",
        "P",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\n",
    ] {
        assert_eq!(read_all(server.connect(begin).await).await, "", "{begin:?}");
    }
    assert!(
        read_all(server.connect(&closing("/")).await)
            .await
            .ends_with("hello")
    );
}

#[tokio::test]
async fn a_request_that_takes_longer_than_its_head_may_is_not_cut_off() {
    let limits = ServeLimits {
        first_head: SHORT,
        ..ServeLimits::default()
    };
    let server = Server::start(limits).await;
    let stream = server.connect(&closing("/slow")).await;
    server.begun.notified().await;
    // This one begins later and is cut off: the time of the first has run out, too.
    assert_eq!(read_all(server.connect("").await).await, "");
    server.go_on.notify_one();
    assert!(read_all(stream).await.ends_with("finished"));
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let limits = ServeLimits {
        idle: SHORT,
        ..ServeLimits::default()
    };
    let server = Server::start(limits).await;
    let stream = server.connect("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(read_all(stream).await.ends_with("hello"));
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_cut_off() {
    let limits = ServeLimits {
        write_stall: SHORT,
        max_connections: 1,
        ..ServeLimits::default()
    };
    let server = Server::start(limits).await;
    let stalled = server.connect(&closing("/large")).await;
    // The only slot is free again as soon as the stalled one is gone.
    assert!(
        read_all(server.connect(&closing("/")).await)
            .await
            .ends_with("hello")
    );
    drop(stalled);
}

#[tokio::test]
async fn too_many_and_too_large_headers_are_refused() {
    let server = Server::start(ServeLimits::default()).await;
    let head =
        |headers: &str| format!("GET / HTTP/1.1\r\nhost: x\r\n{headers}connection: close\r\n\r\n");
    let many = |count: usize| {
        (0..count)
            .map(|i| format!("x-{i}: y\r\n"))
            .collect::<String>()
    };
    let good = read_all(server.connect(&head(&many(62))).await).await;
    assert!(good.starts_with("HTTP/1.1 200 "), "{good}");
    for headers in [many(63), format!("x: {}\r\n", "y".repeat(80 * 1024))] {
        let refused = read_all(server.connect(&head(&headers)).await).await;
        assert!(refused.starts_with("HTTP/1.1 431 "), "{refused}");
    }
}

#[tokio::test]
async fn connections_over_the_limit_wait_their_turn() {
    let limits = ServeLimits {
        max_connections: 1,
        ..ServeLimits::default()
    };
    let server = Server::start(limits).await;
    let first = server.connect(&closing("/slow")).await;
    server.begun.notified().await;
    let second = server.connect(&closing("/")).await;
    server.go_on.notify_one();
    assert!(read_all(first).await.ends_with("finished"));
    assert!(read_all(second).await.ends_with("hello"));
}

/// Whoever opens all connections that there are, by requests that do not come, do not end or were
/// answered, keeps nobody else out.
#[tokio::test]
async fn who_waits_for_a_peer_makes_room_and_who_works_does_not() {
    let limits = ServeLimits {
        max_connections: 4,
        spared: SHORT,
        ..ServeLimits::default()
    };
    let server = Server::start(limits).await;
    let working = server.connect(&closing("/slow")).await;
    server.begun.notified().await;
    let unfinished = "POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{";
    let mut held = Vec::new();
    for said in ["", "GET / HTTP/1.1\r\nhost: x\r\n\r\n", unfinished] {
        held.push(server.connect(said).await);
    }
    for _ in 0..4 {
        assert!(
            read_all(server.connect(&closing("/")).await)
                .await
                .ends_with("hello")
        );
        held.push(server.connect("").await);
    }
    server.go_on.notify_one();
    assert!(read_all(working).await.ends_with("finished"));
}

#[tokio::test]
async fn a_shutdown_finishes_what_is_in_flight_and_accepts_no_more() {
    let server = Server::start(ServeLimits::default()).await;
    let mut idle = server.connect("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut first = [0; 1024];
    assert_ne!(idle.read(&mut first).await.unwrap(), 0);
    let busy = server
        .connect("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    server.begun.notified().await;
    server.shutdown.cancel();
    // An idle connection is closed, which also shows that the signal has arrived.
    assert_eq!(read_all(idle).await, "");
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    server.go_on.notify_one();
    let answer = read_all(busy).await;
    assert!(
        answer.contains("connection: close") && answer.ends_with("finished"),
        "{answer}"
    );
    server.ended().await;
}

#[tokio::test]
async fn a_request_that_comes_late_on_an_accepted_connection_is_answered() {
    let server = Server::start(ServeLimits::default()).await;
    let mut fresh = server.connect("").await;
    let busy = server.connect(&closing("/slow")).await;
    // Connections are accepted in order, so the fresh one is in, too.
    server.begun.notified().await;
    server.shutdown.cancel();
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let request = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    fresh.write_all(request.as_bytes()).await.unwrap();
    assert!(read_all(fresh).await.ends_with("hello"));
    server.go_on.notify_one();
    assert!(read_all(busy).await.ends_with("finished"));
    server.ended().await;
}

#[tokio::test]
async fn a_request_that_comes_late_on_an_idle_connection_is_answered_as_its_last() {
    let server = Server::start(ServeLimits::default()).await;
    let mut idle = server.connect("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut first = [0; 1024];
    assert_ne!(idle.read(&mut first).await.unwrap(), 0);
    server.shutdown.cancel();
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let request = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    idle.write_all(request.as_bytes()).await.unwrap();
    let answer = read_all(idle).await;
    assert!(
        answer.contains("connection: close") && answer.ends_with("hello"),
        "{answer}"
    );
    server.ended().await;
}

#[tokio::test]
async fn a_connection_that_the_kernel_accepted_before_a_shutdown_is_served() {
    // One thread: the runtime hears of no connection while this test does not wait.
    let server = Server::start(ServeLimits::default()).await;
    tokio::task::yield_now().await;
    let mut waiting = std::net::TcpStream::connect(server.address).unwrap();
    server.shutdown.cancel();
    std::io::Write::write_all(&mut waiting, closing("/").as_bytes()).unwrap();
    waiting.set_nonblocking(true).unwrap();
    let waiting = TcpStream::from_std(waiting).unwrap();
    assert!(read_all(waiting).await.ends_with("hello"));
    server.ended().await;
}

#[tokio::test]
async fn a_drain_ends_at_its_limit() {
    let limits = ServeLimits {
        drain: SHORT,
        ..ServeLimits::default()
    };
    let server = Server::start(limits).await;
    let busy = server.connect(&closing("/slow")).await;
    server.begun.notified().await;
    server.shutdown.cancel();
    assert_eq!(read_all(busy).await, "");
    server.ended().await;
}

/// What a TLS client says first, cut short: a record header and half a `ClientHello`.
const HALF_A_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

#[tokio::test]
async fn a_handshake_that_stalls_is_cut_off_and_holds_a_connection_until_then() {
    let files = Files::new("localhost");
    let limits = ServeLimits {
        first_head: SHORT,
        max_connections: 1,
        ..ServeLimits::default()
    };
    let server = Server::start_over(Some(files.tls()), limits).await;
    for stalled in [&b""[..], b"\x16", HALF_A_HELLO] {
        assert_eq!(read_all(server.connect(stalled).await).await, "");
    }
    // Whoever does not know that this is TLS is told, in TLS.
    let answer = read_all(server.connect(&closing("/")).await).await;
    assert!(answer.starts_with('\u{15}'), "{answer:?}");
    // The time of a handshake is that of the first head, too: this one then says nothing.
    let stream = TcpStream::connect(server.address).await.unwrap();
    let mut stream = files.connect(stream, b"http/1.1").await;
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_handshake_that_stalls_does_not_hold_up_a_shutdown() {
    let limits = ServeLimits {
        first_head: Duration::from_secs(3600),
        drain: Duration::from_secs(3600),
        ..ServeLimits::default()
    };
    let server = Server::start_over(Some(Files::new("localhost").tls()), limits).await;
    let stalled = server.connect(HALF_A_HELLO).await;
    server.shutdown.cancel();
    assert_eq!(read_all(stalled).await, "");
    server.ended().await;
}

#[tokio::test]
async fn a_request_over_tls_is_finished_in_a_shutdown() {
    let files = Files::new("localhost");
    let server = Server::start_over(Some(files.tls()), ServeLimits::default()).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let mut stream = files.connect(stream, b"http/1.1").await;
    stream.write_all(closing("/slow").as_bytes()).await.unwrap();
    server.begun.notified().await;
    server.shutdown.cancel();
    server.go_on.notify_one();
    let mut answer = String::new();
    // Closed with a TLS alert: otherwise this would be an error.
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("finished"), "{answer}");
    server.ended().await;
}
