//! Good bundles verify; each bad one is wrong in one thing, and refused by the check of that thing.

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
fn trusted_roots_verify_as_far_as_cosign_takes_them() {
    let roots = [
        ("base", None),
        ("CA_no_uri", None),
        ("CA_root_only__no_intermediate_", Some("chain")),
        ("TSA_root_only", Some("time")),
        ("baseUrl_no_scheme", None),
        ("baseUrl_other_host", Some("checkpoint")),
        ("baseUrl_trailing_slash", None),
        ("baseUrl_with_path", None),
        ("baseUrl_with_port", None),
        ("checkpointKeyId=logId", None),
        ("checkpointKeyId_4_bytes", None),
        ("ctlog_end_before_sct", Some("sct")),
        ("logId_4_bytes", Some("ledger")),
        ("mediaType_v0.2_form", None),
    ];
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/vectors/trusted_root_variants"
    );
    for (name, refused_by) in roots {
        let mut case = Case::good();
        let root = std::fs::read(format!("{folder}/{name}.json")).unwrap();
        case.root = serde_json::from_slice(&root).unwrap();
        let refused = case.verify().err().map(|error| error.check().name());
        assert_eq!(refused, refused_by, "{name}");
    }
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
fn an_entry_of_something_else_is_refused() {
    let spec = |body: &mut Value, pointer: &str, value: &str| {
        *body
            .pointer_mut(&format!("/spec/hashedRekordV002{pointer}"))
            .unwrap() = value.into();
    };
    let digest = STANDARD.encode([7; 32]);
    let mut case = Case::good();
    case.change_body(|body| spec(body, "/data/digest", &digest));
    case.is_refused_by("entry-body", "another artifact");
    let mut case = Case::good();
    case.change_body(|body| spec(body, "/signature/content", "AAAA"));
    case.is_refused_by("entry-body", "another signature");
    let mut case = Case::good();
    case.change_body(|body| {
        spec(body, "/signature/verifier/x509Certificate/rawBytes", "AAAA");
    });
    case.is_refused_by("entry-body", "another certificate");
    let mut case = Case::good();
    case.change_body(|body| body["extra"] = 1.into());
    case.is_refused_by("entry-body", "no entry");
    let mut case = Case::good();
    case.entry()["kindVersion"]["kind"] = "dsse".into();
    case.is_refused_by("entry-body", "another kind");
    let mut case = Case::good();
    case.entry()["kindVersion"]["version"] = "0.0.9".into();
    assert!(case.verify().is_err());
    // The envelope's signature is in the entry; a body of the message is of no envelope.
    let mut case = Case::of(DSSE);
    let body = Case::good().entry()["canonicalizedBody"].clone();
    case.entry()["canonicalizedBody"] = body;
    case.entry()["kindVersion"]["kind"] = "hashedrekord".into();
    case.is_refused_by("entry-body", "another artifact");
}

#[test]
fn a_changed_body_that_says_the_same_is_not_in_the_tree() {
    let mut case = Case::good();
    let body = bytes(&case.entry()["canonicalizedBody"]);
    case.entry()["canonicalizedBody"] = STANDARD.encode([&body[..], b" "].concat()).into();
    case.is_refused_by("inclusion-proof", "");
}

#[test]
fn a_bad_proof_is_refused() {
    let mut case = Case::good();
    flip(&mut case.proof()["hashes"][0], 3);
    case.is_refused_by("inclusion-proof", "");
    let mut case = Case::good();
    case.proof()["hashes"] = json!([]);
    case.is_refused_by("inclusion-proof", "");
    let mut case = Case::good();
    case.entry()["logIndex"] = "0".into();
    case.is_refused_by("inclusion-proof", "another place");
    let mut case = Case::good();
    case.proof()["logIndex"] = "0".into();
    case.is_refused_by("inclusion-proof", "");
    let mut case = Case::good();
    case.proof()["logIndex"] = "-1".into();
    case.is_refused_by("inclusion-proof", "");
    let mut case = Case::good();
    case.proof()["treeSize"] = "3".into();
    case.is_refused_by("inclusion-proof", "another size");
    let mut case = Case::good();
    flip(&mut case.proof()["rootHash"], 0);
    case.is_refused_by("inclusion-proof", "another root");
    let mut case = Case::good();
    case.entry()
        .as_object_mut()
        .unwrap()
        .remove("inclusionProof");
    case.is_refused_by("inclusion-proof", "no inclusion proof");
}

#[test]
fn a_bad_checkpoint_is_refused() {
    let refused = |change: &dyn Fn(&str) -> String, saying: &str| {
        let mut case = Case::good();
        case.change_checkpoint(change);
        case.is_refused_by("checkpoint", saying);
    };
    let without_line = |number: usize| {
        move |text: &str| {
            let lines = text.split_inclusive('\n').enumerate();
            lines
                .filter(|(at, _)| *at != number)
                .map(|(_, line)| line)
                .collect::<String>()
        }
    };
    refused(&without_line(0), "");
    refused(&without_line(1), "not origin");
    refused(&without_line(2), "");
    refused(&without_line(4), "none of its signatures");
    refused(
        &|text| text.replacen("rekor.chancery.test\n", "other.test\n", 1),
        "is wrong",
    );
    refused(&|text| text.replacen("\n2\n", "\n3\n", 1), "is wrong");
    refused(
        &|text| text.replace("— rekor.chancery.test", "— other.test"),
        "none of its",
    );
    refused(&|text| text.replace("uhdmDeY", "uhdmDeZ"), "is wrong");
    refused(&|text| text.replace("uhdmDeY", "uhdmEeY"), "none of its");
    refused(&|_| String::new(), "");
    refused(
        &|text| format!("{text}{}", "— a.test AAAAAAA=\n".repeat(100)),
        "more than 100",
    );
    let mut case = Case::good();
    case.proof().as_object_mut().unwrap().remove("checkpoint");
    case.is_refused_by("checkpoint", "no checkpoint");
}

#[test]
fn signatures_of_others_beside_the_ledgers_do_not_matter() {
    let lines = |text: &str| -> (String, Vec<String>) {
        let (body, signatures) = text.split_once("\n\n").unwrap();
        let signatures = signatures.lines().map(|line| format!("{line}\n"));
        (format!("{body}\n\n"), signatures.collect())
    };
    let mut not_first = Case::good();
    not_first.change_checkpoint(|text| {
        let (body, signatures) = lines(text);
        body + &signatures[1] + &signatures[0]
    });
    not_first.verify().unwrap();
    let mut twice = Case::good();
    twice.change_checkpoint(|text| {
        let (body, signatures) = lines(text);
        body + &signatures[0] + &signatures[0] + &signatures[1]
    });
    twice.verify().unwrap();
    let mut alone = Case::good();
    alone.change_checkpoint(|text| {
        let (body, signatures) = lines(text);
        body + &signatures[0]
    });
    alone.verify().unwrap();
}

#[test]
fn timestamps_must_be_of_this_signature_and_of_a_trusted_authority() {
    let mut case = Case::good();
    *case.timestamps() = json!([]);
    case.is_refused_by("time", "0 trusted authorities");
    let mut case = Case::good();
    let other = Case::of(DSSE).timestamps().clone();
    *case.timestamps() = other;
    case.is_refused_by("time", "other data");
    let mut case = Case::good();
    let stamp = &mut case.timestamps()[0]["signedTimestamp"];
    let last = bytes(stamp).len() - 1;
    flip(stamp, last);
    case.is_refused_by("time", "signature");
    let mut case = Case::good();
    case.timestamps()[0]["signedTimestamp"] = "AAAA".into();
    case.is_refused_by("time", "DER");
    let mut case = Case::good();
    case.root["timestampAuthorities"] = json!([]);
    case.is_refused_by("time", "no timestamp authority is trusted");
}

#[test]
fn every_window_is_enforced_at_the_proven_time() {
    // Signed and logged at 12:00:00 to 12:00:05.
    let ended = json!({"start": "2026-10-01T00:00:00Z", "end": "2026-11-01T11:59:59Z"});
    let later = json!({"start": "2026-11-01T12:00:06Z"});
    let windows = [
        ("/certificateAuthorities/0/validFor", "chain"),
        ("/ctlogs/0/publicKey/validFor", "sct"),
        ("/tlogs/0/publicKey/validFor", "ledger"),
        ("/timestampAuthorities/0/validFor", "time"),
    ];
    for (pointer, check) in windows {
        for window in [&ended, &later] {
            let mut case = Case::good();
            *case.root.pointer_mut(pointer).unwrap() = window.clone();
            case.is_refused_by(check, "count");
        }
        let mut case = Case::good();
        *case.root.pointer_mut(pointer).unwrap() =
            json!({"start": "2026-11-01T12:00:00Z", "end": "2026-11-01T12:00:05Z"});
        if let Err(error) = case.verify() {
            panic!("{pointer}: {error}");
        }
    }
}

#[test]
fn logs_that_are_not_trusted_do_not_count() {
    let mut case = Case::good();
    case.root["ctlogs"] = json!([]);
    case.is_refused_by("sct", "not trusted");
    let mut case = Case::good();
    case.root["tlogs"] = json!([]);
    case.is_refused_by("ledger", "not trusted");
    let mut case = Case::good();
    case.bundle["verificationMaterial"]["tlogEntries"] = json!([]);
    case.is_refused_by("ledger", "0 trusted ledgers");
    let mut case = Case::good();
    case.root["certificateAuthorities"] = json!([]);
    case.is_refused_by("chain", "no certificate authority");
}

#[test]
fn one_authority_that_says_it_twice_counts_once() {
    let mut case = Case::good();
    let entry = case.entry().clone();
    case.bundle["verificationMaterial"]["tlogEntries"] = json!([entry, entry]);
    let stamp = case.timestamps()[0].clone();
    *case.timestamps() = json!([stamp, stamp]);
    case.verify().unwrap();
    case.thresholds.entries = 2;
    case.is_refused_by("ledger", "1 trusted ledgers");
    case.thresholds.entries = 1;
    case.thresholds.times = 2;
    case.is_refused_by("time", "1 trusted authorities");
    case.thresholds.times = 1;
    case.thresholds.scts = 2;
    case.is_refused_by("sct", "1 trusted logs");
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
    case.is_refused_by("identity", "is wanted");
    case.policy = by(pattern(".*"), pattern("https://issuer[.]chancery"));
    case.is_refused_by("issuer", "is wanted");
    assert!(Pattern::matching("a)|(.*").is_err());
    assert!(Pattern::matching("(a{1000}){1000}").is_err());
}
