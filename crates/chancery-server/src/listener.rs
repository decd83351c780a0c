//! The accept loop: connections served within limits, and a drain that finishes what is in flight.
//!
//! `axum::serve` has no knobs against slow or hostile peers, so connections are driven here through
//! hyper-util's builder, which speaks HTTP/1 and HTTP/2 with prior knowledge on the same port.
//!
//! What bounds a connection, from its first byte on:
//!
//! - its TLS handshake, if there is one, and its first request head must be whole within
//!   [`ServeLimits::first_head`];
//! - no read and no head of a later request may take longer than [`ServeLimits::idle`];
//! - no write may stall longer than [`ServeLimits::write_stall`];
//! - no answer may stay unread longer than that and what its size allows for, whatever else goes
//!   over the connection;
//! - heads, streams and resets are counted and sized;
//! - when there are as many connections as there may be, one that waits for its peer longer than
//!   [`ServeLimits::spared`] makes room for the next.
//!
//! Request bodies and the time to answer are the router's business, see
//! [`RequestLimits`](crate::RequestLimits).

mod seats;

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, Version, header};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use crate::listener::seats::{Seat, Seats};
use crate::outgoing::Peer;
use crate::tls::{HTTP_2, Tls};

/// How long the accept loop waits after an error that is its own, such as running out of file
/// descriptors; connections that end meanwhile give some back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a connection that was open at the shutdown signal may take to begin a request: its
/// client has no way to know that it comes late. The answer then says that it was the last.
const GRACE: Duration = Duration::from_secs(1);

/// Says that an answer is the connection's last.
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// What one listener grants its peers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServeLimits {
    /// Connections at the same time; more wait in the kernel's queue. Default 1024.
    pub max_connections: usize,
    /// How long a connection may leave us waiting, for its first request, for the rest of one or for
    /// the next, before its place is given to a new one that finds none. Default 1 s.
    pub spared: Duration,
    /// Time from accepting a connection to its first whole request head, the TLS handshake included.
    /// Default 10 s.
    pub first_head: Duration,
    /// Longest silence of a peer, between requests or within one; longer than any request may take
    /// ([`RequestLimits::total`](crate::RequestLimits::total)), or answers would be cut off.
    /// Default 60 s.
    pub idle: Duration,
    /// Longest time for which a peer may leave our bytes unread. Default 30 s.
    pub write_stall: Duration,
    /// Time after the shutdown signal in which requests in flight may finish. Default 30 s.
    pub drain: Duration,
    /// Header fields in an HTTP/1 request; more are answered 431. Default 64.
    pub max_headers: usize,
    /// Bytes of a request head, and of the buffer that it is read into. At least 8 KiB, default
    /// 64 KiB.
    pub max_head_bytes: usize,
    /// Streams at the same time on one HTTP/2 connection. Default 100.
    pub max_streams: u32,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            max_connections: 1024,
            spared: Duration::from_secs(1),
            first_head: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            write_stall: Duration::from_secs(30),
            drain: Duration::from_secs(30),
            max_headers: 64,
            max_head_bytes: 64 * 1024,
            max_streams: 100,
        }
    }
}

impl ServeLimits {
    fn builder(&self) -> auto::Builder<TokioExecutor> {
        // hyper panics below 8 KiB.
        let head_bytes = self.max_head_bytes.max(8 * 1024);
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.idle)
            .max_headers(self.max_headers)
            .max_buf_size(head_bytes)
            // What is to be sent is queued and not copied, so that it is counted until it is sent.
            .writev(true);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.max_streams)
            .max_header_list_size(u32::try_from(head_bytes).unwrap_or(u32::MAX))
            .max_send_buf_size(256 * 1024)
            // Rapid reset (CVE-2023-44487): the peer's resets that we have not seen yet, and
            // those that its errors made us send.
            .max_pending_accept_reset_streams(20)
            .max_local_error_reset_streams(128);
        builder
    }
}

/// Serves `router` on `listener`, over TLS if there is any, until `shutdown` is cancelled, then
/// drains.
///
/// After the signal no connection is accepted, requests in flight are finished, and connections that
/// stay idle closed. What is still open when [`ServeLimits::drain`] is over is cut off. The function returns
/// when no connection is left.
///
/// # Errors
///
/// Fails only if the listener is unusable from the start. Errors of single connections are theirs,
/// and when file descriptors run out the loop waits for some to come back.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ServeLimits,
    tls: Option<Tls>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let seats = Seats::new(limits.max_connections, limits.spared);
    let server = Arc::new(Server {
        either: limits.builder(),
        http_2: limits.builder().http2_only(),
        limits,
        router,
        tls,
        shutdown: shutdown.clone(),
        cut: CancellationToken::new(),
    });
    let connections = TaskTracker::new();
    while let Some((stream, seat)) = next(&listener, &seats, &shutdown).await {
        connections.spawn(Arc::clone(&server).drive(stream, seat));
    }
    // What the kernel has already accepted for us would be reset when the listener closes. It is
    // asked directly: the runtime may not have heard of the newest yet.
    let listener = listener.into_std()?;
    for _ in 0..server.limits.max_connections {
        let Some(stream) = accept_waiting(&listener) else {
            break;
        };
        let Some(seat) = seats.free() else {
            break;
        };
        connections.spawn(Arc::clone(&server).drive(stream, seat));
    }
    drop(listener);
    connections.close();
    if timeout(server.limits.drain, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(%address, open = connections.len(), "drain limit reached, cutting off");
        server.cut.cancel();
        connections.wait().await;
    }
    Ok(())
}

/// Waits for a connection and then for a place for it; `None` after the shutdown signal.
async fn next(
    listener: &TcpListener,
    seats: &Seats,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, Arc<Seat>)> {
    let connection = async {
        let stream = accept(listener).await;
        (stream, seats.take().await)
    };
    tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        connection = connection => Some(connection),
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections, waiting");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Accepts a connection that waits in the kernel's queue, if one does.
fn accept_waiting(listener: &std::net::TcpListener) -> Option<TcpStream> {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(true).ok()?;
                return TcpStream::from_std(stream).ok();
            }
            Err(error) if is_the_peers(&error) || error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

/// Tells an error of the one connection that was about to be accepted from one of ours.
fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}

/// What every connection of a listener shares.
struct Server {
    /// For peers who may speak either version of HTTP.
    either: auto::Builder<TokioExecutor>,
    /// For peers who said in their TLS handshake that it will be HTTP/2.
    http_2: auto::Builder<TokioExecutor>,
    limits: ServeLimits,
    router: Router,
    tls: Option<Tls>,
    shutdown: CancellationToken,
    /// Cancelled when the drain is over.
    cut: CancellationToken,
}

/// A connection each of whose reads and writes is bounded.
type Timed = Pin<Box<TimeoutStream<TcpStream>>>;

impl Server {
    async fn drive(self: Arc<Self>, stream: TcpStream, seat: Arc<Seat>) {
        tokio::select! {
            () = self.speak(stream, &seat) => {}
            () = seat.lost() => tracing::debug!("connection given up for a new one"),
        }
    }

    async fn speak(&self, stream: TcpStream, seat: &Arc<Seat>) {
        let first_head_by = Instant::now() + self.limits.first_head;
        let stream = self.timed(stream);
        let Some(tls) = &self.tls else {
            let stream = Either::Left(stream);
            return self
                .converse(&self.either, stream, first_head_by, seat)
                .await;
        };
        let Some(stream) = self.shake_hands(tls, stream, first_head_by).await else {
            return;
        };
        let builder = match stream.get_ref().1.alpn_protocol() {
            Some(HTTP_2) => &self.http_2,
            _ => &self.either,
        };
        let stream = Either::Right(Box::new(stream));
        self.converse(builder, stream, first_head_by, seat).await;
    }

    /// Ends without a stream if the peer does not get it done in time.
    async fn shake_hands(&self, tls: &Tls, stream: Timed, by: Instant) -> Option<TlsStream<Timed>> {
        let drain = async {
            self.shutdown.cancelled().await;
            sleep(GRACE).await;
        };
        tokio::select! {
            biased;
            shaken = tls.accept(stream) => {
                shaken.inspect_err(|error| tracing::trace!(%error, "TLS handshake failed")).ok()
            }
            () = self.cut.cancelled() => None,
            () = drain => None,
            () = sleep_until(by) => None,
        }
    }

    async fn converse(
        &self,
        builder: &auto::Builder<TokioExecutor>,
        stream: Either<Timed, Box<TlsStream<Timed>>>,
        first_head_by: Instant,
        seat: &Arc<Seat>,
    ) {
        let begun = CancellationToken::new();
        let peer = Peer::new(seat.cut().clone(), self.limits.write_stall);
        let service = service_fn({
            let (begun, router) = (begun.clone(), self.router.clone());
            let shutdown = self.shutdown.clone();
            let (seat, peer) = (Arc::clone(seat), peer.clone());
            move |request: Request<Incoming>| {
                begun.cancel();
                let (mut head, body) = request.into_parts();
                head.extensions.insert(peer.clone());
                let (body, work) = seat.watch(body);
                let over_http_1 = head.version < Version::HTTP_2;
                let answer = router.clone().call(Request::from_parts(head, body));
                let shutdown = shutdown.clone();
                async move {
                    let _until_answered = work;
                    let mut answer = answer.await?;
                    if over_http_1 && shutdown.is_cancelled() {
                        answer.headers_mut().insert(header::CONNECTION, CLOSE);
                    }
                    Ok::<_, Infallible>(answer)
                }
            }
        });
        let stream = TokioIo::new(stream);
        let connection = builder.serve_connection(stream, service);
        let first_head = sleep_until(first_head_by);
        let drain = async {
            self.shutdown.cancelled().await;
            // Closing an idle connection at once could meet a request that is on its way.
            sleep(GRACE).await;
        };
        let stalls = peer.stalls();
        tokio::pin!(connection, first_head, drain, stalls);
        let (mut head_awaited, mut draining) = (true, false);
        loop {
            tokio::select! {
                // The connection first: what it has already received is served before it is told
                // to close.
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::trace!(error, "connection ended");
                    }
                    return;
                }
                () = self.cut.cancelled() => return,
                () = &mut stalls => {
                    tracing::debug!("connection given up, an answer is not read");
                    return;
                }
                () = &mut drain, if !draining => {
                    draining = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = &mut first_head, if head_awaited => {
                    if !begun.is_cancelled() {
                        return;
                    }
                    head_awaited = false;
                }
            }
        }
    }

    /// Bounds each read and write of `stream`.
    fn timed(&self, stream: TcpStream) -> Timed {
        // An answer is one small write; waiting for more would only delay it. A socket that is
        // closed already says so at the first read.
        let _ = stream.set_nodelay(true);
        let mut timed = TimeoutStream::new(stream);
        timed.set_read_timeout(Some(self.limits.idle));
        timed.set_write_timeout(Some(self.limits.write_stall));
        Box::pin(timed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_of_descriptors_is_ours_and_a_reset_is_the_peers() {
        const EMFILE: i32 = 24;
        assert!(!is_the_peers(&io::Error::from_raw_os_error(EMFILE)));
        assert!(is_the_peers(&io::ErrorKind::ConnectionReset.into()));
    }
}
