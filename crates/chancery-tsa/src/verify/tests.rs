//! Tests of timestamps that hold, and of ones that do not: each for its own reason.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use chancery_keys::{HashAlgorithm, KeyType, LocalKey, Signer as _};
use chancery_log::clock::FixedClock;
use der::Encode;

use super::*;
use crate::asn1::PkiStatusInfo;
use crate::authority::{SIGSTORE_POLICY, TimestampAuthority, TimestampAuthorityParts};
use crate::ceremony::TsaCeremony;
use crate::failure::FailureInfo;
use crate::token::{CmsAlgorithm, Template};

const CERTCHAIN: &str = include_str!("../../tests/vectors/certchain.pem");
const DATA: &[u8] = include_bytes!("../../tests/vectors/data");
const REQUEST: &[u8] = include_bytes!("../../tests/vectors/request.tsq");
const RESPONSE: &[u8] = include_bytes!("../../tests/vectors/response.tsr");
const WITH_ALL: &[u8] = include_bytes!("../../tests/vectors/response-certs-nonce.tsr");
const T: Duration = Duration::from_secs(1_793_534_405);

fn trusted() -> TsaChain {
    TsaChain::parse_pem(CERTCHAIN).unwrap()
}

/// An authority of our own, at the second of the vectors, and its clock.
fn authority() -> (TimestampAuthority, Arc<FixedClock>) {
    let key = || LocalKey::generate(KeyType::P256).unwrap();
    let (root, leaf) = (key(), key());
    let ceremony = TsaCeremony {
        organization: "Example",
        common_name: "Example timestamps",
        now: UNIX_EPOCH + T,
    };
    let clock = Arc::new(FixedClock::at(UNIX_EPOCH + T));
    let parts = TimestampAuthorityParts {
        chain: ceremony.perform(&root, None, &leaf).unwrap(),
        signer: Arc::new(leaf),
        clock: Arc::clone(&clock) as _,
        check: None,
        floor: UNIX_EPOCH,
        policy: SIGSTORE_POLICY,
    };
    (TimestampAuthority::new(parts).unwrap(), clock)
}

/// Changes the first place where `from` is found.
fn replaced(response: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let place = response.windows(from.len()).position(|part| part == from);
    let place = place.expect("nothing to replace");
    let mut changed = response.to_vec();
    changed.splice(place..place + from.len(), to.iter().copied());
    changed
}

#[test]
fn the_vectors_hold() {
    for response in [RESPONSE, WITH_ALL] {
        let verified = verify(response, DATA, &trusted()).unwrap();
        assert_eq!(verified.time(), UNIX_EPOCH + T);
    }
    let request = TimestampRequest::parse_der(REQUEST).unwrap();
    verify_answer(RESPONSE, &request, &trusted()).unwrap();
}

#[test]
fn a_timestamp_of_other_data_is_refused() {
    let refused = verify(RESPONSE, b"other data", &trusted());
    assert_eq!(refused, Err(VerifyError::OtherData));
    let other = TimestampRequest::new(Imprint::of(HashAlgorithm::Sha256, b"other data"));
    let refused = verify_answer(RESPONSE, &other, &trusted());
    assert_eq!(refused, Err(VerifyError::OtherData));
}

#[test]
fn an_answer_to_another_request_is_refused() {
    let request = TimestampRequest::parse_der(REQUEST).unwrap();
    let refused = verify_answer(WITH_ALL, &request, &trusted());
    assert_eq!(refused, Err(VerifyError::OtherNonce));
    let asked = request.clone().with_certificates();
    let refused = verify_answer(RESPONSE, &asked, &trusted());
    assert_eq!(refused, Err(VerifyError::Certificates));
    let asked = request.with_nonce(Nonce::random().unwrap());
    let refused = verify_answer(RESPONSE, &asked, &trusted());
    assert_eq!(refused, Err(VerifyError::OtherNonce));
}

#[tokio::test]
async fn a_timestamp_by_another_authority_is_refused() {
    let (authority, _) = authority();
    let request = TimestampRequest::parse_der(REQUEST).unwrap();
    for request in [request.clone(), request.with_certificates()] {
        let stamp = authority.stamp(&request).await.unwrap();
        assert!(verify(stamp.response(), DATA, authority.chain()).is_ok());
        let refused = verify(stamp.response(), DATA, &trusted());
        assert_eq!(refused, Err(VerifyError::OtherSigner));
    }
}

#[test]
fn a_timestamp_at_which_the_certificates_were_not_valid_is_refused() {
    // The authority refuses; whoever has stolen its key does not.
    let key = || LocalKey::generate(KeyType::P256).unwrap();
    let (root, leaf) = (key(), key());
    let ceremony = TsaCeremony {
        organization: "Example",
        common_name: "Example timestamps",
        now: UNIX_EPOCH + T,
    };
    let chain = ceremony.perform(&root, None, &leaf).unwrap();
    let algorithm = CmsAlgorithm::of(leaf.public_key().algorithm()).unwrap();
    let template = Template::new(&chain, algorithm, SIGSTORE_POLICY).unwrap();
    let request = TimestampRequest::parse_der(REQUEST).unwrap();
    let stamp = |time| {
        let serial = der::asn1::Int::new(&[1]).unwrap();
        let unsigned = template.unsigned(&request, time, serial).unwrap();
        let signature = leaf.sign_now(unsigned.signed_part()).unwrap();
        template.sign(unsigned, &signature).unwrap()
    };
    assert!(verify(&stamp(UNIX_EPOCH + T), DATA, &chain).is_ok());
    for time in [
        UNIX_EPOCH + T - Duration::from_secs(3600),
        chain.not_after() + Duration::from_secs(1),
    ] {
        let refused = verify(&stamp(time), DATA, &chain);
        assert_eq!(refused, Err(VerifyError::NotValidThen));
    }
}

#[test]
fn a_changed_time_is_refused_for_its_digest() {
    let changed = replaced(RESPONSE, b"20261101120005Z", b"20261101120006Z");
    let refused = verify(&changed, DATA, &trusted());
    assert_eq!(refused, Err(VerifyError::Digest));
}

#[test]
fn changed_attributes_are_refused_for_their_signature() {
    let signing_time = b"\x17\x0d261101120005Z";
    let changed = replaced(RESPONSE, signing_time, b"\x17\x0d261101120006Z");
    let refused = verify(&changed, DATA, &trusted());
    assert_eq!(refused, Err(VerifyError::Signature));
}

#[test]
fn a_timestamp_that_names_another_certificate_is_refused() {
    let hash = crate::imprint::hash(HashAlgorithm::Sha256, trusted().leaf_der());
    let changed = replaced(RESPONSE, &hash, &[7; 32]);
    let refused = verify(&changed, DATA, &trusted());
    assert_eq!(refused, Err(VerifyError::OtherSigner));
}

#[test]
fn a_refusal_is_no_timestamp() {
    let response = FailureInfo::BadAlgorithm.to_response_der().unwrap();
    let refused = verify(&response, DATA, &trusted());
    assert_eq!(refused, Err(VerifyError::NotGranted { status: 2 }));
    let nothing = TimeStampResp {
        status: PkiStatusInfo {
            status: 0,
            status_string: None,
            fail_info: None,
        },
        time_stamp_token: None,
    };
    let refused = verify(&nothing.to_der().unwrap(), DATA, &trusted());
    assert_eq!(refused, Err(VerifyError::NoToken));
}

#[test]
fn a_timestamp_with_any_octet_changed_is_refused() {
    // In both vectors: what is signed, what signs, and what names it.
    for response in [RESPONSE, WITH_ALL] {
        let trusted = trusted();
        let mut held = Vec::new();
        for place in 0..response.len() {
            let mut changed = response.to_vec();
            changed[place] ^= 1;
            if verify(&changed, DATA, &trusted).is_ok() {
                held.push(place);
            }
        }
        // `granted` is one bit from `grantedWithMods`, which is a timestamp too.
        assert_eq!(held, [8]);
    }
}

#[test]
fn hostile_answers_are_refused_and_not_followed() {
    let trusted = trusted();
    assert!(matches!(
        verify(&vec![0x30; LONGEST_RESPONSE + 1], DATA, &trusted),
        Err(VerifyError::TooLong { .. })
    ));
    // A length that is not there, deep nesting, and every truncation.
    let hostile = [
        vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        [0x30, 0x80].repeat(20_000),
        [0x30, 0x82, 0xff, 0xf0].repeat(10_000),
    ];
    let cut = (0..RESPONSE.len()).map(|length| RESPONSE[..length].to_vec());
    for response in hostile.into_iter().chain(cut) {
        assert!(verify(&response, DATA, &trusted).is_err());
    }
}
