//! `chancery log mirror`: keeps a verified copy of somebody's log.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chancery_keys::{Algorithm, PublicKey};
use chancery_log::published_files::{Folder, LogKey};
use chancery_mirror::{Fetcher, Mirror, MirrorError, Round};
use chancery_tlog::{Origin, VerifierKey};
use url::Url;

use crate::cli::LogMirrorArgs;
use crate::commands::log_export::{read_roots, refused};
use crate::failure::{Causes, Failure};
use crate::report::say;
use crate::{reading, serving};

/// How many rounds a log may answer an old checkpoint: something on the way may keep one.
const STALE: u32 = 10;

pub(crate) async fn run(args: LogMirrorArgs) -> Result<(), Failure> {
    let url = Url::parse(&args.url)
        .map_err(|wrong| Failure::usage(format_args!("the log's URL: {wrong}")))?;
    let key = read_key(&args.key, args.origin.as_deref())?;
    let roots = read_roots(args.tls_root.as_deref())?;
    let fetcher = Fetcher::new(url, roots).map_err(|e| Failure::usage(Causes(&e)))?;
    let mirror = Mirror::new(fetcher, key, Arc::new(Folder::new(&args.to)));
    if args.once {
        return round(&mirror).await.map_err(failure);
    }
    let stop = serving::stop_on_signal()?;
    let interval = Duration::from_secs(args.interval);
    match stop.run_until_cancelled(keep(&mirror, interval)).await {
        Some(failure) => Err(failure),
        // Whatever it is at, it goes on from there.
        None => Ok(()),
    }
}

/// Follows the log until it is found to be wrong.
async fn keep(mirror: &Mirror, interval: Duration) -> Failure {
    let mut stale = 0;
    loop {
        match round(mirror).await {
            Ok(()) => stale = 0,
            Err(e) if e.may_be_a_cache() && stale < STALE => {
                stale += 1;
                eprintln!("chancery: {}; looking again", Causes(&e));
            }
            Err(e) if is_away(&e) => eprintln!("chancery: {}; again later", Causes(&e)),
            Err(e) => return failure(e),
        }
        tokio::time::sleep(interval).await;
    }
}

async fn round(mirror: &Mirror) -> Result<(), MirrorError> {
    let shown = Shown::new("mirrored");
    let ended = mirror.round(&|size| shown.show(size)).await;
    shown.end();
    let Round { head, new } = ended?;
    say(format_args!(
        "{new} new entries; the copy is at size {} root {}\n",
        head.tree.tree_size, head.tree.root_hash
    ));
    Ok(())
}

fn is_away(error: &MirrorError) -> bool {
    use chancery_log::export::ExportError;
    match error {
        MirrorError::Fetch(e) => e.is_away(),
        MirrorError::Place(_) => true,
        MirrorError::Export(e) => matches!(
            e,
            ExportError::Place(_) | ExportError::Source(_) | ExportError::Raced(_)
        ),
        MirrorError::Checkpoint(_) | MirrorError::Forked { .. } | MirrorError::Shrunk { .. } => {
            false
        }
    }
}

fn failure(error: MirrorError) -> Failure {
    match error {
        MirrorError::Export(e) => refused(e),
        e if e.blames_the_log() => Failure::verification(Causes(&e)),
        e => Failure::from_error(e),
    }
}

/// Reads a log's key, and how its checkpoints are signed: a verifier key, or a public key in PEM or
/// DER, beside which an Ed25519 log's `origin` must be said.
pub(crate) fn read_key(path: &Path, origin: Option<&str>) -> Result<LogKey, Failure> {
    let bytes = reading::read_key_file(path)?;
    let origin = origin.map(Origin::parse).transpose();
    let origin = origin.map_err(|e| Failure::usage(format!("--origin: {e}")))?;
    let text = str::from_utf8(&bytes).unwrap_or_default().trim();
    if let Ok(key) = VerifierKey::parse(text) {
        let key = LogKey::of_verifier_key(&key).map_err(|e| reading::named(path, &e))?;
        return Ok(key);
    }
    let der = match pem::parse(&bytes) {
        Ok(block) => block.into_contents(),
        Err(_) => bytes,
    };
    let key = PublicKey::from_spki_der(&der).map_err(|e| reading::named(path, &e))?;
    match (key.algorithm(), origin) {
        (Algorithm::Ed25519, Some(origin)) => Ok(LogKey::Ed25519 { key, origin }),
        (Algorithm::Ed25519, None) => Err(Failure::usage(format!(
            "{} is an Ed25519 key, which signs with the log's origin: say --origin too, or give the \
             key as `chancery log keys` writes it",
            path.display()
        ))),
        (_, origin) => Ok(LogKey::Rfc6962 { key, origin }),
    }
}

/// Shows on standard error how far it is: in place on a terminal, a line every five seconds
/// elsewhere.
pub(crate) struct Shown {
    what: &'static str,
    begun: Instant,
    terminal: bool,
    last: Mutex<Option<Instant>>,
}

impl Shown {
    pub(crate) fn new(what: &'static str) -> Self {
        Self {
            what,
            begun: Instant::now(),
            terminal: std::io::stderr().is_terminal(),
            last: Mutex::default(),
        }
    }

    pub(crate) fn show(&self, size: u64) {
        let pause = match self.terminal {
            true => Duration::from_millis(200),
            false => Duration::from_secs(5),
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.unwrap_or(self.begun).elapsed() < pause {
            return;
        }
        *last = Some(Instant::now());
        let seconds = self.begun.elapsed().as_secs();
        let line = format!("{} {size} entries after {seconds} s", self.what);
        let mut stderr = std::io::stderr().lock();
        // Whoever does not read it misses nothing that counts.
        let _ = match self.terminal {
            true => write!(stderr, "\r{line}\x1b[K").and_then(|()| stderr.flush()),
            false => writeln!(stderr, "{line}"),
        };
    }

    pub(crate) fn end(&self) {
        let shown = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.is_some() && self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
