//! A running `chancery serve`, and what it says.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use chancery_keys::{KeyType, LocalKey};
use chancery_tests::client::{Answer, Client, Identity, request_body};
use chancery_tests::issuer::{Issuer, TokenSpec};
use chancery_tests::server::free_port;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{BINARY, init};

const PATIENCE: Duration = Duration::from_secs(20);

/// Who asks for certificates.
pub(crate) const WHO: &str = "ada@example.com";

/// A production instance that is being served. Dropping it kills it.
pub(crate) struct Production {
    child: Child,
    port: u16,
    admin: u16,
    folder: TempDir,
    said: Receiver<String>,
}

/// Another process on an instance's folder. Dropping it kills it.
pub(crate) struct Replica(Child);

impl Drop for Replica {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Makes an instance in a folder of its own.
pub(crate) fn made() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path());
    folder
}

/// Writes a configuration of e-mail issuers, in one step.
pub(crate) fn write_issuers(path: &Path, urls: &[String]) {
    let entry = |url: &String| {
        format!(
            "  {url}:\n    issuer-url: {url}\n    client-id: sigstore\n    type: email\n    \
             allow-http: true\n"
        )
    };
    let entries: String = urls.iter().map(entry).collect();
    replace(path, &format!("oidc-issuers:\n{entries}"));
}

/// Replaces a file as careful programs do.
pub(crate) fn replace(path: &Path, contents: &str) {
    let new = path.with_extension("new");
    fs::write(&new, contents).unwrap();
    fs::rename(new, path).unwrap();
}

/// Makes an identity of an issuer's at a path.
pub(crate) async fn identity(issuer: &Issuer, path: &str) -> Identity {
    let spec = serde_json::json!({
        "path": path,
        "claims": { "sub": "ada", "email": WHO, "email_verified": true },
    });
    let spec: TokenSpec = serde_json::from_value(spec).unwrap();
    let key = LocalKey::generate(KeyType::P256).unwrap();
    Identity {
        token: issuer.mint(&spec).unwrap(),
        body: request_body(&key, WHO).await.unwrap(),
    }
}

impl Production {
    /// Serves the instance in a folder.
    pub(crate) fn start(folder: TempDir) -> Self {
        let (port, admin) = (free_port().unwrap(), free_port().unwrap());
        let address = |port| format!("127.0.0.1:{port}");
        let mut child = Command::new(BINARY)
            .args(["serve", "--listen", &address(port)])
            .args(["--admin-listen", &address(admin)])
            .current_dir(folder.path())
            .env_remove("CHANCERY_DATABASE")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (say, said) = channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                eprintln!("server: {line}");
                // A test that has ended listens no more.
                let _ = say.send(line);
            }
        });
        let production = Self {
            child,
            port,
            admin,
            folder,
            said,
        };
        production.wait_for(&["\"serving\""]);
        production
    }

    /// Serves the same folder by another process, and returns it with a client of it.
    pub(crate) async fn replica(&self) -> (Replica, Client) {
        let (port, admin) = (free_port().unwrap(), free_port().unwrap());
        let child = Command::new(BINARY)
            .args(["serve", "--listen", &format!("127.0.0.1:{port}")])
            .args(["--admin-listen", &format!("127.0.0.1:{admin}")])
            .current_dir(self.folder.path())
            .env_remove("CHANCERY_DATABASE")
            .stdout(Stdio::null())
            .spawn();
        let replica = Replica(child.unwrap());
        let client = Client::new(&format!("http://127.0.0.1:{port}")).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !client
            .get("/healthz")
            .await
            .is_ok_and(|answer| answer.status == 200)
        {
            assert!(Instant::now() < deadline, "the replica does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        (replica, client)
    }

    pub(crate) fn path(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.folder.path().join(name.as_ref())
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&format!("http://127.0.0.1:{}", self.port)).unwrap()
    }

    /// Waits for an event whose line has all of `words`, and returns its message.
    #[track_caller]
    pub(crate) fn wait_for(&self, words: &[&str]) -> String {
        self.wait_within(words, PATIENCE)
    }

    /// Waits for such an event for so long.
    #[track_caller]
    pub(crate) fn wait_within(&self, words: &[&str], patience: Duration) -> String {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.said.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("it never said {words:?}"));
            if words.iter().all(|word| line.contains(word)) {
                let event: Value = serde_json::from_str(&line).unwrap();
                return event["message"].as_str().unwrap().to_owned();
            }
        }
    }

    /// Asks it to read its configuration again.
    pub(crate) fn hang_up(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-HUP", &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Asks it to stop, waits until it has, and returns its folder.
    pub(crate) fn stop(mut self) -> TempDir {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.unwrap().success());
        assert!(self.child.wait().unwrap().success());
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    /// Returns what `/metrics` shows.
    pub(crate) async fn metrics(&self) -> String {
        let admin = Client::new(&format!("http://127.0.0.1:{}", self.admin)).unwrap();
        admin.get("/metrics").await.unwrap().body
    }

    /// Returns the value of a metric.
    pub(crate) async fn metric(&self, name: &str) -> String {
        let body = self.metrics().await;
        let line = body.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().to_owned()
    }

    /// Asks for a certificate, and again as long as no log takes entries: one that was to begin at once
    /// does so at the next whole second.
    pub(crate) async fn certificate_when_begun(&self, identity: &Identity) -> Answer {
        let client = self.client();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = client.signing_cert(identity).await.unwrap();
            if answer.status != 503 || Instant::now() > deadline {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks for a certificate and returns the status.
    pub(crate) async fn status(&self, identity: &Identity) -> u16 {
        let answer = self.client().signing_cert(identity).await.unwrap();
        answer.status
    }
}

impl Drop for Production {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
