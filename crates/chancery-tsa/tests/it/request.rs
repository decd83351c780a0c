//! Requests as clients send them, and what is refused of them.

use chancery_keys::HashAlgorithm::{Sha256, Sha384, Sha512};
use chancery_tsa::{FailureInfo, Imprint, Nonce, RequestError, TimestampRequest};
use proptest::prelude::*;

const VECTOR: &[u8] = include_bytes!("../vectors/request.tsq");
const DATA: &[u8] = include_bytes!("../vectors/data");

/// A request with SHA-256 of nothing known, with NULL or not, and what follows the imprint.
fn der(version: &str, oid: &str, parameters: &str, digest: usize, rest: &str) -> Vec<u8> {
    let tlv = |tag: u8, value: Vec<u8>| {
        let mut out = vec![tag];
        match u8::try_from(value.len()).unwrap() {
            short @ 0..0x80 => out.push(short),
            long => out.extend([0x81, long]),
        }
        out.extend(value);
        out
    };
    let decode = |hex: &str| hex::decode(hex).unwrap();
    let algorithm = tlv(0x30, [tlv(6, decode(oid)), decode(parameters)].concat());
    let imprint = tlv(0x30, [algorithm, tlv(4, vec![0xab; digest])].concat());
    tlv(
        0x30,
        [tlv(2, decode(version)), imprint, decode(rest)].concat(),
    )
}

const SHA256: &str = "608648016503040201";
const SHA1: &str = "2b0e03021a";

fn failure(request: &[u8]) -> FailureInfo {
    TimestampRequest::parse_der(request).unwrap_err().failure()
}

#[test]
fn the_vectors_request_is_read_and_written_again() {
    let request = TimestampRequest::parse_der(VECTOR).unwrap();
    assert_eq!(*request.imprint(), Imprint::of(Sha256, DATA));
    assert_eq!(request.nonce(), None);
    assert!(!request.certificates());
    assert_eq!(request.to_der().unwrap(), VECTOR);
}

#[test]
fn a_hash_function_may_be_written_with_null_or_without_and_stays_so() {
    for parameters in ["", "0500"] {
        let bytes = der("01", SHA256, parameters, 32, "");
        let request = TimestampRequest::parse_der(&bytes).unwrap();
        assert_eq!(request.to_der().unwrap(), bytes);
    }
}

#[test]
fn each_fault_has_its_reason() {
    let good = |rest| der("01", SHA256, "0500", 32, rest);
    assert!(TimestampRequest::parse_der(&good("")).is_ok());
    for (request, reason) in [
        (der("01", SHA1, "0500", 20, ""), FailureInfo::BadAlgorithm),
        (
            der("01", SHA256, "0401ff", 32, ""),
            FailureInfo::BadAlgorithm,
        ),
        (
            der("01", SHA256, "0500", 31, ""),
            FailureInfo::BadDataFormat,
        ),
        (der("02", SHA256, "0500", 32, ""), FailureInfo::BadRequest),
        (der("00", SHA256, "0500", 32, ""), FailureInfo::BadRequest),
        // extensions: one that is not critical, and an empty list
        (
            good("a00a300806032a03040401ff"),
            FailureInfo::UnacceptedExtension,
        ),
        (good("a000"), FailureInfo::UnacceptedExtension),
        // what DER does not allow: a boolean of 1, a nonce with a zero before it, something after
        (good("010101"), FailureInfo::BadDataFormat),
        (good("02020001"), FailureInfo::BadDataFormat),
        (good("0500"), FailureInfo::BadDataFormat),
    ] {
        assert_eq!(failure(&request), reason, "{}", hex::encode(&request));
    }
}

#[test]
fn a_nonce_is_taken_up_to_64_octets_and_comes_back_as_it_was() {
    for (octets, taken) in [(1, true), (8, true), (64, true), (65, false)] {
        let nonce = format!("02{octets:02x}{}", "7f".repeat(octets));
        let bytes = der("01", SHA256, "0500", 32, &nonce);
        match TimestampRequest::parse_der(&bytes) {
            Ok(request) => assert!(taken && request.to_der().unwrap() == bytes),
            Err(error) => assert!(!taken && matches!(error, RequestError::NonceTooLong { .. })),
        }
    }
}

#[test]
fn what_is_too_long_is_not_read() {
    let long = vec![b' '; TimestampRequest::LONGEST + 1];
    for error in [
        TimestampRequest::parse_der(&long),
        TimestampRequest::parse_json(&long),
    ] {
        assert!(matches!(error, Err(RequestError::TooLong { .. })));
    }
}

#[test]
fn json_says_the_same_as_der() {
    // As sigstore-js sends it.
    let hash = "oaLZhYIdqpV9W6YRWMqG9gQXIaWDmrFVUEKbQdGhfiY=";
    let json = format!(r#"{{"artifactHash":"{hash}","hashAlgorithm":"sha256"}}"#);
    let request = TimestampRequest::parse_json(json.as_bytes()).unwrap();
    assert_eq!(request.to_der().unwrap(), VECTOR);

    let json = format!(
        r#"{{"artifactHash":"{hash}","hashAlgorithm":"sha256","certificates":true,
            "nonce":18446744073709551615,"tsaPolicyOID":"1.3.6.1.4.1.57264.2"}}"#
    );
    let request = TimestampRequest::parse_json(json.as_bytes()).unwrap();
    assert!(request.certificates());
    let again = TimestampRequest::parse_der(&request.to_der().unwrap()).unwrap();
    assert_eq!(again, request);
    assert!(again.nonce().is_some() && again.policy().is_some());
}

#[test]
fn json_that_is_not_such_a_request_is_refused_with_its_reason() {
    let hash = "A".repeat(43) + "=";
    let with =
        |more: &str| format!(r#"{{"artifactHash":"{hash}","hashAlgorithm":"sha256"{more}}}"#);
    assert!(TimestampRequest::parse_json(with("").as_bytes()).is_ok());
    assert!(TimestampRequest::parse_json(with(r#","nonce":null"#).as_bytes()).is_ok());
    for (json, reason) in [
        (String::new(), FailureInfo::BadDataFormat),
        ("[]".to_owned(), FailureInfo::BadDataFormat),
        (with(r#","nonce":-1"#), FailureInfo::BadDataFormat),
        (
            with(r#","nonce":18446744073709551616"#),
            FailureInfo::BadDataFormat,
        ),
        (with(r#","nonce":1.5"#), FailureInfo::BadDataFormat),
        (with(r#","artifactHash":"""#), FailureInfo::BadDataFormat),
        (with(r#","unknown":1"#), FailureInfo::BadDataFormat),
        (
            with(r#","tsaPolicyOID":"one.two""#),
            FailureInfo::BadDataFormat,
        ),
        (
            with(&format!(r#","tsaPolicyOID":"1.2{}""#, ".3".repeat(400))),
            FailureInfo::BadDataFormat,
        ),
        (
            with("").replace("sha256", "sha1"),
            FailureInfo::BadAlgorithm,
        ),
        (
            with("").replace("sha256", "SHA256"),
            FailureInfo::BadAlgorithm,
        ),
        (
            with("").replace("sha256", "sha512"),
            FailureInfo::BadDataFormat,
        ),
        (with("").replace("A=", "A"), FailureInfo::BadDataFormat),
        (with("") + "x", FailureInfo::BadDataFormat),
        ("[".repeat(1000), FailureInfo::BadDataFormat),
    ] {
        let error = TimestampRequest::parse_json(json.as_bytes()).unwrap_err();
        assert_eq!(error.failure(), reason, "{json}");
    }
}

#[test]
fn a_hash_of_the_wrong_length_is_none() {
    for (algorithm, length) in [(Sha256, 32), (Sha384, 48), (Sha512, 64)] {
        assert!(Imprint::new(algorithm, &vec![0; length]).is_ok());
        assert!(Imprint::new(algorithm, &vec![0; length + 1]).is_err());
        assert!(Imprint::new(algorithm, &[]).is_err());
    }
}

proptest! {
    #[test]
    fn a_request_of_ones_own_is_read_as_it_was_made(
        data: Vec<u8>, certificates: bool, nonce: bool, which in 0..3_usize,
    ) {
        let mut request = TimestampRequest::new(Imprint::of([Sha256, Sha384, Sha512][which], &data));
        if certificates {
            request = request.with_certificates();
        }
        if nonce {
            request = request.with_nonce(Nonce::random().unwrap());
        }
        let read = TimestampRequest::parse_der(&request.to_der().unwrap()).unwrap();
        prop_assert_eq!(read, request);
    }

    #[test]
    fn whatever_is_sent_is_refused_or_is_one_request(bytes: Vec<u8>) {
        let _ = TimestampRequest::parse_json(&bytes);
        if let Ok(request) = TimestampRequest::parse_der(&bytes) {
            prop_assert_eq!(request.to_der().unwrap(), bytes);
        }
    }

    #[test]
    fn a_changed_request_is_refused_or_is_another(place in 0..VECTOR.len(), with: u8) {
        let mut bytes = VECTOR.to_vec();
        bytes[place] = with;
        if let Ok(request) = TimestampRequest::parse_der(&bytes) {
            prop_assert_eq!(request.to_der().unwrap(), bytes);
        }
    }
}
