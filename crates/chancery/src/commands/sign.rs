//! `chancery sign`: signs files, or what digests stand for, with one login for all.

pub(super) mod output;
mod progress;
mod who;

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::SystemTime;

use chancery_client::sign::{
    ArtifactDigest, SignError, Signature, SigningServices, SigningSession, Statement,
};
use futures_util::{StreamExt as _, stream};

use self::output::{Artifact, Source, Target};
use self::progress::{Outcome, Progress};
use crate::cli::SignArgs;
use crate::client_trust::{self, ClientTrust};
use crate::failure::{Causes, Failure};
use crate::reading;
use crate::report::counted;

pub(crate) async fn run(args: SignArgs) -> Result<(), Failure> {
    let targets = output::targets(&args)?;
    let trust = client_trust::obtain(&args.trust).await?;
    let services = services(&trust)?;
    let mut progress = Progress::begin(&args, targets.len());

    let (token, from, audience) = who::token(&args.who, &services, &progress).await?;
    let session = SigningSession::begin(services, trust.trusted_root, token, &audience);
    let session = Arc::new(session.map_err(failure)?);
    let certificate = session.certificate().await.map_err(failure)?;
    progress.identity(&certificate, &from);

    let work = Work {
        session: Arc::clone(&session),
        overwrite: args.overwrite,
    };
    match (&args.attest, &args.predicate_type) {
        (Some(predicate), Some(kind)) => {
            work.attest(targets, predicate, kind, &mut progress).await?
        }
        _ => work.sign(targets, args.parallel, &mut progress).await,
    }
    let certificates = session.certificates().await;
    let failed = progress.end(certificates)?;
    if let Some(url) = &trust.url {
        progress.look(url);
    }
    match failed {
        0 => Ok(()),
        failed => Err(Failure::failed(format!(
            "{} could not be signed",
            counted(failed, "artifact")
        ))),
    }
}

/// Chooses whom to ask.
fn services(trust: &ClientTrust) -> Result<SigningServices, Failure> {
    let config = trust.signing_config.as_deref().ok_or_else(|| {
        Failure::configuration(format!(
            "{} does not say whom to ask for signatures: add --signing-config \
             signing_config.v0.2.json",
            trust.from
        ))
    })?;
    SigningServices::choose(config, SystemTime::now())
        .map_err(|error| Failure::configuration(format!("{}: {}", trust.from, Causes(&error))))
}

/// What signs.
#[derive(Clone)]
struct Work {
    session: Arc<SigningSession>,
    overwrite: bool,
}

impl Work {
    /// Signs each, so many at a time, and goes on where one fails.
    ///
    /// The session's own `sign_all` takes digests that are there already; here files are read and
    /// bundles written within the same bound.
    async fn sign(&self, targets: Vec<Target>, parallel: u16, progress: &mut Progress) {
        let signing = targets.into_iter().map(|target| self.sign_one(target));
        let mut signing = pin!(stream::iter(signing).buffer_unordered(parallel.into()));
        while let Some(outcome) = signing.next().await {
            progress.outcome(outcome);
        }
    }

    /// Signs one in a task of its own, so that all processors have their part in many.
    async fn sign_one(&self, target: Target) -> Outcome {
        let Target { artifact, bundle } = target;
        let (name, work, to) = (artifact.name.clone(), self.clone(), bundle.clone());
        let signing = tokio::spawn(async move {
            let digest = artifact.digest().await?;
            let signature = work.session.sign(digest).await.map_err(failure)?;
            let signature = work.write(to, signature).await?;
            Ok((Some(digest), signature))
        });
        Outcome {
            result: signing.await.unwrap_or_else(|_| Err(defect())),
            name,
            bundle,
        }
    }

    /// Makes one statement about all.
    async fn attest(
        &self,
        targets: Vec<Target>,
        predicate: &Path,
        kind: &str,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let read = reading::read_bounded(predicate, Statement::LONGEST as u64);
        let read = read.map_err(|error| reading::named(predicate, &error))?;
        let mut subjects: Vec<(String, ArtifactDigest)> = Vec::new();
        let (mut names, mut bundle) = (Vec::new(), None);
        for Target {
            artifact,
            bundle: to,
        } in targets
        {
            let digest = artifact.digest().await?;
            subjects.push((artifact.subject(), digest));
            names.push(artifact.name);
            bundle.get_or_insert(to);
        }
        let statement = Statement::new(&subjects, kind, &read);
        let statement = statement.map_err(|error| Failure::usage(Causes(&error)))?;
        let signature = self.session.attest(&statement).await.map_err(failure)?;
        let bundle = bundle.unwrap_or_default();
        let signature = self.write(bundle.clone(), signature).await?;
        progress.outcome(Outcome {
            name: names.join(", "),
            bundle,
            result: Ok((None, signature)),
        });
        Ok(())
    }

    /// Writes the bundle, which waits for the disk, where no other signature waits for it.
    async fn write(&self, bundle: PathBuf, signature: Signature) -> Result<Signature, Failure> {
        let overwrite = self.overwrite;
        let writing = tokio::task::spawn_blocking(move || {
            output::write(&bundle, signature.bundle(), overwrite).map(|()| signature)
        });
        writing.await.unwrap_or_else(|_| Err(defect()))
    }
}

impl Artifact {
    async fn digest(&self) -> Result<ArtifactDigest, Failure> {
        let path = match &self.source {
            Source::Digest(digest) => return Ok(*digest),
            Source::File(path) => path,
        };
        let unreadable = |error: &dyn std::error::Error| {
            Failure::failed(format!("{}: {}", self.name, Causes(error)))
        };
        let file = tokio::fs::File::open(path).await;
        let file = file.map_err(|error| unreadable(&error))?;
        let digest = ArtifactDigest::read(file).await;
        digest.map_err(|error| unreadable(&error))
    }
}

/// Says that a task panicked; what it said is on standard error.
fn defect() -> Failure {
    Failure::failed("signing it ended in a defect of chancery: please report it")
}

/// Tells by the exit code who is at fault.
fn failure(error: SignError) -> Failure {
    match &error {
        SignError::Config(_) | SignError::Insecure { .. } => Failure::configuration(Causes(&error)),
        SignError::Statement(_) | SignError::Audience { .. } => Failure::usage(Causes(&error)),
        SignError::Untrusted { .. } | SignError::Unverified(_) => {
            Failure::verification(Causes(&error))
        }
        _ => Failure::failed(Causes(&error)),
    }
}
