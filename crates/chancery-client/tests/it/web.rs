//! A web server for the files of one folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Serves a folder until it is dropped.
pub(crate) struct Web {
    task: JoinHandle<()>,
    port: u16,
    folder: tempfile::TempDir,
    missing: Arc<AtomicU16>,
}

impl Web {
    pub(crate) async fn serve() -> Self {
        Self::serve_slowly(Duration::ZERO).await
    }

    /// Takes so long for each answer.
    pub(crate) async fn serve_slowly(pause: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let missing = Arc::new(AtomicU16::new(404));
        let task = tokio::spawn(accept(
            listener,
            folder.path().to_owned(),
            pause,
            missing.clone(),
        ));
        Self {
            task,
            port,
            folder,
            missing,
        }
    }

    /// Answers another status than 404 from now on, where there is no file.
    pub(crate) fn answer_missing(&self, status: u16) {
        self.missing.store(status, Ordering::Relaxed);
    }

    /// Stops: whoever connects is refused.
    pub(crate) async fn stop(&mut self) {
        self.task.abort();
        let ended = (&mut self.task).await;
        assert!(ended.unwrap_err().is_cancelled());
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

async fn accept(listener: TcpListener, folder: PathBuf, pause: Duration, missing: Arc<AtomicU16>) {
    while let Ok((stream, _)) = listener.accept().await {
        let status = missing.load(Ordering::Relaxed);
        tokio::spawn(answer(stream, folder.clone(), pause, status));
    }
}

async fn answer(
    mut stream: TcpStream,
    folder: PathBuf,
    pause: Duration,
    missing: u16,
) -> Option<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.ok()?);
    }
    let request = String::from_utf8(request).ok()?;
    let path = request
        .split(' ')
        .nth(1)?
        .trim_start_matches('/')
        .to_owned();
    let path = folder.join(path);
    let (status, body) = match std::fs::read(&path) {
        Ok(body) => (200, body),
        Err(_) => (missing, Vec::new()),
    };
    // What is to be served from the second time on, if there is anything.
    let _ = std::fs::rename(path.with_added_extension("then"), &path);
    tokio::time::sleep(pause).await;
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(&body).await.ok()
}
