//! Request bodies, read within a size and a time.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use crate::error::ApiError;
use crate::refusal_code::RefusalCode;

/// How many times the size limit is read and thrown away before we stop listening: a client that
/// is still writing when the connection closes would see a reset and not our answer. With the
/// default limit, what Fulcio would read is well within.
const OVERRUN: usize = 64;

/// What a single request may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RequestLimits {
    /// Bytes of a request's body. Default 256 KiB.
    pub body_bytes: usize,
    /// Time to read a request's body in. Default 10 s.
    pub body_read: Duration,
    /// Time to answer a request in, its body included. Default 30 s.
    pub total: Duration,
    /// Requests that are worked on at once; more are answered 503. Default 512: at the rates that
    /// one machine reaches, who waits longer than that is better off at another replica.
    pub in_flight: usize,
    /// Reads of logs that are worked on at once, apart from the other requests and from reads of
    /// published files. With the two submissions that may be looked up, fewer than a store has
    /// connections for reading. Default 2.
    pub log_reads: usize,
    /// Reads of logs that wait for their turn; more are answered 503. Default 128.
    pub log_reads_waiting: usize,
    /// Bytes of answers over 16 KiB that may be on their way to their readers. Default 64 MiB.
    pub unread_large: usize,
    /// Bytes of smaller answers: who has not read theirs for longest is cut off when there are more.
    /// Default 32 MiB.
    pub unread_small: usize,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            body_bytes: 256 * 1024,
            body_read: Duration::from_secs(10),
            total: Duration::from_secs(30),
            in_flight: 512,
            log_reads: 2,
            log_reads_waiting: 128,
            unread_large: 64 << 20,
            unread_small: 32 << 20,
        }
    }
}

/// A request's body, whole and within [`RequestLimits`].
///
/// `Content-Type` does not matter, and neither does `Content-Encoding`: what was compressed is not
/// decompressed, so it cannot grow here.
#[derive(Debug)]
pub(crate) struct RequestBody(pub(crate) Bytes);

impl<S> FromRequest<S> for RequestBody
where
    RequestLimits: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let limits = RequestLimits::from_ref(state);
        read_whole(request.into_body(), limits).await.map(Self)
    }
}

/// Reads a body to its end, within `limits`.
pub(crate) async fn read_whole(body: Body, limits: RequestLimits) -> Result<Bytes, ApiError> {
    let reading = read(body, limits.body_bytes);
    let body = timeout(limits.body_read, reading).await;
    body.unwrap_or_else(|_| Err(too_slow(limits.body_read)))
}

async fn read(mut body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let mut whole = BytesMut::new();
    let mut seen = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| broken_off())?.into_data() else {
            continue;
        };
        seen = seen.saturating_add(data.len());
        if seen <= limit {
            whole.extend_from_slice(&data);
        } else if seen > limit.saturating_mul(OVERRUN) {
            break;
        }
    }
    if seen > limit {
        Err(too_large(limit))
    } else {
        Ok(whole.freeze())
    }
}

fn too_large(limit: usize) -> ApiError {
    ApiError::body_too_large(&format!("at most {limit} bytes are read"))
}

fn too_slow(limit: Duration) -> ApiError {
    let reason = format!("it was not whole within {} s", limit.as_secs_f64());
    ApiError::refused(
        "The request body could not be read",
        &reason,
        RefusalCode::BodyTooSlow,
    )
}

fn broken_off() -> ApiError {
    ApiError::refused(
        "The request body could not be read",
        "it broke off",
        RefusalCode::BodyBrokenOff,
    )
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use hyper::body::Frame;

    use super::*;

    #[tokio::test]
    async fn a_body_of_exactly_the_limit_is_read_and_one_byte_more_is_not() {
        assert_eq!(read(Body::from("1234"), 4).await.unwrap(), "1234");
        assert!(read(Body::from("12345"), 4).await.is_err());
        assert_eq!(read(Body::empty(), 4).await.unwrap(), "");
    }

    /// A body of which nothing ever comes.
    struct Silent;

    impl hyper::body::Body for Silent {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let limits = RequestLimits {
            body_read: Duration::from_millis(1),
            ..Default::default()
        };
        let request = Request::new(Body::new(Silent));
        let error = RequestBody::from_request(request, &limits)
            .await
            .unwrap_err();
        assert!(format!("{error:?}").contains("body-too-slow"), "{error:?}");
    }
}
