//! Clients that go on asking, whatever happens to the replicas.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chancery_keys::{KeyType, LocalKey};
use serde_json::json;
use tokio::task::JoinSet;

use super::recorder::Recorder;
use crate::client::{Client, Identity, request_body};
use crate::issuer::{Issuer, TokenSpec};

/// How long a client rests after a refusal, in milliseconds.
const REST_MS: std::ops::Range<u64> = 10..40;

/// Clients at work.
#[derive(Debug)]
pub(crate) struct Crowd {
    stop: Arc<AtomicBool>,
    clients: JoinSet<anyhow::Result<()>>,
}

/// Makes an identity whose token outlives every scenario, and every shift of the clock.
pub(crate) async fn identity(issuer: &Issuer, email: &str) -> anyhow::Result<Identity> {
    let spec = json!({
        "claims": {
            "sub": email, "email": email, "email_verified": true,
            "exp": "@now+86400", "iat": "@drop",
        },
        "key": "es256",
    });
    let spec: TokenSpec = serde_json::from_value(spec)?;
    let key = LocalKey::generate(KeyType::P256)?;
    Ok(Identity {
        token: issuer.mint(&spec)?,
        body: request_body(&key, email).await?,
    })
}

/// How long a client that was refused stays away from its own replica.
const AWAY: Duration = Duration::from_millis(500);

impl Crowd {
    /// Starts clients, spread over the replicas; after a refusal each tries the next replica, and
    /// returns to its own a moment later.
    pub(crate) fn start(
        recorder: &Arc<Recorder>,
        identities: &[Identity],
        replicas: &[String],
        patience: Duration,
    ) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for (number, identity) in identities.iter().enumerate() {
            let ways = replicas
                .iter()
                .map(|url| Client::with_timeout(url, patience))
                .collect::<anyhow::Result<Vec<_>>>()?;
            let client = Persistent {
                ways,
                identity: identity.clone(),
                recorder: Arc::clone(recorder),
                stop: Arc::clone(&stop),
            };
            clients.spawn(client.ask_on(number));
        }
        Ok(Self { stop, clients })
    }

    /// Lets each client finish its request, and stops.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(client) = self.clients.join_next().await {
            client??;
        }
        Ok(())
    }
}

struct Persistent {
    ways: Vec<Client>,
    identity: Identity,
    recorder: Arc<Recorder>,
    stop: Arc<AtomicBool>,
}

impl Persistent {
    async fn ask_on(self, home: usize) -> anyhow::Result<()> {
        let (mut way, mut away_since) = (home, Instant::now());
        while !self.stop.load(Ordering::Relaxed) {
            if away_since.elapsed() > AWAY {
                way = home;
            }
            let replica = way % self.ways.len();
            let asked = Instant::now();
            let good = match self.ways[replica].signing_cert(&self.identity).await {
                Ok(answer) => {
                    let took = asked.elapsed();
                    self.recorder.answered(replica, &answer, took).await?;
                    answer.status == 200
                }
                Err(_) => {
                    self.recorder.unanswered();
                    false
                }
            };
            if !good {
                way += 1;
                away_since = Instant::now();
                let rest = rand::random_range(REST_MS);
                tokio::time::sleep(Duration::from_millis(rest)).await;
            }
        }
        Ok(())
    }
}
