//! Good bundles verify; each bad one is wrong in one thing, and refused by the check of that thing.

mod entries;
mod trust;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_trust::documents::TrustedRoot;
use serde_json::{Value, json};

use super::*;

const BUNDLE: &str = include_str!("../../tests/vectors/artifact.txt.sigstore.json");
const ARTIFACT: &[u8] = include_bytes!("../../tests/vectors/artifact.txt");
const ROOT: &str = include_str!("../../tests/vectors/trusted_root.json");
const DSSE: &str = include_str!("../../tests/vectors/dsse/dsse-dsse002.sigstore.json");
const DSSE_HASHED: &str = include_str!("../../tests/vectors/dsse/dsse-hashedrekord.sigstore.json");
const ALICE: &str = "alice@chancery.test";
const ISSUER: &str = "https://issuer.chancery.test";

/// What is given to a verifier; a test changes one thing of it.
struct Case {
    bundle: Value,
    root: Value,
    artifact: Vec<u8>,
    policy: Policy,
    thresholds: Thresholds,
}

impl Case {
    fn of(bundle: &str) -> Self {
        Self {
            bundle: serde_json::from_str(bundle).unwrap(),
            root: serde_json::from_str(ROOT).unwrap(),
            artifact: ARTIFACT.to_vec(),
            policy: by(Pattern::exact(ALICE), Pattern::exact(ISSUER)),
            thresholds: Thresholds::default(),
        }
    }

    fn good() -> Self {
        Self::of(BUNDLE)
    }

    fn verify(&self) -> Result<Verified, VerifyError> {
        let root = TrustedRoot::parse(self.root.to_string().as_bytes()).unwrap();
        let bundle = UnverifiedBundle::parse(self.bundle.to_string().as_bytes()).unwrap();
        let artifact = Artifact::read(&self.artifact[..], &bundle).unwrap();
        Verifier::new(TrustMaterial::of(&root))
            .with_thresholds(self.thresholds)
            .verify(&bundle, &artifact, &self.policy)
    }

    /// Asserts which check refuses it, and a part of what it says.
    #[track_caller]
    fn is_refused_by(&self, check: &str, saying: &str) {
        let error = self.verify().map(|_| ()).unwrap_err();
        assert_eq!(error.check().name(), check, "{error}");
        assert!(error.to_string().contains(saying), "{error}");
    }

    fn entry(&mut self) -> &mut Value {
        &mut self.bundle["verificationMaterial"]["tlogEntries"][0]
    }

    fn proof(&mut self) -> &mut Value {
        &mut self.entry()["inclusionProof"]
    }

    fn change_checkpoint(&mut self, change: impl FnOnce(&str) -> String) {
        let envelope = &mut self.proof()["checkpoint"]["envelope"];
        *envelope = change(envelope.as_str().unwrap()).into();
    }

    fn change_body(&mut self, change: impl FnOnce(&mut Value)) {
        let body = &mut self.entry()["canonicalizedBody"];
        let mut json: Value = serde_json::from_slice(&bytes(body)).unwrap();
        change(&mut json);
        *body = STANDARD.encode(json.to_string()).into();
    }

    fn timestamps(&mut self) -> &mut Value {
        &mut self.bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
    }
}

fn by(identity: Pattern, issuer: Pattern) -> Policy {
    Policy::new(identity, issuer)
}

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

/// Flips one bit of bytes in base64.
fn flip(value: &mut Value, at: usize) {
    let mut changed = bytes(value);
    changed[at] ^= 1;
    *value = STANDARD.encode(changed).into();
}

#[test]
fn a_good_bundle_verifies_and_says_what_was_proven() {
    let verified = Case::good().verify().unwrap();
    assert_eq!(verified.identity().as_str(), ALICE);
    assert_eq!(verified.issuer(), ISSUER);
    assert_eq!(verified.entries()[0].log_index(), 1);
    assert_eq!(verified.entries()[0].kind(), "hashedrekord 0.0.2");
    assert_eq!(verified.scts()[0].leaf_index(), Some(1));
    assert_eq!(
        crate::rfc3339::rfc3339(verified.times()[0].time()),
        "2026-11-01T12:00:05Z"
    );
    assert!(verified.statement().is_none());
}

#[test]
fn a_digest_alone_verifies_as_the_artifact_does() {
    let case = Case::good();
    let root = TrustedRoot::parse(ROOT.as_bytes()).unwrap();
    let bundle = UnverifiedBundle::parse(BUNDLE.as_bytes()).unwrap();
    let digest = "sha256:b79d980495b61acacc774bc7b10c6a1d6070839cf3c1a502664cb9f58202d5d6";
    let verifier = Verifier::new(TrustMaterial::of(&root));
    let verified = verifier.verify(&bundle, &digest.parse().unwrap(), &case.policy);
    assert_eq!(verified.unwrap().identity().as_str(), ALICE);
    let other = format!("sha256:{}", "00".repeat(32)).parse().unwrap();
    let error = verifier.verify(&bundle, &other, &case.policy).unwrap_err();
    assert_eq!(error.check(), Check::Artifact);
}

#[test]
fn statements_verify_with_entries_of_both_kinds() {
    for (bundle, kind) in [(DSSE, "dsse 0.0.2"), (DSSE_HASHED, "hashedrekord 0.0.2")] {
        let verified = Case::of(bundle).verify().unwrap();
        assert_eq!(verified.entries()[0].kind(), kind);
        let statement = verified.statement().unwrap();
        assert!(!statement.predicate_type().is_empty());
        let mut other = Case::of(bundle);
        other.policy = other
            .policy
            .with_predicate_type("https://example.com/other");
        other.is_refused_by("statement", "is wanted");
        let mut other = Case::of(bundle);
        other.artifact.push(b'x');
        other.is_refused_by("subject", "none of the statement's subjects");
        let mut other = Case::of(bundle);
        other.bundle["dsseEnvelope"]["payloadType"] = "text/plain".into();
        assert!(other.verify().is_err());
    }
    let mut alone = Case::good();
    alone.policy = alone.policy.with_predicate_type("https://example.com/any");
    alone.is_refused_by("statement", "the artifact alone");
}

#[test]
fn another_artifact_or_signature_is_refused() {
    let mut case = Case::good();
    case.artifact.push(b'\n');
    case.is_refused_by("artifact", "the artifact is");
    // Without the hint, the entry is what tells.
    let signed = case.bundle["messageSignature"].as_object_mut().unwrap();
    signed.remove("messageDigest");
    case.is_refused_by("entry-body", "another artifact");
    // Without entries, the signature.
    case.thresholds.entries = 0;
    case.bundle["verificationMaterial"]["tlogEntries"] = json!([]);
    case.is_refused_by("signature", "has not made");
}

#[test]
fn a_certificate_that_is_changed_leads_to_no_root() {
    let mut case = Case::good();
    case.thresholds.entries = 0;
    case.bundle["verificationMaterial"]["tlogEntries"] = json!([]);
    let certificate = &mut case.bundle["verificationMaterial"]["certificate"]["rawBytes"];
    let last = bytes(certificate).len() - 1;
    flip(certificate, last);
    case.is_refused_by("chain", "");
    case.bundle["verificationMaterial"]["certificate"]["rawBytes"] = "AAAA".into();
    case.is_refused_by("certificate", "");
}

#[test]
fn only_whom_the_policy_wants_is_taken() {
    let mut case = Case::good();
    case.policy = by(Pattern::exact("bob@chancery.test"), Pattern::exact(ISSUER));
    case.is_refused_by("identity", "is wanted");
    case.policy = by(
        Pattern::exact("ALICE@chancery.test"),
        Pattern::exact(ISSUER),
    );
    case.is_refused_by("identity", "is wanted");
    case.policy = by(Pattern::exact(ALICE), Pattern::exact("https://other.test"));
    case.is_refused_by("issuer", "is wanted");
    let pattern = |text| Pattern::matching(text).unwrap();
    case.policy = by(
        pattern(".*@chancery[.]test"),
        pattern("https://issuer[.].*"),
    );
    case.verify().unwrap();
    // A pattern is of the whole text: no other name may stand around what it matches.
    case.policy = by(pattern("alice"), pattern(".*"));
    case.is_refused_by("identity", "and \"alice\" is wanted");
    case.policy = by(pattern(".*"), pattern("https://issuer[.]chancery"));
    case.is_refused_by("issuer", "is wanted");
    assert!(Pattern::matching("a)|(.*").is_err());
    assert!(Pattern::matching("(a{1000}){1000}").is_err());
}
