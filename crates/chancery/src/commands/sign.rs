//! `chancery sign`: signs files, or what digests stand for, with one login for all.

mod output;
mod progress;
mod who;

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use chancery_client::sign::{
    ArtifactDigest, SignError, Signature, SigningServices, SigningSession, Statement,
};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

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
    async fn sign(&self, targets: Vec<Target>, parallel: u16, progress: &mut Progress) {
        let places = Arc::new(Semaphore::new(parallel.into()));
        let mut signing = JoinSet::new();
        for target in targets {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                break;
            };
            while let Some(Ok(outcome)) = signing.try_join_next() {
                progress.outcome(outcome);
            }
            let work = self.clone();
            signing.spawn(async move {
                let outcome = work.sign_one(target).await;
                drop(place);
                outcome
            });
        }
        while let Some(ended) = signing.join_next().await {
            if let Ok(outcome) = ended {
                progress.outcome(outcome);
            }
        }
    }

    async fn sign_one(&self, target: Target) -> Outcome {
        let signed = async {
            let digest = target.artifact.digest().await?;
            let signature = self.session.sign(digest).await.map_err(failure)?;
            self.write(&target.bundle, &signature)?;
            Ok((Some(digest), signature))
        };
        let result = signed.await;
        Outcome {
            name: target.artifact.name,
            bundle: target.bundle,
            result,
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
        self.write(&bundle, &signature)?;
        progress.outcome(Outcome {
            name: names.join(", "),
            bundle,
            result: Ok((None, signature)),
        });
        Ok(())
    }

    fn write(&self, bundle: &Path, signature: &Signature) -> Result<(), Failure> {
        output::write(bundle, signature.bundle(), self.overwrite)
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
