//! `chancery log prove`: writes what proves offline that an entry is in the log.

mod ledger;
mod subject;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_log::published_files::CheckpointError;
use chancery_log::{Form, Head, LogReader, StoreError, inclusion_proof};
use chancery_mirror::{FetchError, Fetcher, RemoteLog};
use chancery_tlog::ct::{LogId, TileLeaf, extra_data};
use chancery_tlog::{
    Checkpoint, Hash, MAX_TREE_SIZE, Rfc6962NoteSignature, SignedNote, TlogProof, rfc6962_key_id,
};
use serde_json::{Value, json};
use url::Url;

use self::subject::Subject;
use crate::cli::LogProveArgs;
use crate::commands::log_export::read_roots;
use crate::failure::{Causes, Failure};
use crate::report::say;

pub(crate) async fn run(args: LogProveArgs) -> Result<(), Failure> {
    if ledger::prove(&args).await? {
        return Ok(());
    }
    let subject = Subject::find(&args).await?;
    let Subject {
        published, index, ..
    } = &subject;
    let index = *index;
    let size = published.head.tree.tree_size;
    if index >= size {
        return Err(Failure::failed(format!(
            "the log at {} has {size} entries, and none at {index}",
            published.url
        )));
    }
    let path = inclusion_proof(&published.log, index, size).await;
    let path = path.map_err(Failure::from_error)?;
    let entry = published.entry(&subject).await?;
    let proof = TlogProof {
        extra: entry.as_ref().map(TileLeaf::merkle_tree_leaf),
        index,
        path,
        checkpoint: published.note.clone(),
    };
    if let Some(entry) = &entry {
        let verified = proof.verify_leaf(&entry.leaf_hash());
        verified.map_err(|e| Failure::verification(format!("the log's own bytes: {e}")))?;
    }
    let prefix = args.to.unwrap_or_else(|| format!("entry-{index}").into());
    let tlog_proof = named(&prefix, "tlog-proof");
    write(&tlog_proof, proof.encode().as_bytes())?;
    say(format_args!("{}\n", tlog_proof.display()));
    if let Some(entry) = &entry {
        let json = published.rfc6962(index, &proof.path, entry).await?;
        let file = named(&prefix, "rfc6962.json");
        write(&file, format!("{json:#}\n").as_bytes())?;
        say(format_args!("{}\n", file.display()));
    } else {
        say(format_args!(
            "the log does not show its entries: the proof is to be checked with --certificate, and \
             there is none in RFC 6962's form\n"
        ));
    }
    Ok(())
}

/// A log as it is published.
struct Published {
    url: Url,
    log: RemoteLog,
    note: SignedNote,
    head: Head,
    signature: Rfc6962NoteSignature,
}

impl Published {
    async fn fetch(url: &Url, tls_root: Option<&Path>) -> Result<Self, Failure> {
        let roots = read_roots(tls_root)?;
        let fetcher = Fetcher::new(url.clone(), roots).map_err(Failure::from_error)?;
        let bytes = RemoteLog::checkpoint(&fetcher).await;
        let bytes = bytes.map_err(Failure::from_error)?;
        let wrong_checkpoint = |e: &dyn std::error::Error| {
            Failure::verification(format!("the checkpoint at {url}: {}", Causes(e)))
        };
        let note = SignedNote::parse(&bytes).map_err(|e| wrong_checkpoint(&e))?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|e| wrong_checkpoint(&e))?;
        if checkpoint.head.tree_size > MAX_TREE_SIZE {
            let wrong = CheckpointError::Size(checkpoint.head.tree_size);
            return Err(wrong_checkpoint(&wrong));
        }
        // The other signatures, which are of other lengths, are for witnesses.
        let signature = note.signatures().iter().find_map(|line| {
            let own = line.name == *checkpoint.origin.key_name();
            let parsed = own.then(|| Rfc6962NoteSignature::parse(&line.signature).ok());
            parsed.flatten()
        });
        let signature = signature.ok_or_else(|| {
            Failure::verification(format!("the checkpoint at {url} is not of a CT log"))
        })?;
        let head = Head {
            tree: checkpoint.head,
            timestamp_ms: signature.timestamp_ms,
        };
        Ok(Self {
            url: url.clone(),
            log: RemoteLog::new(fetcher, Form::StaticCt, head),
            note,
            head,
            signature,
        })
    }

    /// Reads the entry: from the database if it is at hand, or as it is published. A log may keep
    /// its entries to itself; whoever has the certificate can do without.
    async fn entry(&self, subject: &Subject) -> Result<Option<TileLeaf>, Failure> {
        let index = subject.index;
        let read = match &subject.stored {
            Some(stored) => stored.entries(index..index + 1).await,
            None => self.log.entries(index..index + 1).await,
        };
        let bytes = match read {
            Ok(entries) => entries.into_iter().next(),
            Err(StoreError::Unavailable(e)) if is_refused(&*e) => None,
            Err(e) => return Err(Failure::from_error(e)),
        };
        let Some(bytes) = bytes else {
            return match (subject.is_certificate, &subject.stored) {
                (true, None) => Ok(None),
                (false, None) => Err(Failure::failed(format!(
                    "the log at {} does not show its entries; name the entry by its certificate, or \
                     leave --url out to have it read from the instance's database",
                    self.url
                ))),
                (_, Some(_)) => Err(Failure::failed(format!(
                    "the instance's database has no entry {index}"
                ))),
            };
        };
        match TileLeaf::parse(&bytes) {
            Ok((leaf, [])) => Ok(Some(leaf)),
            Ok(_) => Err(Failure::verification(format!("entry {index} is not whole"))),
            Err(e) => Err(Failure::verification(format!("entry {index}: {e}"))),
        }
    }

    /// Tells whether the log with this ID has signed the checkpoint, as it says itself.
    fn is_of(&self, log: &LogId) -> bool {
        let Ok(checkpoint) = Checkpoint::parse(self.note.text()) else {
            return false;
        };
        let key_id = rfc6962_key_id(&checkpoint.origin, log);
        let line = self.note.signature_by(checkpoint.origin.key_name(), key_id);
        line.is_some()
    }

    /// Returns what get-sth and get-entry-and-proof would answer, in one document.
    async fn rfc6962(&self, index: u64, path: &[Hash], entry: &TileLeaf) -> Result<Value, Failure> {
        let mut chain = Vec::new();
        for fingerprint in entry.chain_fingerprints() {
            let found = self.log.issuer(fingerprint).await;
            let found = found.map_err(Failure::from_error)?;
            chain.push(found.ok_or_else(|| {
                Failure::verification(format!("the log lacks an issuer of entry {index}"))
            })?);
        }
        let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
        let extra_data = extra_data(entry.entry(), &chain).map_err(Failure::from_error)?;
        let audit_path = path.iter().map(|hash| STANDARD.encode(hash.as_bytes()));
        Ok(json!({
            "sth": {
                "tree_size": self.head.tree.tree_size,
                "timestamp": self.head.timestamp_ms,
                "sha256_root_hash": STANDARD.encode(self.head.tree.root_hash.as_bytes()),
                "tree_head_signature": STANDARD.encode(self.signature.signature.encode()),
            },
            "leaf_index": index,
            "leaf_input": STANDARD.encode(entry.merkle_tree_leaf()),
            "extra_data": STANDARD.encode(extra_data),
            "audit_path": audit_path.collect::<Vec<_>>(),
        }))
    }
}

/// Tells whether a log keeps its entries to itself: nothing else that can go wrong is that.
fn is_refused(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(FetchError::Refused { .. }))
}

fn named(prefix: &Path, extension: &str) -> PathBuf {
    let mut name = prefix.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

/// Writes a new file.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(bytes));
    written.map_err(|e| Failure::failed(format!("{}: {e}", path.display())))
}
