//! `chancery verify`: whether files are signed by whom they should be, by what this machine trusts.

mod telling;

use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;

use chancery_client::bundle::{UnverifiedBundle, limits};
use chancery_client::trust::TrustMaterial;
use chancery_client::verify::{Artifact, Pattern, Policy, Verified, Verifier, VerifyError};

use crate::cli::{Format, VerifyArgs};
use crate::client_trust;
use crate::commands::sign::output::beside;
use crate::failure::{Causes, Failure};
use crate::reading;
use crate::report::counted;

/// The name of what fails before any check: the bundle is none.
const BUNDLE: &str = "bundle";

/// What is to be verified, and where its bundle is.
struct Job {
    what: What,
    bundle: PathBuf,
}

enum What {
    File(PathBuf),
    Digest(String, Artifact),
}

/// What came out.
enum Outcome {
    Verified(Box<Verified>),
    /// The name of the check that failed, and why.
    Refused(&'static str, String),
    /// There is nothing to judge.
    Unreadable(String),
}

/// Verifies each file, tells of each, and fails if one does not verify.
pub(crate) async fn run(args: VerifyArgs) -> Result<(), Failure> {
    let jobs = jobs(&args)?;
    let policy = policy(&args)?;
    let trust = client_trust::obtain(&args.trust).await?;
    let material = TrustMaterial::of(&trust.trusted_root);
    for ignored in material.ignored() {
        let (what, why) = (&ignored.what, &ignored.why);
        eprintln!("chancery: {}: the {what} is not used: {why}", trust.from);
    }
    let verifier = Verifier::new(material);
    let mut telling = telling::Telling::new(Format::or_for_reader(args.format));
    let (mut refused, mut unreadable) = (0, 0);
    for job in &jobs {
        let outcome = verify(job, &verifier, &policy);
        match outcome {
            Outcome::Verified(_) => {}
            Outcome::Refused(..) => refused += 1,
            Outcome::Unreadable(_) => unreadable += 1,
        }
        telling.tell(job, &outcome);
    }
    telling.end()?;
    let of = counted(jobs.len(), "file");
    match (refused, unreadable) {
        (0, 0) => Ok(()),
        (0, _) => Err(Failure::failed(format_args!(
            "not readable: {unreadable} of {of}"
        ))),
        (_, 0) => Err(Failure::verification(format_args!(
            "not verified: {refused} of {of}"
        ))),
        (..) => Err(Failure::verification(format_args!(
            "not verified: {refused} of {of}; not readable: {unreadable}"
        ))),
    }
}

fn jobs(args: &VerifyArgs) -> Result<Vec<Job>, Failure> {
    if let (Some(digest), Some(bundle)) = (&args.digest, &args.bundle) {
        let artifact = digest
            .parse()
            .map_err(|wrong| Failure::usage(format_args!("--digest: {wrong}")))?;
        return Ok(vec![Job {
            what: What::Digest(digest.clone(), artifact),
            bundle: bundle.clone(),
        }]);
    }
    if args.bundle.is_some() && args.files.len() > 1 {
        return Err(Failure::usage(
            "--bundle is of one file: leave it out, and have FILE.sigstore.json beside each",
        ));
    }
    let job = |file: &PathBuf| Job {
        what: What::File(file.clone()),
        bundle: args.bundle.clone().unwrap_or_else(|| beside(file)),
    };
    Ok(args.files.iter().map(job).collect())
}

fn policy(args: &VerifyArgs) -> Result<Policy, Failure> {
    let pattern = |exact: &Option<String>, regexp: &Option<Pattern>, flag| {
        let exact = exact.as_ref().map(Pattern::exact);
        exact
            .or_else(|| regexp.clone())
            .ok_or_else(|| Failure::usage(format_args!("say {flag} or {flag}-regexp")))
    };
    let policy = Policy::new(
        pattern(&args.identity, &args.identity_regexp, "--identity")?,
        pattern(&args.issuer, &args.issuer_regexp, "--issuer")?,
    );
    Ok(match &args.predicate_type {
        Some(wanted) => policy.with_predicate_type(wanted),
        None => policy,
    })
}

fn verify(job: &Job, verifier: &Verifier, policy: &Policy) -> Outcome {
    let bytes = match reading::read_bounded(&job.bundle, limits::BUNDLE_BYTES as u64) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::FileTooLarge => {
            return Outcome::Refused(BUNDLE, error.to_string());
        }
        Err(error) => {
            let bundle = job.bundle.display();
            let hint = match error.kind() {
                ErrorKind::NotFound => "; name its bundle with --bundle",
                _ => "",
            };
            return Outcome::Unreadable(format!("{bundle}: {error}{hint}"));
        }
    };
    let bundle = match UnverifiedBundle::parse(&bytes) {
        Ok(bundle) => bundle,
        Err(wrong) => return Outcome::Refused(BUNDLE, Causes(&wrong).to_string()),
    };
    drop(bytes);
    let artifact = match &job.what {
        What::Digest(_, artifact) => artifact.clone(),
        What::File(path) => {
            let file = File::open(path).map_err(|error| error.to_string());
            let read = file.and_then(|file| {
                Artifact::read(file, &bundle).map_err(|error| Causes(&error).to_string())
            });
            match read {
                Ok(artifact) => artifact,
                Err(why) => return Outcome::Unreadable(format!("{}: {why}", path.display())),
            }
        }
    };
    match verifier.verify(&bundle, &artifact, policy) {
        Ok(verified) => Outcome::Verified(Box::new(verified)),
        Err(error) => refused(&error),
    }
}

fn refused(error: &VerifyError) -> Outcome {
    Outcome::Refused(error.check().name(), error.to_string())
}
