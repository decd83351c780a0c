//! Requests at the level of the connection: what was sent, and where it broke off.

use std::io::ErrorKind;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Answer, EntryRequest, Identity};

/// A connection of HTTP/1.1.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    closing: bool,
}

/// How a request ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// With an answer.
    Answered(Answer),
    /// The connection ended, or did nothing for too long, before the answer was there.
    Lost(String),
}

impl Wire {
    /// Connects; nothing if nobody listens.
    pub(crate) async fn connect(port: u16) -> anyhow::Result<Option<Self>> {
        match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                Ok(Some(Self {
                    stream,
                    closing: false,
                }))
            }
            Err(e) if e.kind() == ErrorKind::ConnectionRefused => Ok(None),
            Err(e) => Err(e).context("cannot connect"),
        }
    }

    /// Tells whether the server said that it would take no more requests here.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }

    /// Asks for a certificate.
    pub(crate) async fn ask(&mut self, identity: &Identity, limit: Duration) -> Ended {
        let Identity { token, body } = identity;
        let head = format!("/api/v2/signingCert HTTP/1.1\r\nauthorization: Bearer {token}");
        self.post(&head, body, limit).await
    }

    /// Asks for an entry in the ledger.
    pub(crate) async fn enter(&mut self, request: &EntryRequest, limit: Duration) -> Ended {
        let head = "/api/v2/log/entries HTTP/1.1";
        self.post(head, &request.body, limit).await
    }

    async fn post(&mut self, head: &str, body: &str, limit: Duration) -> Ended {
        match tokio::time::timeout(limit, self.exchange(head, body)).await {
            Ok(Ok(answer)) => Ended::Answered(answer),
            Ok(Err(e)) => Ended::Lost(format!("{e:#}")),
            Err(_) => Ended::Lost(format!("no answer within {} s", limit.as_secs())),
        }
    }

    async fn exchange(&mut self, head: &str, body: &str) -> anyhow::Result<Answer> {
        let request = format!(
            "POST {head}\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream
            .write_all(request.as_bytes())
            .await
            .context("sending")?;
        let mut read = Vec::new();
        loop {
            if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
                let (head, rest) = read.split_at(end + 4);
                let head = String::from_utf8_lossy(head).to_ascii_lowercase();
                let length: usize = field(&head, "content-length")
                    .context("no content-length")?
                    .parse()?;
                if rest.len() >= length {
                    self.closing = field(&head, "connection") == Some("close");
                    return Ok(Answer {
                        status: head.get(9..12).unwrap_or_default().parse()?,
                        log_index: field(&head, "x-log-index").and_then(|s| s.parse().ok()),
                        retry_after: field(&head, "retry-after").and_then(|s| s.parse().ok()),
                        body: String::from_utf8_lossy(rest).into_owned(),
                    });
                }
            }
            let count = self.stream.read_buf(&mut read).await.context("reading")?;
            anyhow::ensure!(count > 0, "closed after {} bytes of the answer", read.len());
        }
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}
