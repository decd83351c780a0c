//! The cheapest client there can be: one connection, one request's bytes, written again and again.
//!
//! Load comes from the machine that is measured, so what the clients use the servers lack.

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::Identity;

/// A connection with HTTP/1.1 on it.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// Writes the request for a certificate whose answer [`Connection::ask`] reads.
pub fn request(identity: &Identity) -> Vec<u8> {
    let bearer = format!("authorization: Bearer {}\r\n", identity.token);
    let body = identity.body.as_bytes();
    post("/api/v2/signingCert", &bearer, "application/json", body)
}

/// Writes any request with a body; `headers` are whole lines.
pub fn post(path: &str, headers: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-type: \
         {content_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

impl Connection {
    /// Connects to a port of this machine.
    pub async fn open(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: Vec::with_capacity(16 * 1024),
        })
    }

    /// Sends a request, and reads an answer whole.
    ///
    /// # Errors
    /// Fails if the answer has another status than 200 or 201.
    pub async fn ask(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request).await?;
        self.received.clear();
        while !is_whole(&self.received)? {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                bail!("the server closed the connection");
            }
        }
        let fine = [&b"HTTP/1.1 200 "[..], b"HTTP/1.1 201 "];
        if !fine.iter().any(|line| self.received.starts_with(line)) {
            bail!("refused: {}", String::from_utf8_lossy(&self.received));
        }
        Ok(())
    }
}

/// Tells whether an answer has come to its end, by its length or its last chunk.
fn is_whole(received: &[u8]) -> anyhow::Result<bool> {
    let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(false);
    };
    let (head, body) = received.split_at(end + 4);
    let head = std::str::from_utf8(head)?.to_ascii_lowercase();
    if head.contains("\r\ntransfer-encoding: chunked\r\n") {
        return Ok(body.ends_with(b"\r\n0\r\n\r\n"));
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .context("an answer without a length")?;
    Ok(body.len() >= length.trim().parse()?)
}
