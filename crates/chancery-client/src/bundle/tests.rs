//! Bundles are read within bounds, and written as they were read.

use super::*;

const VECTOR: &str = include_str!("../../tests/vectors/artifact.txt.sigstore.json");

fn parse(text: &str) -> Result<UnverifiedBundle, ParseBundleError> {
    UnverifiedBundle::parse(text.as_bytes())
}

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn a_bundle_is_written_as_it_was_read() {
    let bundle = parse(VECTOR).unwrap();
    let written: serde_json::Value = serde_json::from_slice(&bundle.to_json().unwrap()).unwrap();
    let given: serde_json::Value = serde_json::from_str(VECTOR).unwrap();
    assert_eq!(written, given);
}

#[test]
fn an_assembled_bundle_takes_the_entry_as_a_ledger_answers_it() {
    let read = parse(VECTOR).unwrap().wire;
    let given: serde_json::Value = serde_json::from_str(VECTOR).unwrap();
    let mut answer = given["verificationMaterial"]["tlogEntries"][0].clone();
    answer["integratedTime"] = "0".into();
    answer["inclusionPromise"] = serde_json::Value::Null;
    let signed = read.message_signature.as_ref().unwrap();
    let assembled = UnverifiedBundle::assemble(
        read.certificate().to_vec(),
        Signed::Message {
            algorithm: HashAlgorithm::Sha256,
            digest: signed.message_digest.as_ref().unwrap().digest.0.clone(),
            signature: signed.signature.0.clone(),
        },
        vec![LedgerEntry::parse(answer.to_string().as_bytes()).unwrap()],
        read.timestamps().map(<[u8]>::to_vec).collect(),
    );
    let written: serde_json::Value = serde_json::from_slice(&assembled.to_json().unwrap()).unwrap();
    assert_eq!(written, given);
}

#[test]
fn numbers_and_url_safe_base64_are_read_too() {
    let other = VECTOR.replace(r#""logIndex": "1""#, r#""logIndex": 1"#);
    let read = parse(&other).unwrap().wire;
    assert_eq!(read.entries()[0].log_index.0, 1);
    let url_safe = VECTOR.replace(
        "uhdmDSzqqWT0STQST+5iY2lX1rsfzEnIeGEFhFS/mjY=",
        "uhdmDSzqqWT0STQST-5iY2lX1rsfzEnIeGEFhFS_mjY",
    );
    let read = parse(&url_safe).unwrap().wire;
    assert_eq!(read.entries()[0].log_id.key_id.0[..2], [0xba, 0x17]);
}

#[test]
fn what_is_no_bundle_is_refused() {
    let other = VECTOR.replace("bundle.v0.3+json", "bundle.v0.4+json");
    assert!(refusal(&other).contains("mediaType"));
    let unknown = VECTOR.replacen('{', r#"{"extra": 1, "#, 1);
    assert!(refusal(&unknown).contains("unknown field `extra`"));
    let inner = VECTOR.replace(r#""kindVersion": {"#, r#""kindVersion": {"x": 1, "#);
    assert!(refusal(&inner).contains("unknown field `x`"));
    assert!(refusal(&format!("{VECTOR} {{}}")).contains("trailing"));
    assert!(refusal(&format!("[{VECTOR}]")).contains("object"));
    let twice = VECTOR.replacen('{', r#"{"mediaType": "a", "#, 1);
    assert!(refusal(&twice).contains("duplicate field"));
    let both = VECTOR.trim_end().trim_end_matches('}').to_owned()
        + r#"}, "dsseEnvelope": {"payload": "", "payloadType": "", "signatures": [{"sig": ""}]}}"#;
    assert!(refusal(&both).contains("both"), "{}", refusal(&both));
}

#[test]
fn every_list_and_every_run_of_bytes_is_bounded() {
    let entry = r#"{"logId": {"keyId": ""}, "kindVersion": {"kind": "", "version": ""}, "canonicalizedBody": ""}"#;
    let material =
        |members: &str| format!(r#"{{"mediaType": "", "verificationMaterial": {{{members}}}}}"#);
    let many = |one: &str, count| vec![one; count].join(",");
    let entries = |count| material(&format!(r#""tlogEntries": [{}]"#, many(entry, count)));
    assert!(refusal(&entries(limits::ENTRIES)).contains("mediaType"));
    assert!(refusal(&entries(limits::ENTRIES + 1)).contains("more elements"));
    assert!(refusal(&entries(50_000)).contains("more elements"));
    let stamps = many(r#"{"signedTimestamp": ""}"#, limits::TIMESTAMPS + 1);
    let stamps = format!(r#""timestampVerificationData": {{"rfc3161Timestamps": [{stamps}]}}"#);
    assert!(refusal(&material(&stamps)).contains("more elements"));
    let chain = many(r#"{"rawBytes": ""}"#, limits::CHAIN + 1);
    let chain = format!(r#""x509CertificateChain": {{"certificates": [{chain}]}}"#);
    assert!(refusal(&material(&chain)).contains("more elements"));
    let giant = "A".repeat(4 * 1024 * 1024);
    let giant = material(&format!(r#""certificate": {{"rawBytes": "{giant}"}}"#));
    assert!(refusal(&giant).contains("more than 65536 bytes"));
    let checkpoint = |length| {
        let envelope = "a".repeat(length);
        let proof = format!(
            r#"{{"rootHash": "", "treeSize": 0, "checkpoint": {{"envelope": "{envelope}"}}}}"#
        );
        let entry = entry.replacen('{', &format!(r#"{{"inclusionProof": {proof}, "#), 1);
        material(&format!(r#""tlogEntries": [{entry}]"#))
    };
    assert!(refusal(&checkpoint(limits::CHECKPOINT_BYTES)).contains("mediaType"));
    assert!(refusal(&checkpoint(limits::CHECKPOINT_BYTES + 1)).contains("more than 65536 bytes"));
    let deep = format!(r#"{{"mediaType": {}"#, "[".repeat(1_000_000));
    assert!(refusal(&deep).contains("no Sigstore bundle"));
    let deep = format!(
        r#"{{"mediaType": "", "verificationMaterial": {}"#,
        r#"{"a":"#.repeat(100_000)
    );
    assert!(refusal(&deep).contains("unknown field"));
    let long = " ".repeat(limits::BUNDLE_BYTES + 1);
    assert!(matches!(
        parse(&long),
        Err(ParseBundleError::TooLong { .. })
    ));
}

#[test]
fn what_is_said_is_short_however_long_a_name_is() {
    let long = "é".repeat(100_000);
    let unknown = VECTOR.replacen('{', &format!(r#"{{"{long}": 1, "#), 1);
    let algorithm = VECTOR.replace("SHA2_256", &long);
    for document in [unknown, algorithm] {
        let said = refusal(&document);
        assert!(
            said.starts_with("it is no Sigstore bundle: unknown "),
            "{said}"
        );
        assert!(said.len() < 400, "{} bytes are said", said.len());
    }
}

#[test]
fn the_type_of_a_payload_is_bounded() {
    let envelope = |kind: &str| {
        format!(
            r#"{{"mediaType": "", "verificationMaterial": {{}}, "dsseEnvelope":
            {{"payload": "", "payloadType": "{kind}", "signatures": []}}}}"#
        )
    };
    let longest = "a".repeat(limits::TYPE_BYTES);
    assert!(refusal(&envelope(&longest)).contains("mediaType"));
    assert!(refusal(&envelope(&(longest + "a"))).contains("more than 1024 bytes"));
}
