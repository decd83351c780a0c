//! Proving an entry of a ledger, which is named by its index or by what was signed.

use chancery_log::{Form, LogStore, inclusion_proof};
use chancery_mirror::{Fetcher, RemoteLog};
use chancery_store::{LogKind, RecordedLog};
use chancery_tlog::{SignedNote, TlogProof};

use super::{named, write};
use crate::cli::LogProveArgs;
use crate::commands::log_export::read_roots;
use crate::commands::serve::put_database;
use crate::config::Config;
use crate::failure::{Causes, Failure};
use crate::report::say;
use crate::{connecting, exporting, meaning};

/// How many entries of one artifact are told apart.
const SAME_ARTIFACT: u32 = 5;

/// Writes the proof if the entry is a ledger's; `false` if a log of certificates is meant.
pub(super) async fn prove(args: &LogProveArgs) -> Result<bool, Failure> {
    let artifact = artifact(&args.entry);
    if args.log.is_none() && artifact.is_none() {
        return Ok(false);
    }
    let mut config = Config::load(&args.instance.config)?;
    put_database(&mut config, args.instance.database.clone())?;
    let store = connecting::to_read(&connecting::database_url(&config)?).await?;
    let instance = connecting::recorded(&store).await?;
    let meant = |log: &&RecordedLog| {
        let name = args.log.as_ref();
        log.kind == LogKind::Ledger && name.is_none_or(|name| log.name == *name)
    };
    let mut found = Vec::new();
    let mut ledgers = 0;
    for log in instance.every_log().filter(meant) {
        ledgers += 1;
        let stored = exporting::tiered(&config, log, store.log_store(log.log))?;
        for index in indexes(&*stored, &args.entry, artifact.as_deref()).await? {
            found.push((log, stored.clone(), index));
        }
    }
    if ledgers == 0 && artifact.is_none() {
        return Ok(false);
    }
    match &*found {
        [(log, stored, index)] => write_proof(args, &config, log, &**stored, *index).await?,
        [] => {
            return Err(Failure::failed(format!(
                "no ledger of this instance has the entry {}",
                args.entry
            )));
        }
        several => {
            let places = several.iter();
            let places = places.map(|(log, _, index)| format!("--log {} {index}", log.name));
            return Err(Failure::usage(format!(
                "there are several such entries; say which: {}",
                places.collect::<Vec<_>>().join(", ")
            )));
        }
    }
    store.close().await;
    Ok(true)
}

/// Takes the digest of what was signed, with its kind before it or that of SHA-256, as the index has
/// it.
fn artifact(entry: &str) -> Option<String> {
    let (kind, digits) = entry.split_once(':').unwrap_or(("sha256", entry));
    let length = match kind {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return None,
    };
    let hexadecimal = digits.bytes().all(|c| c.is_ascii_hexdigit());
    let fits = hexadecimal && digits.len() == length;
    fits.then(|| format!("{kind}:{}", digits.to_lowercase()))
}

async fn indexes(
    stored: &dyn LogStore,
    entry: &str,
    artifact: Option<&str>,
) -> Result<Vec<u64>, Failure> {
    if let Some(artifact) = artifact {
        let found = stored.find("artifact", artifact, SAME_ARTIFACT).await;
        return found.map_err(Failure::from_error);
    }
    let index = entry.parse::<u64>().map_err(|_| {
        Failure::usage(format!(
            "{entry:?} is neither an index in a ledger nor the digest of what was signed"
        ))
    })?;
    let head = stored.head().await.map_err(Failure::from_error)?;
    Ok((index < head.tree.tree_size)
        .then_some(index)
        .into_iter()
        .collect())
}

/// Proves an entry in what the instance publishes: only it signs checkpoints.
async fn write_proof(
    args: &LogProveArgs,
    config: &Config,
    log: &RecordedLog,
    stored: &dyn LogStore,
    index: u64,
) -> Result<(), Failure> {
    let url = match &args.url {
        Some(url) => url.clone(),
        None => meaning::published_at(config, log)?,
    };
    let roots = read_roots(args.tls_root.as_deref())?;
    let fetcher = Fetcher::new(url.clone(), roots).map_err(Failure::from_error)?;
    let checkpoint = RemoteLog::checkpoint(&fetcher).await;
    let checkpoint = checkpoint.map_err(Failure::from_error)?;
    let wrong = |e: &dyn std::error::Error| {
        Failure::verification(format!("the checkpoint at {url}: {}", Causes(e)))
    };
    let (_, head) = meaning::log_key(log)?
        .verify(&checkpoint)
        .map_err(|e| wrong(&e))?;
    let size = head.tree.tree_size;
    if index >= size {
        return Err(Failure::failed(format!(
            "the ledger at {url} has {size} entries, and none at {index}"
        )));
    }
    let entries = stored.entries(index..index + 1).await;
    let entries = entries.map_err(Failure::from_error)?;
    let damaged = |wrong: String| Failure::verification(format!("entry {index} {wrong}"));
    let entry = entries.first();
    let entry = entry.ok_or_else(|| damaged("is missing in the database".to_owned()))?;
    let leaf = Form::TlogTiles.parse(index, entry).map_err(damaged)?;
    let remote = RemoteLog::new(fetcher, Form::TlogTiles, head);
    let path = inclusion_proof(&remote, index, size).await;
    let proof = TlogProof {
        extra: Some(leaf.merkle_leaf().into_owned()),
        index,
        path: path.map_err(Failure::from_error)?,
        checkpoint: SignedNote::parse(&checkpoint).map_err(|e| wrong(&e))?,
    };
    let verified = proof.verify_leaf(&leaf.leaf_hash());
    verified.map_err(|e| Failure::verification(format!("the ledger's own bytes: {e}")))?;
    let prefix = args.to.clone();
    let prefix = prefix.unwrap_or_else(|| format!("entry-{index}").into());
    let file = named(&prefix, "tlog-proof");
    write(&file, proof.encode().as_bytes())?;
    say(format_args!("{}\n", file.display()));
    Ok(())
}
