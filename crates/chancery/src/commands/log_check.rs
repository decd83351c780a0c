//! `chancery log check`: verifies a proof of inclusion with nothing but a trust root.

use std::path::Path;
use std::time::{Duration, SystemTime};

use chancery_log::Head;
use chancery_log::published_files::verify_checkpoint;
use chancery_tlog::ct::MerkleTreeLeaf;
use chancery_tlog::{TlogProof, leaf_hash};

use crate::cli::LogCheckArgs;
use crate::failure::{Causes, Failure};
use crate::logged_certificate::LoggedCertificate;
use crate::reading;
use crate::report::{said_time, say};
use crate::trusted_root::{TrustedLog, TrustedRoot};

/// The longest proof that is read, in bytes: more than any has.
const MAX_PROOF: u64 = 4 << 20;

pub(crate) fn run(args: &LogCheckArgs) -> Result<(), Failure> {
    let root = TrustedRoot::read(&args.trusted_root)?;
    let certificate = args.certificate.as_deref();
    let certificate = certificate.map(LoggedCertificate::read).transpose()?;
    let proof = read_proof(&args.file)?;
    let (log, head) = check_checkpoint(&proof, &root)?;
    let leaf = leaf(&proof, certificate.as_ref(), log, &root)?;
    check_inclusion(&proof, &leaf, log, &head)?;
    if let Some(certificate) = certificate {
        let required = certificate.require_leaf(&leaf, (&log.id, &log.key), &root.authorities);
        let sct = match required.map_err(|wrong| broken("certificate", wrong))? {
            true => "its SCT is the log's",
            false => "the entry does not rest on an SCT of the log",
        };
        say(format_args!(
            "certificate  is the one in the entry, signed by a CA of the trust root; {sct}\n"
        ));
    }
    Ok(())
}

fn read_proof(path: &Path) -> Result<TlogProof, Failure> {
    let bytes = reading::read_bounded(path, MAX_PROOF);
    let bytes = bytes.map_err(|e| Failure::failed(format!("{}: {e}", path.display())))?;
    TlogProof::parse(&bytes).map_err(|e| broken("file", Causes(&e)))
}

/// Finds the log of the trust root that signed the proof's checkpoint.
fn check_checkpoint<'r>(
    proof: &TlogProof,
    root: &'r TrustedRoot,
) -> Result<(&'r TrustedLog, Head), Failure> {
    let note = proof.checkpoint.encode();
    let signed = |log: &'r TrustedLog| {
        let (_, head) = verify_checkpoint(note.as_bytes(), &log.key, None).ok()?;
        Some((log, head))
    };
    let Some((log, head)) = root.logs.iter().find_map(signed) else {
        let wrong = format!(
            "none of the {} CT logs of the trust root has signed it, and proofs of ledgers are not \
             checked here",
            root.logs.len()
        );
        return Err(broken("checkpoint", wrong));
    };
    say(format_args!(
        "checkpoint   {} entries, root {}, {}, signed by {}\n",
        head.tree.tree_size,
        head.tree.root_hash,
        said_time(at(head.timestamp_ms)),
        shown(&log.base_url),
    ));
    Ok((log, head))
}

/// Takes the leaf from the proof, or makes it from the certificate.
fn leaf(
    proof: &TlogProof,
    certificate: Option<&LoggedCertificate>,
    log: &TrustedLog,
    root: &TrustedRoot,
) -> Result<Vec<u8>, Failure> {
    match (&proof.extra, certificate) {
        (Some(leaf), _) => Ok(leaf.clone()),
        (None, Some(certificate)) => certificate
            .leaf_in(&log.id, &root.authorities)
            .map_err(|wrong| broken("certificate", wrong)),
        (None, None) => Err(Failure::usage(
            "the proof does not hold the entry; name the certificate with --certificate",
        )),
    }
}

fn check_inclusion(
    proof: &TlogProof,
    leaf: &[u8],
    log: &TrustedLog,
    head: &Head,
) -> Result<(), Failure> {
    let verified = proof.verify_leaf(&leaf_hash(leaf));
    verified.map_err(|e| broken("inclusion", Causes(&e)))?;
    let parsed = MerkleTreeLeaf::parse(leaf).map_err(|e| broken("entry", Causes(&e)))?;
    if parsed.leaf_index.get() != proof.index {
        let wrong = format!(
            "it says that it is entry {}, not {}",
            parsed.leaf_index.get(),
            proof.index
        );
        return Err(broken("entry", wrong));
    }
    let time = at(parsed.timestamp_ms);
    if parsed.timestamp_ms > head.timestamp_ms {
        return Err(broken("entry", "it is younger than the checkpoint"));
    }
    if !log.is_trusted_at(time) {
        let wrong = format!(
            "it is of {}, and the trust root does not trust the log then",
            said_time(time)
        );
        return Err(broken("entry", wrong));
    }
    say(format_args!(
        "inclusion    entry {}, {}, is in that tree\n",
        proof.index,
        said_time(time)
    ));
    Ok(())
}

fn at(unix_ms: u64) -> SystemTime {
    // The year 9999 ends then, and with it what a time can be written as.
    const LAST_MS: u64 = 253_402_300_799_999;
    SystemTime::UNIX_EPOCH + Duration::from_millis(unix_ms.min(LAST_MS))
}

/// What a file says must not move the cursor.
fn shown(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

fn broken(check: &str, wrong: impl std::fmt::Display) -> Failure {
    Failure::verification(format!("{check}: {wrong}"))
}
