//! A forwarder between replica and database that can be led elsewhere, and that can lose the
//! answer to a COMMIT.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf as FromClient, OwnedWriteHalf as ToClient};
use tokio::net::unix::{OwnedReadHalf as FromServer, OwnedWriteHalf as ToServer};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

/// What happens to a COMMIT.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Loss {
    /// It takes effect; its answer is lost, and the connection is cut.
    Answer,
    /// It takes effect; its answer is lost, and the connection stays silent.
    AnswerSilently,
    /// It is lost itself, and the connection is cut.
    Request,
    /// It takes effect only after its sender has given up.
    Late,
}

/// All losses there are.
pub(crate) const LOSSES: [Loss; 4] = [
    Loss::Answer,
    Loss::AnswerSilently,
    Loss::Request,
    Loss::Late,
];

/// Longer than a process waits for a COMMIT, and shorter than a session may be idle in it.
const LATE: Duration = Duration::from_millis(1_800);

/// How long a silent connection is kept.
const SILENCE: Duration = Duration::from_secs(6);

/// A TCP port that leads to a Unix socket. Dropping it cuts everything.
#[derive(Debug)]
pub(crate) struct Forwarder {
    port: u16,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    target: watch::Sender<PathBuf>,
    delay_ms: AtomicU64,
    /// Applies to the next COMMIT.
    loss: Mutex<Option<Loss>>,
    lost: AtomicU64,
}

impl Forwarder {
    pub(crate) async fn start(target: PathBuf) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(State {
            target: watch::Sender::new(target),
            delay_ms: AtomicU64::new(0),
            loss: Mutex::new(None),
            lost: AtomicU64::new(0),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&state)));
        Ok(Self { port, state, task })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Leads new connections elsewhere, and cuts those there are.
    pub(crate) fn lead_to(&self, target: PathBuf) {
        self.state.target.send_replace(target);
    }

    /// Delays whatever the server says.
    pub(crate) fn delay(&self, delay: Duration) {
        let ms = delay.as_millis() as u64;
        self.state.delay_ms.store(ms, Ordering::Relaxed);
    }

    /// Does this to the next COMMIT.
    pub(crate) fn lose(&self, loss: Loss) {
        *self.state.loss() = Some(loss);
    }

    /// Returns how many were lost so far.
    pub(crate) fn lost(&self) -> u64 {
        self.state.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    fn loss(&self) -> std::sync::MutexGuard<'_, Option<Loss>> {
        self.loss.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let mut target = state.target.subscribe();
            let socket = target.borrow_and_update().clone();
            let Ok(server) = UnixStream::connect(socket).await else {
                return;
            };
            // Led elsewhere: both ends are dropped, and so closed.
            tokio::select! {
                _ = target.changed() => {}
                () = forward(client, server, &state) => {}
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn forward(client: TcpStream, server: UnixStream, state: &State) {
    // Small messages; whatever happens shows as the end of the connection.
    let _ = client.set_nodelay(true);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let silent = watch::Sender::new(false);
    tokio::select! {
        () = answers(from_server, to_client, state, silent.subscribe()) => {}
        () = requests(from_client, to_server, state, &silent) => {}
    }
}

async fn requests(
    mut client: FromClient,
    mut server: ToServer,
    state: &State,
    silent: &watch::Sender<bool>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = client.read(&mut buffer).await {
        let bytes = buffer.get(..count).unwrap_or_default();
        let commit = bytes.windows(6).any(|window| window == b"COMMIT");
        let loss = if commit { state.loss().take() } else { None };
        let Some(loss) = loss else {
            if server.write_all(bytes).await.is_err() {
                return;
            }
            continue;
        };
        state.lost.fetch_add(1, Ordering::Relaxed);
        if loss == Loss::Request {
            return;
        }
        silent.send_replace(true);
        if loss == Loss::Late {
            tokio::time::sleep(LATE).await;
        }
        // Where this fails, the COMMIT was lost after all.
        let _ = server.write_all(bytes).await;
        let rest = match loss {
            Loss::Answer => Duration::from_millis(100),
            _ => SILENCE,
        };
        tokio::time::sleep(rest).await;
        return;
    }
}

async fn answers(
    mut server: FromServer,
    mut client: ToClient,
    state: &State,
    silent: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = server.read(&mut buffer).await {
        let delay = state.delay_ms.load(Ordering::Relaxed);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        if *silent.borrow() {
            continue;
        }
        let bytes = buffer.get(..count).unwrap_or_default();
        if client.write_all(bytes).await.is_err() {
            return;
        }
    }
}
