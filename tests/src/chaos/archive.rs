//! The archive: the checkpoints that replicas served, fetched every 20 ms and verified at once. One
//! that was replaced between two fetches is not seen.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::kind::Kind;
use super::trust::Trust;
use crate::checkpoint::Seen;
use crate::client::Client;

/// How often each replica is asked.
const PERIOD: Duration = Duration::from_millis(20);

/// A poller for each replica, and what they found.
#[derive(Debug)]
pub(crate) struct Archive {
    kind: Kind,
    found: Arc<Mutex<Found>>,
    stop: Arc<AtomicBool>,
    pollers: tokio::task::JoinSet<()>,
}

/// What was served.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// By the text that was served.
    pub(crate) checkpoints: BTreeMap<String, Seen>,
    /// What was served as a checkpoint and is none, or went back at one replica.
    pub(crate) faults: Vec<String>,
}

impl Archive {
    /// Collects the checkpoints of one log.
    pub(crate) fn start(
        kind: Kind,
        trust: &Arc<Trust>,
        replicas: &[String],
    ) -> anyhow::Result<Self> {
        let found = Arc::new(Mutex::new(Found::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let mut pollers = tokio::task::JoinSet::new();
        for url in replicas {
            // A frozen replica must not keep the poller for long.
            let client = Client::with_timeout(url, Duration::from_secs(2))?;
            let (trust, found) = (Arc::clone(trust), Arc::clone(&found));
            let stop = Arc::clone(&stop);
            pollers.spawn(poll(kind, client, url.clone(), trust, found, stop));
        }
        Ok(Self {
            kind,
            found,
            stop,
            pollers,
        })
    }

    /// Stops, writes the archive into `folder` and returns it.
    pub(crate) async fn close(mut self, folder: &Path) -> anyhow::Result<Found> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(poller) = self.pollers.join_next().await {
            poller?;
        }
        let found = std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner));
        let texts: HashSet<&str> = found.checkpoints.keys().map(String::as_str).collect();
        let text: String = texts.into_iter().flat_map(|text| [text, "\0"]).collect();
        std::fs::write(folder.join(format!("checkpoints-{}", self.kind)), text)?;
        Ok(found)
    }
}

async fn poll(
    kind: Kind,
    client: Client,
    url: String,
    trust: Arc<Trust>,
    found: Arc<Mutex<Found>>,
    stop: Arc<AtomicBool>,
) {
    let path = kind.path("checkpoint");
    let mut last: Option<(String, Seen)> = None;
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(PERIOD).await;
        let Ok(answer) = client.get(&path).await else {
            continue;
        };
        let known = last.as_ref().is_some_and(|(text, _)| *text == answer.body);
        if answer.status != 200 || known {
            continue;
        }
        let verified = trust.checkpoint(kind, answer.body.as_bytes());
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        match verified {
            Ok(seen) => {
                if let Some((_, before)) = &last
                    && (seen.head.tree_size < before.head.tree_size
                        || seen.timestamp_ms < before.timestamp_ms)
                {
                    found.faults.push(format!(
                        "{url} went back from size {} to {}",
                        before.head.tree_size, seen.head.tree_size
                    ));
                }
                found.checkpoints.insert(answer.body.clone(), seen);
                last = Some((answer.body, seen));
            }
            Err(e) => found
                .faults
                .push(format!("{url} served {:?}: {e}", answer.body)),
        }
    }
}
