//! gRPC by hand, so that what a foreign client sends is not encoded by the code under test.

use std::collections::BTreeMap;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

/// A field of a message whose value has a length.
pub(crate) struct Field {
    pub(crate) number: u8,
    pub(crate) value: Vec<u8>,
}

/// Encodes a field of type `string`.
pub(crate) fn text(number: u8, value: &str) -> Vec<u8> {
    bytes(number, value.as_bytes())
}

/// Encodes a field of type `bytes`, or a message in a message.
pub(crate) fn bytes(number: u8, value: &[u8]) -> Vec<u8> {
    let mut encoded = vec![number << 3 | 2];
    let mut length = value.len();
    while length >= 0x80 {
        encoded.push(length as u8 | 0x80);
        length >>= 7;
    }
    encoded.push(length as u8);
    encoded.extend(value);
    encoded
}

/// Encodes a small number or a value of an enumeration.
pub(crate) fn number(number: u8, value: u8) -> Vec<u8> {
    assert!(value < 0x80);
    vec![number << 3, value]
}

/// Decodes a message whose fields all have lengths.
pub(crate) fn fields(mut message: &[u8]) -> anyhow::Result<Vec<Field>> {
    let mut fields = Vec::new();
    while let Some((tag, rest)) = message.split_first() {
        anyhow::ensure!(tag & 7 == 2, "a field of wire type {}", tag & 7);
        let (mut length, mut shift, mut rest) = (0_usize, 0, rest);
        while let Some((byte, after)) = rest.split_first() {
            length |= usize::from(byte & 0x7f) << shift;
            (shift, rest) = (shift + 7, after);
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (value, after) = rest
            .split_at_checked(length)
            .context("a field is cut off")?;
        fields.push(Field {
            number: tag >> 3,
            value: value.to_vec(),
        });
        message = after;
    }
    Ok(fields)
}

/// Decodes a message that has exactly one field, `number`.
pub(crate) fn only(message: &[u8], number: u8) -> anyhow::Result<Vec<u8>> {
    let mut fields = fields(message)?;
    let numbers: Vec<u8> = fields.iter().map(|field| field.number).collect();
    anyhow::ensure!(numbers == [number], "fields {numbers:?}, not {number}");
    Ok(fields.remove(0).value)
}

/// Calls a method without TLS and returns its answer, or an error with the gRPC status.
pub(crate) async fn call(
    server: &str,
    path: &str,
    headers: &BTreeMap<String, String>,
    message: &[u8],
) -> anyhow::Result<Vec<u8>> {
    let authority = server.strip_prefix("http://").context("no http URL")?;
    let stream = TcpStream::connect(authority).await?;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let mut request = http::Request::post(format!("{server}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    // A frame: not compressed, length, message.
    let length = u32::try_from(message.len())?.to_be_bytes();
    let frame = Bytes::from([&[0], &length[..], message].concat());
    let response = sender.send_request(request.body(Full::new(frame))?).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await?;
    connection.abort();
    let trailers = body.trailers().cloned().unwrap_or_default();
    let status = |name: &str| {
        let value = trailers.get(name).or_else(|| head.headers.get(name));
        value
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    anyhow::ensure!(
        head.status == 200 && status("grpc-status") == "0",
        "HTTP {}, gRPC {:?}: {}",
        head.status,
        status("grpc-status"),
        status("grpc-message")
    );
    let frame = body.to_bytes();
    anyhow::ensure!(frame.first() == Some(&0), "no frame that is not compressed");
    Ok(frame.get(5..).context("a frame without a head")?.to_vec())
}
