//! Entries of the public log, as they came with packages, and with one part changed.

use std::time::{Duration, SystemTime};

use chancery_trust::documents::{TrustedRoot, Window};
use sha2::{Digest as _, Sha256};

use super::super::chain::Leaf;
use super::super::entry;
use super::super::hashed::Hashed;
use super::super::signature::What;
use super::super::time::SignedTime;
use super::*;
use crate::bundle::{Bundle, UnverifiedBundle};

const ARTIFACT: &str = include_str!("../../../tests/public/a.txt.sigstore.json");
const NPM: &str = include_str!("../../../tests/public/npm-sigstore-2.1.0.sigstore.json");
const WORKFLOW: &str = include_str!("../../../tests/public/reusable-workflow.sigstore.json");
const ALL: [&str; 3] = [ARTIFACT, NPM, WORKFLOW];
const ROOT: &[u8] = include_bytes!("../../../tests/public/trusted_root.json");

/// A bundle's parts, each of which a test may change.
#[derive(Clone)]
struct Parts {
    bundle: Bundle,
    /// A digest, or a payload.
    digest: Option<Vec<u8>>,
    payload: Vec<u8>,
    signature: Vec<u8>,
    certificate: Vec<u8>,
    window: Window,
}

/// What the entry says when it holds.
#[derive(Debug)]
struct Proven {
    promised_at: Option<SystemTime>,
    is_included: bool,
    log_index: u64,
}

impl Parts {
    fn of(bundle: &str) -> Self {
        let bundle = UnverifiedBundle::parse(bundle.as_bytes()).unwrap().wire;
        let hint = |bundle: &Bundle| {
            let message = bundle.message_signature.as_ref()?;
            Some(message.message_digest.as_ref()?.digest.0.clone())
        };
        let payload = bundle.dsse_envelope.as_ref();
        Self {
            digest: hint(&bundle),
            payload: payload.map_or(Vec::new(), |envelope| envelope.payload.0.clone()),
            signature: bundle.signature().to_vec(),
            certificate: bundle.certificate().to_vec(),
            window: Window::default(),
            bundle,
        }
    }

    fn entry(&mut self) -> &mut TransparencyLogEntry {
        let entries = &mut self.bundle.verification_material.tlog_entries;
        &mut entries.as_mut().unwrap().0[0]
    }

    fn proof(&mut self) -> &mut crate::bundle::InclusionProof {
        self.entry().inclusion_proof.as_mut().unwrap()
    }

    fn verify(&self) -> Result<Proven, VerifyError> {
        let trust = trust(self.window);
        let read = Leaf::read(self.bundle.certificate()).unwrap();
        let made = read.details.not_before;
        let leaf = Leaf {
            der: &self.certificate,
            ..read
        };
        let digest = self.digest.as_ref();
        let artifact = digest.map(|digest| format!("sha256:{}", hex::encode(digest)));
        let artifact = artifact.unwrap_or_else(|| format!("sha256:{}", "00".repeat(32)));
        let artifact = artifact.parse().unwrap();
        let content = Content {
            bundle: &self.bundle,
            version: Version::of(&self.bundle.media_type).unwrap(),
            leaf: &leaf,
            signature: &self.signature,
            what: match self.digest {
                Some(_) => What::Message(&artifact),
                None => What::Envelope {
                    artifact: &artifact,
                    payload_type: "",
                    payload: Hashed::new(&self.payload),
                    encoded: Hashed::new(Vec::new()),
                },
            },
        };
        let entry = &self.bundle.entries()[0];
        let promised = promised_time(&trust, entry).transpose()?;
        let promised_at = promised.map(|(time, _)| time);
        let times = [SignedTime::stamped(promised_at.unwrap_or(made))];
        let verified = entry::verify(&trust, &content, &times, 1)?;
        Ok(Proven {
            promised_at,
            is_included: entry.inclusion_proof.is_some(),
            log_index: verified[0].log_index(),
        })
    }

    /// Returns why these parts are refused when something is changed in them.
    fn refused(&self, change: impl FnOnce(&mut Self)) -> VerifyError {
        let mut changed = self.clone();
        change(&mut changed);
        changed.verify().unwrap_err()
    }
}

/// What the public trust root has, with another window for the ledger.
fn trust(window: Window) -> TrustMaterial {
    let mut trust = TrustMaterial::of(&TrustedRoot::parse(ROOT).unwrap());
    trust
        .ledgers
        .retain(|ledger| ledger.name.as_str() == "rekor.sigstore.dev");
    trust.ledgers[0].window = window;
    trust
}

fn flip(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
}

#[test]
fn entries_of_all_kinds_hold_with_the_public_trust_root() {
    for bundle in ALL {
        let parts = Parts::of(bundle);
        let proven = parts.verify().unwrap();
        let integrated = parts.bundle.entries()[0].integrated_time.unwrap();
        let seconds = u64::try_from(integrated.0).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(proven.promised_at, Some(time));
        assert!(proven.is_included);
    }
    let artifact = include_bytes!("../../../tests/public/a.txt");
    let digest = Sha256::digest(artifact).to_vec();
    assert_eq!(Parts::of(ARTIFACT).digest, Some(digest));
}

#[test]
fn a_promise_alone_says_a_time_and_a_proof_alone_says_none() {
    for bundle in ALL {
        let mut promised = Parts::of(bundle);
        promised.entry().inclusion_proof = None;
        let refused = promised.verify().unwrap_err();
        assert_eq!(refused.check(), Check::InclusionProof, "{refused}");
        promised.bundle.media_type =
            "application/vnd.dev.sigstore.bundle+json;version=0.1".to_owned();
        let proven = promised.verify().unwrap();
        assert!(proven.promised_at.is_some() && !proven.is_included);

        let mut included = Parts::of(bundle);
        included.entry().inclusion_promise = None;
        let in_tree = included.proof().log_index.0;
        let proven = included.verify().unwrap();
        assert!(proven.promised_at.is_none() && proven.is_included);
        assert_eq!(i64::try_from(proven.log_index), Ok(in_tree));

        let neither = included.refused(|p| p.entry().inclusion_proof = None);
        assert_eq!(neither.check(), Check::InclusionProof);
        assert!(neither.to_string().contains("neither"), "{neither}");
    }
}

type Change = fn(&mut Parts);

/// What is changed, and which check must find it.
const CHANGES: [(&str, Change, Check, &str); 15] = [
    (
        "log",
        |p| flip(&mut p.entry().log_id.key_id.0),
        Check::Ledger,
        "not trusted",
    ),
    (
        "promise",
        |p| flip(&mut promise(p).signed_entry_timestamp.0),
        Check::InclusionPromise,
        "not signed",
    ),
    (
        "time",
        |p| p.entry().integrated_time.as_mut().unwrap().0 += 1,
        Check::InclusionPromise,
        "not signed",
    ),
    (
        "no time",
        |p| p.entry().integrated_time = None,
        Check::InclusionPromise,
        "time is none",
    ),
    (
        "place",
        |p| p.entry().log_index.0 += 1,
        Check::InclusionPromise,
        "not signed",
    ),
    (
        "index",
        |p| p.proof().log_index.0 ^= 1,
        Check::InclusionProof,
        "",
    ),
    (
        "size",
        |p| p.proof().tree_size.0 += 1,
        Check::InclusionProof,
        "another size",
    ),
    (
        "root",
        |p| flip(&mut p.proof().root_hash.0),
        Check::InclusionProof,
        "another root",
    ),
    (
        "path",
        |p| flip(&mut p.proof().hashes.as_mut().unwrap().0[3].0),
        Check::InclusionProof,
        "",
    ),
    (
        "short path",
        |p| p.proof().hashes.as_mut().unwrap().0.truncate(2),
        Check::InclusionProof,
        "",
    ),
    ("checkpoint", change_head, Check::Checkpoint, "is wrong"),
    (
        "signature",
        |p| flip(&mut p.signature),
        Check::EntryBody,
        "another signature",
    ),
    (
        "certificate",
        |p| flip(&mut p.certificate),
        Check::EntryBody,
        "another certificate",
    ),
    (
        "content",
        change_content,
        Check::EntryBody,
        "another digest",
    ),
    (
        "kind",
        |p| p.entry().kind_version.version = "0.0.9".to_owned(),
        Check::EntryBody,
        "no kind of entry",
    ),
];

fn promise(parts: &mut Parts) -> &mut crate::bundle::InclusionPromise {
    parts.entry().inclusion_promise.as_mut().unwrap()
}

#[test]
fn one_changed_byte_in_any_part_is_refused_for_what_it_is() {
    for bundle in ALL {
        let parts = Parts::of(bundle);
        for (what, change, check, saying) in CHANGES {
            let refused = parts.refused(change);
            assert_eq!(refused.check(), check, "{what}: {refused}");
            assert!(refused.to_string().contains(saying), "{what}: {refused}");
        }
        // Whatever is changed in the body, somebody notices.
        let body = &parts.bundle.entries()[0].canonicalized_body.0;
        for at in (0..body.len()).step_by(97) {
            parts.refused(|p| p.entry().canonicalized_body.0[at] ^= 1);
        }
    }
}

fn change_head(parts: &mut Parts) {
    let checkpoint = &mut parts.proof().checkpoint.as_mut().unwrap().envelope.0;
    let line = checkpoint.split('\n').nth(1).unwrap().to_owned();
    *checkpoint = checkpoint.replacen(&line, "29188098", 1);
}

fn change_content(parts: &mut Parts) {
    match &mut parts.digest {
        Some(digest) => flip(digest),
        None => flip(&mut parts.payload),
    }
}

#[test]
fn an_entry_of_an_artifact_is_not_one_of_an_envelope() {
    let parts = Parts::of(ARTIFACT);
    let refused = parts.refused(|p| p.digest = None);
    assert_eq!(refused.check(), Check::EntryBody, "{refused}");
    assert!(refused.to_string().contains("another digest"), "{refused}");
    let parts = Parts::of(WORKFLOW);
    let refused = parts.refused(|p| p.entry().kind_version.kind = "intoto".to_owned());
    assert_eq!(refused.check(), Check::EntryBody, "{refused}");
}

#[test]
fn an_entry_made_outside_the_logs_window_is_refused() {
    for bundle in ALL {
        let parts = Parts::of(bundle);
        let made = parts.verify().unwrap().promised_at.unwrap();
        let second = Duration::from_secs(1);
        let later = Window::between(made + second, None);
        let ended = Window::between(made - second - second, Some(made - second));
        for window in [later, ended] {
            let refused = parts.refused(|p| p.window = window);
            assert_eq!(refused.check(), Check::Ledger, "{refused}");
            assert!(
                refused.to_string().contains("outside the window"),
                "{refused}"
            );
        }
        let mut within = parts.clone();
        within.window = Window::between(made, Some(made));
        within.verify().unwrap();
    }
}
