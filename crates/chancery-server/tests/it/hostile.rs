//! Peers that mean harm over HTTP/2: each is refused or cut off, and others go on being served.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};

use crate::service::{Answer, Service};

/// Longer than anything here takes, so that a failure is no hang.
const PATIENCE: Duration = Duration::from_secs(30);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const ENHANCE_YOUR_CALM: u32 = 11;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `:method: POST`, `:path: /`, `:scheme: http` and `:authority: x` in HPACK's static table.
const POST: &[u8] = b"\x83\x84\x86\x41\x01x";
const GET: &[u8] = b"\x82\x84\x86\x41\x01x";

/// Writes a frame (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A connection that writes what it is told and remembers what it reads.
struct Attack {
    stream: TcpStream,
    read: Vec<u8>,
    sent: usize,
}

impl Attack {
    async fn start(service: &Service) -> Self {
        let address = service.url.trim_start_matches("http://");
        let mut attack = Self {
            stream: TcpStream::connect(address).await.unwrap(),
            read: Vec::new(),
            sent: 0,
        };
        let hello = [PREFACE, &frame(SETTINGS, 0, 0, b"")].concat();
        attack.send(&hello).await.unwrap();
        attack
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sent += bytes.len();
        let (mut reader, mut writer) = self.stream.split();
        let mut rest = bytes;
        while !rest.is_empty() {
            tokio::select! {
                written = writer.write(rest) => rest = &rest[written?..],
                read = reader.read_buf(&mut self.read) => {
                    if read? == 0 {
                        return Err(io::ErrorKind::ConnectionReset.into());
                    }
                }
            }
        }
        Ok(())
    }

    /// Sends what `next` makes of 0, 1, 2, … until the connection is cut off, and returns the error
    /// code that the server gave; `None` if it has taken `most` bytes.
    async fn until_cut_off(mut self, most: usize, next: impl Fn(u32) -> Vec<u8>) -> Option<u32> {
        let sending = async {
            for index in 0.. {
                if self.sent > most {
                    return None;
                }
                if self.send(&next(index)).await.is_err() {
                    break;
                }
            }
            let _ = self.stream.read_to_end(&mut self.read).await;
            Some(goaway(&self.read))
        };
        timeout(PATIENCE, sending).await.expect("done in time")
    }
}

/// Returns the error code of the GOAWAY frame (RFC 9113, section 6.8).
fn goaway(mut frames: &[u8]) -> u32 {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |n, b| (n << 8) | u32::from(*b));
    loop {
        let (head, rest) = frames.split_at_checked(9).expect("a GOAWAY");
        let (payload, rest) = rest.split_at(number(&head[..3]) as usize);
        if head[3] == GOAWAY {
            return number(&payload[4..8]);
        }
        frames = rest;
    }
}

async fn assert_others_are_served(service: &Service) {
    assert_eq!(service.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn streams_that_are_reset_as_soon_as_they_begin_end_the_connection() {
    const MOST: usize = 1 << 20;
    let service = Service::start().await;
    let attack = Attack::start(&service).await;
    let code = attack.until_cut_off(MOST, |index| {
        let stream = 2 * index + 1;
        let begun = frame(HEADERS, END_HEADERS | END_STREAM, stream, GET);
        [begun, frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
    });
    assert_eq!(code.await, Some(ENHANCE_YOUR_CALM));
    assert_others_are_served(&service).await;
}

#[tokio::test]
async fn a_head_that_never_ends_ends_the_connection() {
    const MOST: usize = 8 << 20;
    let service = Service::start().await;
    let mut attack = Attack::start(&service).await;
    attack.send(&frame(HEADERS, 0, 1, GET)).await.unwrap();
    // A header field `x: xxx…` (literal, not indexed), over and over.
    let field = [b"\x00\x01x\x7f\x80\x01".as_slice(), &[b'x'; 255]].concat();
    let code = attack.until_cut_off(MOST, |_| frame(CONTINUATION, 0, 1, &field));
    assert_eq!(code.await, Some(ENHANCE_YOUR_CALM));
    assert_others_are_served(&service).await;
}

#[tokio::test]
async fn data_frames_without_data_end_the_connection() {
    const MOST: usize = 8 << 20;
    let service = Service::start().await;
    let mut attack = Attack::start(&service).await;
    let begun = frame(HEADERS, END_HEADERS, 1, POST);
    attack.send(&begun).await.unwrap();
    let code = attack.until_cut_off(MOST, |_| frame(DATA, 0, 1, b""));
    assert_eq!(code.await, Some(ENHANCE_YOUR_CALM));
    assert_others_are_served(&service).await;
}

#[tokio::test]
async fn pings_and_settings_without_end_cost_no_memory_and_hold_up_nobody() {
    const MOST: usize = 4 << 20;
    let service = Service::start().await;
    for flood in [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, b"")] {
        let attack = Attack::start(&service).await;
        let before = resident_bytes();
        attack.until_cut_off(MOST, |_| flood.repeat(1000)).await;
        assert_others_are_served(&service).await;
        let grown = resident_bytes().saturating_sub(before);
        assert!(grown < 64 << 20, "{grown} bytes more");
    }
}

#[tokio::test]
async fn metadata_beyond_the_limit_are_refused_and_the_connection_goes_on() {
    let service = Service::start().await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build();
    let client = client.unwrap();
    let path = "/dev.sigstore.fulcio.v2.CA/GetTrustBundle";
    let ask = |token: String| {
        client
            .post(format!("{}{path}", service.url))
            .header("content-type", "application/grpc")
            .header("oidcidentitytoken", token)
            .body(vec![0; 5])
    };
    let refused = ask("x".repeat(80 * 1024)).send().await;
    assert!(refused.map_or(true, |answer| answer.status() == 431));
    let answer = Answer::of(ask("x".repeat(16 * 1024))).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/grpc")
    );
}

/// Returns the memory that this process has now.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line
        .and_then(|line| line.split_whitespace().nth(1))
        .unwrap();
    kib.parse::<usize>().unwrap() * 1024
}
