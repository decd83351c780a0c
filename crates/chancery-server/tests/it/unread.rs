//! Answers that nobody reads: what they may hold, whom they may not hinder, and when they end.

use std::time::Duration;

use chancery_server::{RequestLimits, ServeLimits};
use chancery_tlog::ct::PrecertEntry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::service::{Service, Setup};

const PATIENCE: Duration = Duration::from_secs(20);
const WHO: &str = "dev@chancery.test";
const TILE: &str = "/ct/main/tile/data/000.p/10";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const END: u8 = 5;

/// A service whose log has ten entries of 20 kB, and which holds five answers with all of them.
async fn start(serve: ServeLimits) -> Service {
    let limits = RequestLimits {
        unread_large: 2_100_000,
        ..RequestLimits::default()
    };
    let service = Service::start_with(Setup {
        limits,
        serve,
        ..Setup::default()
    })
    .await;
    for number in 0..10_u8 {
        let tbs = vec![number; 20_000];
        let leaf = PrecertEntry::new([7; 32], tbs.clone(), tbs, vec![]).unwrap();
        service.log.append(Box::new(leaf), vec![]).await.unwrap();
    }
    service
}

/// An HTTP/2 client that grants no window.
struct Silent(TcpStream);

impl Silent {
    async fn connect(service: &Service) -> Self {
        let address = service.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        stream.write_all(preface).await.unwrap();
        let mut silent = Self(stream);
        // SETTINGS_INITIAL_WINDOW_SIZE
        silent.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]).await;
        silent
    }

    async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.0.write_all(&frame).await.unwrap();
    }

    /// Asks for a path on so many streams, and returns how many were answered 200 before the
    /// connection was cut, if it was.
    async fn ask(&mut self, path: &str, streams: u32) -> u32 {
        let mut head = vec![0x82, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
        head.extend(path.as_bytes());
        head.extend([0x01, 1, b'x']);
        for number in 0..streams {
            self.send(HEADERS, END, 2 * number + 1, &head).await;
        }
        let (mut answered, mut good) = (0, 0);
        while answered < streams {
            let Some((kind, payload)) = self.frame().await else {
                break;
            };
            assert!(kind != DATA || payload.is_empty(), "there is no window");
            if kind == HEADERS {
                answered += 1;
                // `:status: 200` is the static table's; whatever else is spelled out.
                good += u32::from(payload[0] == 0x88);
            }
        }
        good
    }

    /// Returns the next frame's type and payload; `None` when the connection is over.
    async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 9];
        let read = timeout(PATIENCE, self.0.read_exact(&mut head)).await;
        read.unwrap().ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).await.ok()?;
        Some((head[3], payload))
    }
}

#[tokio::test]
async fn answers_that_nobody_reads_fill_their_room_and_not_more() {
    let service = start(ServeLimits::default()).await;
    let whole = service.get(TILE).await;
    assert_eq!(whole.status, 200);
    let room = u32::try_from(2_100_000 / whole.body.len()).unwrap();
    assert!(room >= 3, "{}", whole.body.len());
    let mut silent = Silent::connect(&service).await;
    let good = silent.ask(TILE, 60).await;
    assert!((1..=room).contains(&good), "{good} of {room}");
    // Who issues, or asks for what is small, is not hindered.
    service.issue(WHO).await;
    assert_eq!(service.get("/ct/main/checkpoint").await.status, 200);
    // And there is room again when they hang up, or have been spared long enough.
    drop(silent);
    until_read(&service).await;
}

#[tokio::test]
async fn a_connection_whose_answers_are_not_read_is_cut() {
    let service = start(ServeLimits {
        write_stall: Duration::from_millis(40),
        ..ServeLimits::default()
    })
    .await;
    for path in [TILE, "/healthz"] {
        let mut silent = Silent::connect(&service).await;
        assert!(silent.ask(path, 3).await > 0);
        // Whatever it says besides: the peer is not idle.
        while let Some((kind, _)) = silent.frame().await {
            assert_ne!(kind, HEADERS);
        }
    }
    until_read(&service).await;
}

#[tokio::test]
async fn readers_who_come_all_at_once_get_their_answers_or_are_told_to_come_again() {
    let service = start(ServeLimits::default()).await;
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let request = service.client.get(format!("{}{TILE}", service.url));
        asked.spawn(async move {
            let answer = request.send().await.unwrap();
            let (status, again) = (
                answer.status().as_u16(),
                answer.headers().contains_key("retry-after"),
            );
            answer.bytes().await.unwrap();
            (status, again)
        });
    }
    service.issue(WHO).await;
    for (status, again) in asked.join_all().await {
        assert!(matches!((status, again), (200, false) | (503, true)));
    }
}

/// Asks until a tile is answered.
async fn until_read(service: &Service) {
    let read = async { while service.get(TILE).await.status != 200 {} };
    timeout(PATIENCE, read).await.unwrap();
}
