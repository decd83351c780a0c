//! A small HTTP server: it reads a whole request, asks a function what to say, and says it byte for
//! byte.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use chancery_tlog::AddCheckpoint;
use chancery_witness::{Refusal, Witness};

use crate::world::OneWitness;

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Behaviour {
    /// It is the witness.
    Honest(Arc<Witness>),
    /// It is the witness, and answers once there is a permit.
    Held(Arc<Witness>, Arc<Semaphore>),
    /// It asks the witness, and changes what it says.
    Changed(Arc<Witness>, fn(String) -> String),
    /// It cosigns what becomes of the checkpoint's text, at that time.
    Signs(OneWitness, u64, fn(&str) -> String),
    /// It says these bytes and closes.
    Says(Vec<u8>),
    /// It says these bytes, and goes on with the last of them for ever.
    Endless(Vec<u8>),
    /// It says these bytes, then one more each 20 ms.
    Drips(Vec<u8>),
    /// It says nothing, and keeps the connection.
    Silent,
}

/// A server on a port of its own. Dropping it closes the port.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: String,
    behaviour: Arc<Mutex<Behaviour>>,
    running: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/w/", listener.local_addr().unwrap());
        let behaviour = Arc::new(Mutex::new(behaviour));
        let shared = Arc::clone(&behaviour);
        let running = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let behaviour = Arc::clone(&shared);
                tokio::spawn(async move {
                    let _ = serve(stream, &behaviour).await;
                });
            }
        });
        Self {
            url,
            behaviour,
            running,
        }
    }

    pub(crate) fn turn_into(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn serve(mut stream: TcpStream, behaviour: &Mutex<Behaviour>) -> std::io::Result<()> {
    while let Some((head, body)) = request(&mut stream).await? {
        assert!(
            head.starts_with("POST /w/add-checkpoint HTTP/1.1\r\n"),
            "{head}"
        );
        let behaviour = behaviour
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match behaviour {
            Behaviour::Honest(witness) => {
                let answer = answer(witness.add_checkpoint(&body).await);
                stream.write_all(answer.as_bytes()).await?;
            }
            Behaviour::Held(witness, permits) => {
                permits.acquire().await.unwrap().forget();
                let answer = answer(witness.add_checkpoint(&body).await);
                stream.write_all(answer.as_bytes()).await?;
            }
            Behaviour::Changed(witness, change) => {
                let said = witness.add_checkpoint(&body).await;
                let answer = answer(said.map(change));
                stream.write_all(answer.as_bytes()).await?;
            }
            Behaviour::Signs(witness, timestamp_s, change) => {
                let request = AddCheckpoint::parse(&body).unwrap();
                let line = witness.sign(&change(request.checkpoint.text()), timestamp_s);
                let answer = answer(Ok(format!("{line}\n")));
                stream.write_all(answer.as_bytes()).await?;
            }
            Behaviour::Says(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Behaviour::Endless(bytes) => {
                stream.write_all(&bytes).await?;
                let more = vec![*bytes.last().unwrap_or(&b' '); 8192];
                loop {
                    stream.write_all(&more).await?;
                }
            }
            Behaviour::Drips(bytes) => {
                stream.write_all(&bytes).await?;
                loop {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    stream.write_all(b"=").await?;
                }
            }
            Behaviour::Silent => std::future::pending().await,
        }
    }
    Ok(())
}

/// Reads a request with a Content-Length, or `None` at the end of the stream.
async fn request(stream: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end + 2]).into_owned();
            let length: usize = head
                .to_ascii_lowercase()
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
                .unwrap();
            let mut body = bytes.split_off(end + 4);
            let had = body.len();
            body.resize(length, 0);
            stream.read_exact(&mut body[had..]).await?;
            return Ok(Some((head, body)));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

/// Writes what a witness says as c2sp.org/tlog-witness has it.
fn answer(said: Result<String, Refusal>) -> String {
    let (status, body) = match said {
        Ok(lines) => ("200 OK", lines),
        Err(Refusal::Conflict { latest }) => ("409 Conflict", format!("{latest}\n")),
        Err(Refusal::Inconsistent(why)) => ("422 Unprocessable Entity", why),
        Err(Refusal::UnknownLog) => ("404 Not Found", "unknown".to_owned()),
        Err(Refusal::NotSigned) => ("403 Forbidden", "not signed".to_owned()),
        Err(e) => ("400 Bad Request", e.to_string()),
    };
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}
