//! How cost grows with the log: a log of leaf hashes alone is made, and at each power of ten opened,
//! appended to, and proven from.
//!
//! What is generated has hash tiles but neither entries nor index terms: start, append and proofs
//! read none of an older entry. So the growth of the index of terms is not in these figures.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use chancery_keys::{KeyType, LocalKey, Signer};
use chancery_log::clock::SystemClock;
use chancery_log::guard::FileGuard;
use chancery_log::{
    Batch, EncodedLeaf, Guard as _, Head, IndexTerm, Leaf, Log, LogKeys, LogParts, LogStore,
    PlanRefused, PoolLimits, Tip,
};
use chancery_store::{ConnectOptions, DatabaseUrl, NewInstance, NewLog, Purpose, Readers, Store};
use chancery_tests::usage::Usage;
use chancery_tlog::ct::{LeafIndex, LogId};
use chancery_tlog::{
    Hash, Origin, RightEdge, TileHashes, TileId, TreeHead, consistency_proof, consistency_tiles,
    inclusion_proof, inclusion_tiles, leaf_hash, verify_consistency, verify_inclusion,
};
use clap::Args;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::report::machine;

/// How long the log's history is to be.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The largest size; the smallest is 10,000.
    #[arg(long, default_value_t = 10_000_000)]
    upto: u64,
    /// Appends of each kind that are measured at each size.
    #[arg(long, default_value_t = 200)]
    appends: usize,
    /// Where to write the results, as JSON.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// What was measured at one size. Times are in milliseconds, medians where there are several.
#[derive(Debug, Serialize)]
struct Step {
    size: u64,
    start: f64,
    append_alone: f64,
    append_64: f64,
    /// Processor time of this process for one of 64 entries, in microseconds: what other processes
    /// do to the disk is not in it.
    append_cpu_us: f64,
    inclusion: f64,
    consistency: f64,
    resident_mib: f64,
    database_mib: f64,
}

#[derive(Serialize)]
struct Results {
    machine: String,
    steps: Vec<Step>,
}

/// How many leaves one transaction of the generator takes.
const CHUNK: u64 = 1 << 16;

const LOG: i64 = 1;

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let world = World::make().await?;
    println!("{}", machine());
    println!(
        "{:>12}{:>10}{:>14}{:>12}{:>10}{:>14}{:>16}{:>9}{:>14}",
        "entries",
        "start ms",
        "append ms",
        "64 at once",
        "CPU us",
        "inclusion ms",
        "consistency ms",
        "RSS MiB",
        "database MiB"
    );
    let mut steps = Vec::new();
    let (mut size, mut heads) = (10_000, Vec::new());
    while size <= arguments.upto {
        world.fill(size).await?;
        heads.push(world.store.log_store(LOG).head().await?.tree);
        let step = world.measure(size, arguments.appends, &heads).await?;
        println!(
            "{:>12}{:>10.1}{:>14.2}{:>12.2}{:>10.1}{:>14.2}{:>16.2}{:>9.1}{:>14.0}",
            step.size,
            step.start,
            step.append_alone,
            step.append_64,
            step.append_cpu_us,
            step.inclusion,
            step.consistency,
            step.resident_mib,
            step.database_mib
        );
        steps.push(step);
        size *= 10;
    }
    if let [first, .., last] = &*steps {
        println!(
            "append at {} entries takes {:.2} of the time at {}, 64 at once {:.2}, and {:.2} of the \
             processor time",
            last.size,
            last.append_alone / first.append_alone,
            first.size,
            last.append_64 / first.append_64,
            last.append_cpu_us / first.append_cpu_us
        );
    }
    let Some(folder) = arguments.out else {
        return Ok(());
    };
    std::fs::create_dir_all(&folder)?;
    let results = Results {
        machine: machine(),
        steps,
    };
    let json = serde_json::to_string_pretty(&results)? + "\n";
    Ok(std::fs::write(folder.join("scale.json"), json)?)
}

/// A log in a folder of its own.
struct World {
    folder: tempfile::TempDir,
    store: Store,
    guard: Arc<FileGuard>,
    signer: Arc<LocalKey>,
    witness_signer: Arc<LocalKey>,
    origin: Origin,
}

impl World {
    async fn make() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("chancery.db");
        let url = DatabaseUrl::parse(&format!("sqlite:{}", path.display()))?;
        let store = Store::connect(
            &url,
            ConnectOptions {
                create: true,
                ..ConnectOptions::default()
            },
        )
        .await?;
        store.migrate().await?;
        let guard = Arc::new(FileGuard::create(&folder.path().join("guard"))?);
        let signer = Arc::new(LocalKey::generate(KeyType::P256)?);
        let witness_signer = Arc::new(LocalKey::generate(KeyType::Ed25519)?);
        let origin = Origin::parse("ca.example.org/ct/scale")?;
        let public_key = signer.public_key().spki_der().to_vec();
        let instance = NewInstance {
            purpose: Purpose::Development,
            guard_id: guard.id().to_owned(),
            url: "http://localhost".to_owned(),
            // There must be one; nobody reads it.
            chain: vec![b"no certificate".to_vec()],
            log: NewLog {
                name: "scale".to_owned(),
                origin: origin.to_string(),
                log_id: *LogId::of_spki(&public_key).as_bytes(),
                witness_key: witness_signer.public_key().spki_der().to_vec(),
                public_key,
                readers: Readers::Open,
            },
            now_ms: now_ms()?,
        };
        store.create_instance(instance).await?;
        Ok(Self {
            folder,
            store,
            guard,
            signer,
            witness_signer,
            origin,
        })
    }

    /// Appends generated leaf hashes until there are `size`.
    async fn fill(&self, size: u64) -> anyhow::Result<()> {
        let log = self.store.log_store(LOG);
        let mut edge: Option<RightEdge> = None;
        loop {
            let mut after = None;
            let known = edge.as_ref().map(RightEdge::tree_head);
            let plan = |tip: Tip| {
                let (batch, edge) = generated(tip, edge.take(), size)?;
                after = Some(edge);
                Ok(batch)
            };
            log.sequence(known, Box::new(plan)).await?;
            edge = after;
            if edge.as_ref().is_none_or(|edge| edge.tree_size() >= size) {
                return Ok(());
            }
        }
    }

    async fn measure(
        &self,
        size: u64,
        appends: usize,
        earlier: &[TreeHead],
    ) -> anyhow::Result<Step> {
        let begun = Instant::now();
        let log = Log::open(LogParts {
            name: "scale".to_owned(),
            origin: self.origin.clone(),
            store: self.store.log_store(LOG),
            guard: Arc::<FileGuard>::clone(&self.guard),
            keys: LogKeys::Issuance {
                signer: Arc::<LocalKey>::clone(&self.signer),
                witness_signer: Arc::<LocalKey>::clone(&self.witness_signer),
            },
            witnesses: None,
            clock: Arc::new(SystemClock),
            begins_ms: 0,
            limits: PoolLimits::default(),
        })
        .await?;
        let log = Arc::new(log);
        let start = ms(begun.elapsed());
        let mut alone = Vec::with_capacity(appends);
        for _ in 0..appends {
            alone.push(append(&log, 1).await?);
        }
        let before = Usage::of(&[std::process::id()]).cpu();
        let mut crowd = Vec::with_capacity(appends / 4);
        for _ in 0..appends / 4 {
            crowd.push(append(&log, 64).await?);
        }
        let cpu = Usage::of(&[std::process::id()]).cpu() - before;
        log.close().await;
        let (inclusion, consistency) = self.prove(size, appends, earlier).await?;
        let usage = Usage::of(&[std::process::id()]);
        let mut database = 0;
        for file in std::fs::read_dir(self.folder.path())? {
            database += file?.metadata()?.len();
        }
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        Ok(Step {
            size,
            start,
            append_alone: median(alone),
            append_cpu_us: ms(cpu) * 1e3 / (64 * crowd.len().max(1)) as f64,
            append_64: median(crowd),
            inclusion,
            consistency,
            resident_mib: mib(usage.resident),
            database_mib: mib(database),
        })
    }

    /// Makes proofs from the stored tiles, verifies them, and returns the median times.
    async fn prove(
        &self,
        generated: u64,
        count: usize,
        earlier: &[TreeHead],
    ) -> anyhow::Result<(f64, f64)> {
        let log = self.store.log_store(LOG);
        let head = log.head().await?.tree;
        let size = head.tree_size;
        let (mut inclusion, mut consistency) = (Vec::new(), Vec::new());
        for number in 0..count as u64 {
            // In the younger half, which was generated without a break.
            let index = generated / 2 + number * (generated / 2 / count as u64);
            let begun = Instant::now();
            let tiles = read(&*log, inclusion_tiles(index, size), size).await?;
            let proof = inclusion_proof(index, size, &tiles)?;
            inclusion.push(ms(begun.elapsed()));
            verify_inclusion(index, size, &leaf_of(index), &proof, &head.root_hash)?;

            let begun = Instant::now();
            let tiles = read(&*log, consistency_tiles(index + 1, size), size).await?;
            consistency_proof(index + 1, size, &tiles)?;
            consistency.push(ms(begun.elapsed()));
        }
        for old in earlier {
            let tiles = read(&*log, consistency_tiles(old.tree_size, size), size).await?;
            let proof = consistency_proof(old.tree_size, size, &tiles)?;
            verify_consistency(old, &head, &proof)?;
        }
        Ok((median(inclusion), median(consistency)))
    }
}

/// Reads hash tiles.
async fn read(log: &dyn LogStore, wanted: Vec<TileId>, size: u64) -> anyhow::Result<TileHashes> {
    let stored = log.hash_tiles(&wanted).await?;
    let mut tiles = TileHashes::new(size);
    for (tile, hashes) in wanted.into_iter().zip(stored) {
        tiles.insert(tile, &hashes.context("a tile is missing")?)?;
    }
    Ok(tiles)
}

/// Makes the next leaves of the generated part.
fn generated(
    tip: Tip,
    known: Option<RightEdge>,
    upto: u64,
) -> Result<(Batch, RightEdge), PlanRefused> {
    let size = tip.head.tree.tree_size;
    let mut edge = match (tip.edge_tiles, known) {
        (Some(tiles), _) => RightEdge::from_tiles(size, |wanted| {
            let mut tiles = tiles.iter();
            tiles
                .find(|(tile, _)| *tile == wanted)
                .map(|(_, hashes)| &hashes[..])
        })
        .map_err(|e| PlanRefused::DamagedEdge(e.to_string()))?,
        (None, Some(known)) => known,
        (None, None) => return Err(PlanRefused::DamagedEdge("it was not read".to_owned())),
    };
    let hashes: Vec<Hash> = (size..upto.min(size + CHUNK)).map(leaf_of).collect();
    let tiles = edge.append(&hashes);
    let batch = Batch {
        head: Head {
            tree: edge.tree_head(),
            timestamp_ms: tip.head.timestamp_ms + 1,
        },
        entries: Vec::new(),
        tiles,
        deliveries: Vec::new(),
        issuers: Vec::new(),
        only_once: Vec::new(),
    };
    Ok((batch, edge))
}

fn leaf_of(index: u64) -> Hash {
    leaf_hash(&index.to_be_bytes())
}

/// An entry of the size of a certificate's.
#[derive(Debug)]
struct Entry;

impl Leaf for Entry {
    fn encode(&self, leaf_index: LeafIndex, timestamp_ms: u64) -> EncodedLeaf {
        let mut merkle_leaf = vec![b'm'; 900];
        merkle_leaf.extend(leaf_index.get().to_be_bytes());
        merkle_leaf.extend(timestamp_ms.to_be_bytes());
        EncodedLeaf {
            merkle_leaf,
            tile_leaf: vec![b't'; 2_000],
        }
    }
}

/// Appends `count` entries at once, and returns how long all took, in milliseconds.
async fn append(log: &Arc<Log>, count: usize) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut waiting = JoinSet::new();
    for _ in 0..count {
        let log = Arc::clone(log);
        waiting.spawn(async move { log.append(Box::new(Entry), terms()).await });
    }
    while let Some(appended) = waiting.join_next().await {
        appended??;
    }
    Ok(ms(begun.elapsed()))
}

/// Terms as a certificate has them; no two serial numbers are the same.
fn terms() -> Vec<IndexTerm> {
    let term = |name, value| IndexTerm { name, value };
    let number = rand::random::<u64>();
    vec![
        term(
            "serial",
            format!("{number:016x}{:024x}", u128::from(number)),
        ),
        term("san", format!("load{}@example.com", number % 64)),
        term("issuer", "https://issuer.example.com".to_owned()),
    ]
}

fn now_ms() -> anyhow::Result<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(u64::try_from(since.as_millis())?)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}
