//! Clients that go on asking, whatever happens to the replicas.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chancery_keys::{KeyType, LocalKey};
use serde_json::json;
use tokio::task::JoinSet;

use super::kind::Kind;
use super::recorder::Recorder;
use crate::client::{Client, EntryRequest, Identity, request_body};
use crate::issuer::{Issuer, TokenSpec};

/// How long a client rests after a refusal, in milliseconds.
const REST_MS: std::ops::Range<u64> = 10..40;

/// Clients at work.
#[derive(Debug)]
pub(crate) struct Crowd {
    stop: Arc<AtomicBool>,
    clients: JoinSet<anyhow::Result<()>>,
}

/// Who asks for certificates, and signs under them.
#[derive(Clone, Debug)]
pub(crate) struct Signatory {
    pub(crate) identity: Identity,
    key: Arc<LocalKey>,
}

impl Signatory {
    /// Signs something that nobody has signed, under a certificate in DER.
    pub(crate) fn sign(&self, certificate: &[u8]) -> anyhow::Result<EntryRequest> {
        EntryRequest::sign(&self.key, certificate, &rand::random::<[u8; 32]>())
    }
}

/// Where what the logs give is recorded.
#[derive(Clone, Debug)]
pub(crate) struct Recorders {
    pub(crate) issuance: Arc<Recorder>,
    pub(crate) ledger: Arc<Recorder>,
}

impl Recorders {
    pub(crate) fn of(&self, kind: Kind) -> &Arc<Recorder> {
        match kind {
            Kind::Issuance => &self.issuance,
            Kind::Ledger => &self.ledger,
        }
    }
}

/// Makes an identity whose token outlives every scenario, and every shift of the clock.
pub(crate) async fn identity(issuer: &Issuer, email: &str) -> anyhow::Result<Signatory> {
    let spec = json!({
        "claims": {
            "sub": email, "email": email, "email_verified": true,
            "exp": "@now+86400", "iat": "@drop",
        },
        "key": "es256",
    });
    let spec: TokenSpec = serde_json::from_value(spec)?;
    let key = LocalKey::generate(KeyType::P256)?;
    Ok(Signatory {
        identity: Identity {
            token: issuer.mint(&spec)?,
            body: request_body(&key, email).await?,
        },
        key: Arc::new(key),
    })
}

/// What the ledger says of a signature under a certificate that has expired: where a clock is wrong.
const TOO_OLD: &str = "not valid now";

/// How long a client that was refused stays away from its own replica.
const AWAY: Duration = Duration::from_millis(500);

impl Crowd {
    /// Starts clients, spread over the replicas; after a refusal each tries the next replica, and
    /// returns to its own a moment later. Where there is a ledger among the `kinds`, each enters a
    /// signature there under every certificate.
    pub(crate) fn start(
        recorders: &Recorders,
        kinds: &[Kind],
        signatories: &[Signatory],
        replicas: &[String],
        patience: Duration,
    ) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for (number, signatory) in signatories.iter().enumerate() {
            let ways = replicas
                .iter()
                .map(|url| Client::with_timeout(url, patience))
                .collect::<anyhow::Result<Vec<_>>>()?;
            let client = Persistent {
                ways,
                signatory: signatory.clone(),
                signs: kinds.contains(&Kind::Ledger),
                waiting: None,
                recorders: recorders.clone(),
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
    signatory: Signatory,
    /// Whether it enters signatures in the ledger.
    signs: bool,
    /// A request for an entry of which it does not know that it is there.
    waiting: Option<EntryRequest>,
    recorders: Recorders,
    stop: Arc<AtomicBool>,
}

impl Persistent {
    async fn ask_on(mut self, home: usize) -> anyhow::Result<()> {
        let (mut way, mut away_since) = (home, Instant::now());
        while !self.stop.load(Ordering::Relaxed) {
            if away_since.elapsed() > AWAY {
                way = home;
            }
            let replica = way % self.ways.len();
            let good = match self.waiting.take() {
                None => self.ask_for_certificate(replica).await?,
                Some(request) => self.ask_for_entry(replica, request).await?,
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

    async fn ask_for_certificate(&mut self, replica: usize) -> anyhow::Result<bool> {
        let asked = Instant::now();
        let way = &self.ways[replica];
        let Ok(answer) = way.signing_cert(&self.signatory.identity).await else {
            self.recorders.issuance.unanswered();
            return Ok(false);
        };
        let took = asked.elapsed();
        let recorder = &self.recorders.issuance;
        recorder.answered(replica, &answer, took).await?;
        let good = answer.status == 200;
        if good && self.signs {
            self.waiting = Some(self.signatory.sign(&answer.leaf()?)?);
        }
        Ok(good)
    }

    /// Asks until the entry is there, or its certificate is too old for it.
    async fn ask_for_entry(
        &mut self,
        replica: usize,
        request: EntryRequest,
    ) -> anyhow::Result<bool> {
        let asked = Instant::now();
        let Ok(answer) = self.ways[replica].add_entry(&request).await else {
            self.recorders.ledger.unanswered();
            self.waiting = Some(request);
            return Ok(false);
        };
        if answer.status == 400 && answer.body.contains(TOO_OLD) {
            return Ok(false);
        }
        let (recorder, took) = (&self.recorders.ledger, asked.elapsed());
        let there = recorder.entered(replica, &request, &answer, took).await?;
        if !there {
            self.waiting = Some(request);
        }
        Ok(there)
    }
}
