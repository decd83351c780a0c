//! The vectors with other trusted roots, other times and other thresholds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::{KeyType, LocalKey, Signer as _};

use super::*;

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
fn what_does_not_say_when_it_counts_is_ignored() {
    let entries = [
        ("/certificateAuthorities/0", "chain"),
        ("/ctlogs/0/publicKey", "sct"),
        ("/tlogs/0/publicKey", "ledger"),
        ("/timestampAuthorities/0", "time"),
    ];
    for (pointer, check) in entries {
        let mut case = Case::good();
        let entry = case.root.pointer_mut(pointer).unwrap();
        entry.as_object_mut().unwrap().remove("validFor");
        case.is_refused_by(check, "trusted");
        let root = TrustedRoot::parse(case.root.to_string().as_bytes()).unwrap();
        let ignored = TrustMaterial::of(&root).ignored().to_vec();
        let [ignored] = &ignored[..] else { panic!() };
        assert!(ignored.why.contains("when it counts"), "{ignored:?}");
    }
}

#[test]
fn a_certificate_log_that_signs_with_another_kind_of_key_is_ignored() {
    let key = LocalKey::generate(KeyType::P384).unwrap();
    let mut case = Case::good();
    let spki = STANDARD.encode(key.public_key().spki_der());
    case.root["ctlogs"][0]["publicKey"]["rawBytes"] = spki.into();
    let root = TrustedRoot::parse(case.root.to_string().as_bytes()).unwrap();
    let ignored = TrustMaterial::of(&root).ignored().to_vec();
    let [ignored] = &ignored[..] else { panic!() };
    assert!(ignored.why.contains("not ECDSA P-256"), "{ignored:?}");
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
