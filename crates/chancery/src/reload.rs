//! Taking what operators changed while serving goes on: on SIGHUP, and when a file changes.
//!
//! A part is read whole and put in force in one step, or not at all: what is refused is said with
//! its reason, and what was in force stays in force.

mod fingerprint;
mod identity;
mod keys;
mod settings;
mod tls;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chancery_server::Metrics;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
pub(crate) use crate::reload::fingerprint::Fingerprint;
pub(crate) use crate::reload::identity::IdentityPart;
pub(crate) use crate::reload::keys::KeysPart;
pub(crate) use crate::reload::settings::Settings;
pub(crate) use crate::reload::tls::TlsPart;

/// How often files are looked at. Contents are compared, not times: a Kubernetes volume swaps a
/// symbolic link, and some tools keep the time of what they copy.
const LOOK: Duration = Duration::from_secs(1);

/// Something that can be read anew.
pub(crate) trait Part: Send {
    /// Returns what events call it.
    fn name(&self) -> &'static str;

    /// Returns the files that it is read from.
    fn files(&self) -> Vec<PathBuf>;

    /// Reads it, and puts it in force if it is another than the one in force. Returns what changed,
    /// or nothing if it is the same.
    fn reload(&mut self) -> Result<Option<String>, Failure>;
}

/// The parts of a process that can be read anew.
pub(crate) struct Reloader {
    parts: Vec<Watched>,
    settings: Option<Settings>,
    metrics: Arc<Metrics>,
}

struct Watched {
    part: Box<dyn Part>,
    /// The files as they were when they were last read, whether that was refused or not.
    tried: Option<Fingerprint>,
    /// The files as they were at the last look, if that was the first to see them so: somebody may
    /// still be writing.
    settling: Option<Fingerprint>,
    refused: bool,
}

impl Reloader {
    pub(crate) fn new(
        parts: Vec<Box<dyn Part>>,
        settings: Option<Settings>,
        metrics: Arc<Metrics>,
    ) -> Self {
        // What was read at the start may have changed since. So the first look reads everything
        // once more, and says nothing where nothing is new.
        let watched = |part| Watched {
            part,
            tried: None,
            settling: None,
            refused: false,
        };
        Self {
            parts: parts.into_iter().map(watched).collect(),
            settings,
            metrics,
        }
    }

    /// Reloads on each `hangup` and change until `stop`.
    pub(crate) async fn run(mut self, mut hangup: Hangup, stop: CancellationToken) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let act: fn(&mut Self) = tokio::select! {
                () = stop.cancelled() => return,
                _ = hangup.0.recv() => Self::reload,
                _ = looks.tick() => Self::look,
            };
            // Files may be on a disk that hangs; nobody else is to wait for them.
            let acted = tokio::task::spawn_blocking(move || {
                act(&mut self);
                self
            });
            self = match acted.await {
                Ok(reloader) => reloader,
                Err(error) => {
                    tracing::error!(%error, "reloading ended; what is in force stays in force");
                    return;
                }
            };
        }
    }

    /// Reloads everything, because somebody asked.
    fn reload(&mut self) {
        tracing::info!("SIGHUP: reading the configuration again");
        let settings = self.settings.as_ref().is_none_or(Settings::compare);
        for watched in &mut self.parts {
            let found = Fingerprint::of(&watched.part.files());
            if !watched.reload(found) && !watched.refused {
                tracing::info!("{}: unchanged", watched.part.name());
            }
        }
        self.count(settings);
    }

    /// Reloads what has changed and has not changed since the last look.
    fn look(&mut self) {
        let mut tried = false;
        for watched in &mut self.parts {
            let found = Fingerprint::of(&watched.part.files());
            let changed = watched.tried.as_ref() != Some(&found);
            if changed && watched.settling.as_ref() == Some(&found) {
                watched.reload(found);
                tried = true;
            } else {
                watched.settling = changed.then_some(found);
            }
        }
        if tried {
            self.count(true);
        }
    }

    fn count(&self, settings: bool) {
        let good = settings && !self.parts.iter().any(|watched| watched.refused);
        self.metrics.reloaded(good);
    }
}

impl Watched {
    /// Reads the part, whose files were `found`. Returns whether something new is in force.
    fn reload(&mut self, found: Fingerprint) -> bool {
        let first = self.tried.replace(found).is_none();
        self.settling = None;
        let name = self.part.name();
        let was_refused = self.refused;
        let read = match stream_among(&self.part.files()) {
            Some(stream) if first => {
                tracing::info!("{name}: {}", not_read_again(&stream));
                return false;
            }
            Some(stream) => Err(Failure::configuration(not_read_again(&stream))),
            None => self.part.reload(),
        };
        match read {
            Ok(changes) => {
                self.refused = false;
                match &changes {
                    Some(changes) => tracing::info!("{name}: reloaded: {changes}"),
                    None if was_refused => tracing::info!("{name}: good again, and unchanged"),
                    None => {}
                }
                changes.is_some()
            }
            Err(failure) => {
                self.refused = true;
                tracing::error!("{name}: refused, the old one stays in force: {failure}");
                false
            }
        }
    }
}

/// Returns the first of the files that is a pipe, a socket or a device. At the start it may have been
/// read, as where a shell gave a command's output; once more, there may be nobody to write to it, and
/// reading would wait for ever.
fn stream_among(files: &[PathBuf]) -> Option<PathBuf> {
    let is_stream = |path: &&PathBuf| {
        let kind = path.metadata().map(|metadata| metadata.file_type());
        kind.is_ok_and(|kind| !kind.is_file() && !kind.is_dir())
    };
    files.iter().find(is_stream).cloned()
}

fn not_read_again(stream: &Path) -> String {
    format!(
        "{} is not a regular file and is not read again",
        stream.display()
    )
}

/// SIGHUP, which from now on ends nothing.
pub(crate) struct Hangup(Signal);

impl Hangup {
    /// Takes the signal over, before anything slow: its default action ends the process.
    pub(crate) fn take() -> Result<Self, Failure> {
        signal(SignalKind::hangup())
            .map(Self)
            .map_err(Failure::from_error)
    }
}

#[cfg(test)]
mod tests;
