//! What is signed, and the files that bundles go to.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chancery_client::sign::ArtifactDigest;

use crate::cli::SignArgs;
use crate::failure::Failure;
use crate::founding;

/// One artifact, and where its bundle goes.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) artifact: Artifact,
    pub(super) bundle: PathBuf,
}

/// What is signed.
#[derive(Debug)]
pub(super) struct Artifact {
    /// As it was given, for messages.
    pub(super) name: String,
    pub(super) source: Source,
}

/// Where its digest is from.
#[derive(Debug)]
pub(super) enum Source {
    File(PathBuf),
    Digest(ArtifactDigest),
}

impl Artifact {
    /// Returns its name in a statement: a file's without its folders.
    pub(super) fn subject(&self) -> String {
        match &self.source {
            Source::File(path) => path.file_name().map_or_else(
                || self.name.clone(),
                |name| name.to_string_lossy().into_owned(),
            ),
            Source::Digest(_) => self.name.clone(),
        }
    }
}

/// Returns what is to be signed, and refuses before anybody logs in where a bundle is in the way.
pub(super) fn targets(args: &SignArgs) -> Result<Vec<Target>, Failure> {
    let files = args.files.iter().map(|path| Target {
        bundle: beside(path),
        artifact: Artifact {
            name: path.display().to_string(),
            source: Source::File(path.clone()),
        },
    });
    let digests = args.digest.iter().map(|digest| Target {
        bundle: format!("sha256-{}.sigstore.json", digest.hex()).into(),
        artifact: Artifact {
            name: digest.to_string(),
            source: Source::Digest(*digest),
        },
    });
    let mut targets: Vec<_> = files.chain(digests).collect();
    let one_bundle = targets.len() == 1 || args.attest.is_some();
    match &args.bundle {
        Some(bundle) if one_bundle => {
            for target in &mut targets {
                target.bundle.clone_from(bundle);
            }
        }
        Some(_) => {
            return Err(Failure::usage(
                "--bundle names one file, and several artifacts have a bundle each; leave it out",
            ));
        }
        None if one_bundle && targets.len() > 1 => {
            return Err(Failure::usage(
                "a statement about several artifacts has one bundle: name it with --bundle FILE",
            ));
        }
        None => {}
    }
    refuse_what_is_in_the_way(args, &targets, one_bundle)?;
    Ok(targets)
}

fn refuse_what_is_in_the_way(
    args: &SignArgs,
    targets: &[Target],
    one_bundle: bool,
) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for Target { artifact, bundle } in targets {
        if let Source::File(path) = &artifact.source
            && !path.is_file()
        {
            return Err(Failure::usage(format!("{}: no such file", artifact.name)));
        }
        if !seen.insert(bundle) && !one_bundle {
            return Err(Failure::usage(format!("{} is there twice", artifact.name)));
        }
        if !args.overwrite && bundle.symlink_metadata().is_ok() {
            return Err(in_the_way(bundle));
        }
    }
    Ok(())
}

/// Returns where the bundle of a file is if nobody says otherwise.
pub(in crate::commands) fn beside(path: &Path) -> PathBuf {
    let mut bundle = path.as_os_str().to_owned();
    bundle.push(".sigstore.json");
    bundle.into()
}

fn in_the_way(bundle: &Path) -> Failure {
    Failure::usage(format!(
        "{} is there already; add --overwrite to replace it, or name another with --bundle FILE",
        bundle.display()
    ))
}

/// Writes a bundle, whole or not at all.
pub(super) fn write(path: &Path, bundle: &str, overwrite: bool) -> Result<(), Failure> {
    if overwrite {
        return founding::replace(path, bundle.as_bytes());
    }
    let written = founding::place(path, bundle.as_bytes());
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => in_the_way(path),
        _ => Failure::failed(format!("{}: {error}", path.display())),
    })
}
