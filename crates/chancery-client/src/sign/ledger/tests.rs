//! Answers of a ledger: the vectors', and the same with one thing changed.

use std::time::Duration;

use chancery_trust::documents::{TrustedRoot, Window};

use super::*;
use crate::bundle::UnverifiedBundle;

const BUNDLE: &str = include_str!("../../../tests/vectors/artifact.txt.sigstore.json");
const ARTIFACT: &[u8] = include_bytes!("../../../tests/vectors/artifact.txt");
const ROOT: &[u8] = include_bytes!("../../../tests/vectors/trusted_root.json");

type Change = fn(&mut Value);

fn answer() -> Value {
    let bundle: Value = serde_json::from_str(BUNDLE).unwrap();
    let mut answer = bundle["verificationMaterial"]["tlogEntries"][0].clone();
    // As ledgers write what they do not have.
    answer["integratedTime"] = "0".into();
    answer["inclusionPromise"] = Value::Null;
    answer
}

/// What is trusted, whatever this machine's clock says.
fn trust(window: Window) -> TrustMaterial {
    let mut trust = TrustMaterial::of(&TrustedRoot::parse(ROOT).unwrap());
    trust.ledgers[0].window = window;
    trust
}

fn verify_answer(
    answer: &Value,
    artifact: &[u8],
    trust: &TrustMaterial,
) -> Result<LedgerEntry, String> {
    let bundle = UnverifiedBundle::parse(BUNDLE.as_bytes()).unwrap().wire;
    let signed = Signed {
        digest: ArtifactDigest::of(artifact),
        signature: bundle.signature(),
        certificate: bundle.certificate(),
    };
    verify(answer.to_string().as_bytes(), &signed, trust)
}

#[test]
fn the_answer_must_be_of_our_entry() {
    let trust = trust(Window::default());
    let entry = verify_answer(&answer(), ARTIFACT, &trust).unwrap();
    assert_eq!(entry.index(), 1);
    let of_another = verify_answer(&answer(), b"another", &trust).unwrap_err();
    assert!(of_another.contains("not of our digest"), "{of_another}");
    let mut kind = answer();
    kind["kindVersion"]["kind"] = "intoto".into();
    let kind = verify_answer(&kind, ARTIFACT, &trust).unwrap_err();
    assert!(kind.contains("not of our digest"), "{kind}");
}

#[test]
fn the_ledger_must_count_now() {
    let second = Duration::from_secs(1);
    let later = Window::between(SystemTime::now() + 3600 * second, None);
    let ended = SystemTime::now() - second;
    let ended = Window::between(ended - second, Some(ended));
    for window in [later, ended] {
        let refused = verify_answer(&answer(), ARTIFACT, &trust(window)).unwrap_err();
        assert!(refused.contains("over, or has not begun"), "{refused}");
    }
    let mut unknown = answer();
    unknown["logId"]["keyId"] = "AAAA".into();
    let unknown = verify_answer(&unknown, ARTIFACT, &trust(Window::default())).unwrap_err();
    assert!(unknown.contains("no ledger of its id"), "{unknown}");
}

#[test]
fn the_proof_and_the_checkpoint_must_hold() {
    let changes: [(Change, &str); 5] = [
        (|answer| answer["logIndex"] = "0".into(), "inclusion-proof"),
        (
            |answer| answer["inclusionProof"]["hashes"] = json!([]),
            "inclusion-proof",
        ),
        (
            |answer| answer["inclusionProof"] = Value::Null,
            "inclusion-proof",
        ),
        (
            |answer| {
                let envelope = &mut answer["inclusionProof"]["checkpoint"]["envelope"];
                *envelope = envelope
                    .as_str()
                    .unwrap()
                    .replace("uhdmDeY", "uhdmDeZ")
                    .into();
            },
            "checkpoint",
        ),
        (
            |answer| answer["inclusionProof"]["checkpoint"] = Value::Null,
            "checkpoint",
        ),
    ];
    for (change, check) in changes {
        let mut changed = answer();
        change(&mut changed);
        let refused = verify_answer(&changed, ARTIFACT, &trust(Window::default())).unwrap_err();
        assert!(refused.starts_with(&format!("its {check}: ")), "{refused}");
    }
}
