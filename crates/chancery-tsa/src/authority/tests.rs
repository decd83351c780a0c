//! Tests of the authority, against vectors made by another implementation, and of its refusals.

use async_trait::async_trait;
use chancery_keys::{KeyType, LocalKey, PublicKey};
use chancery_log::clock::FixedClock;
use der::{Decode, Encode};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use sha2::{Digest, Sha256};

use super::*;
use crate::ceremony::TsaCeremony;
use crate::request::Nonce;
use crate::time_source::TimeDoubt;
use crate::verify::verify_answer;

const LEAF: &[u8] = include_bytes!("../../tests/vectors/leaf.der");
const ROOT: &[u8] = include_bytes!("../../tests/vectors/root.der");
const REQUEST: &[u8] = include_bytes!("../../tests/vectors/request.tsq");
const RESPONSE: &[u8] = include_bytes!("../../tests/vectors/response.tsr");
const RESPONSE_WITH_ALL: &[u8] = include_bytes!("../../tests/vectors/response-certs-nonce.tsr");
const CERTCHAIN: &str = include_str!("../../tests/vectors/certchain.pem");
/// The second of the vectors' timestamps.
const T: u64 = 1_793_534_405;

/// The vectors' key, which signs as RFC 6979 says: so its signatures are always the same.
#[derive(Debug)]
struct VectorKey {
    key: SigningKey,
    public: PublicKey,
}

impl VectorKey {
    fn new() -> Self {
        let secret = Sha256::digest(b"chancery-vector tsa leaf");
        let chain = TsaChain::from_ders(vec![LEAF.to_vec(), ROOT.to_vec()]).unwrap();
        Self {
            key: SigningKey::from_slice(&secret).unwrap(),
            public: chain.key().clone(),
        }
    }
}

#[async_trait]
impl Signer for VectorKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature: DerSignature = self.key.sign(message);
        Ok(signature.as_bytes().to_vec())
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The vectors' authority, half a second after their timestamps' second.
fn vector_authority() -> (TimestampAuthority, Arc<FixedClock>) {
    let clock = Arc::new(FixedClock::at(at(T) + Duration::from_millis(500)));
    let authority = TimestampAuthority::new(TimestampAuthorityParts {
        chain: TsaChain::parse_pem(CERTCHAIN).unwrap(),
        signer: Arc::new(VectorKey::new()),
        clock: Arc::clone(&clock) as _,
        check: None,
        floor: UNIX_EPOCH,
        policy: SIGSTORE_POLICY,
    });
    (authority.unwrap(), clock)
}

fn vector_serial() -> Int {
    let hash = Sha256::digest(b"chancery-vector tsa serial");
    let mut octets: [u8; 20] = hash[..20].try_into().unwrap();
    let mut carry = 0;
    for octet in &mut octets {
        (*octet, carry) = (*octet >> 1 | carry << 7, *octet & 1);
    }
    Uint::new(&octets).map(Int::from).unwrap()
}

#[tokio::test]
async fn the_vectors_answers_are_made_byte_for_byte() {
    let (authority, _) = vector_authority();
    let request = TimestampRequest::parse_der(REQUEST).unwrap();
    let stamp = authority.stamp_as(&request, vector_serial()).await.unwrap();
    assert_eq!(hex::encode(stamp.response()), hex::encode(RESPONSE));
    assert_eq!(stamp.time(), at(T));

    let nonce = Int::from_der(&0x0102_0304_0506_0708_u64.to_der().unwrap()).unwrap();
    let request = request
        .with_certificates()
        .with_nonce(Nonce::from_int(nonce).unwrap());
    let stamp = authority.stamp_as(&request, vector_serial()).await.unwrap();
    let made = hex::encode(stamp.response());
    assert_eq!(made, hex::encode(RESPONSE_WITH_ALL));
}

#[test]
fn the_vectors_chain_is_written_as_it_was_read() {
    assert_eq!(TsaChain::parse_pem(CERTCHAIN).unwrap().pem(), CERTCHAIN);
}

#[tokio::test]
async fn no_two_timestamps_have_the_same_serial_number() {
    let (authority, _) = vector_authority();
    let request = TimestampRequest::parse_der(REQUEST).unwrap();
    let mut serials = std::collections::HashSet::new();
    for _ in 0..100 {
        let stamp = authority.stamp(&request).await.unwrap();
        let verified = verify_answer(stamp.response(), &request, authority.chain()).unwrap();
        assert_eq!(verified.serial().len(), SERIAL_OCTETS);
        assert!(serials.insert(verified.serial().to_vec()));
    }
}

#[tokio::test]
async fn another_policy_is_refused_and_its_own_is_not() {
    let (authority, _) = vector_authority();
    let ask = |policy: &str| {
        let json = format!(
            r#"{{"artifactHash":"{}=","hashAlgorithm":"sha256","tsaPolicyOID":"{policy}"}}"#,
            "A".repeat(43)
        );
        TimestampRequest::parse_json(json.as_bytes()).unwrap()
    };
    let refused = authority.stamp(&ask("1.2.3")).await.unwrap_err();
    assert!(matches!(refused, StampError::Policy { .. }));
    assert_eq!(refused.failure(), FailureInfo::UnacceptedPolicy);
    assert!(authority.stamp(&ask("1.3.6.1.4.1.57264.2")).await.is_ok());
}

#[tokio::test]
async fn a_clock_that_went_back_stamps_nothing() {
    let (authority, clock) = vector_authority();
    let request = TimestampRequest::parse_der(REQUEST).unwrap();
    authority.stamp(&request).await.unwrap();
    clock.set(at(T - 3600));
    let refused = authority.stamp(&request).await.unwrap_err();
    assert!(matches!(
        refused,
        StampError::Time(TimeError::WentBack { .. })
    ));
    assert_eq!(refused.failure(), FailureInfo::TimeNotAvailable);
}

#[derive(Debug)]
struct Doubtful;

impl TimeCheck for Doubtful {
    fn ahead(&self, _: SystemTime) -> Option<f64> {
        None
    }

    fn check(&self, _: SystemTime) -> Result<(), TimeDoubt> {
        Err(TimeDoubt::Unknown {
            with: "anybody".to_owned(),
            since: "yet".to_owned(),
        })
    }
}

#[tokio::test]
async fn a_clock_that_is_not_believed_stamps_nothing() {
    let authority = TimestampAuthority::new(TimestampAuthorityParts {
        chain: TsaChain::parse_pem(CERTCHAIN).unwrap(),
        signer: Arc::new(VectorKey::new()),
        clock: Arc::new(FixedClock::at(at(T))),
        check: Some(Arc::new(Doubtful)),
        floor: UNIX_EPOCH,
        policy: SIGSTORE_POLICY,
    });
    let request = TimestampRequest::parse_der(REQUEST).unwrap();
    let refused = authority.unwrap().stamp(&request).await.unwrap_err();
    assert_eq!(refused.failure(), FailureInfo::TimeNotAvailable);
}

#[tokio::test]
async fn certificates_that_were_replaced_stamp_until_their_end_and_no_later_end_helps() {
    let (authority, clock) = vector_authority();
    let request = TimestampRequest::parse_der(REQUEST).unwrap();
    authority.end(at(T + 10));
    authority.end(at(T + 20));
    clock.set(at(T + 10));
    authority.stamp(&request).await.unwrap();
    clock.set(at(T + 11));
    let refused = authority.stamp(&request).await.unwrap_err();
    assert_eq!(refused, StampError::Replaced);
    assert_eq!(refused.failure(), FailureInfo::SystemFailure);
}

#[tokio::test]
async fn certificates_that_are_not_valid_now_stamp_nothing() {
    let (authority, clock) = vector_authority();
    let request = TimestampRequest::parse_der(REQUEST).unwrap();
    clock.set(authority.chain().not_after() + Duration::from_millis(999));
    assert!(authority.stamp(&request).await.is_ok());
    clock.set(authority.chain().not_after() + Duration::from_secs(1));
    let refused = authority.stamp(&request).await.unwrap_err();
    assert_eq!(refused, StampError::NotValid);
}

#[test]
fn a_key_that_is_not_the_certificates_makes_no_authority() {
    let key = LocalKey::generate(KeyType::P256).unwrap();
    let refused = TimestampAuthority::new(TimestampAuthorityParts {
        chain: TsaChain::parse_pem(CERTCHAIN).unwrap(),
        signer: Arc::new(key),
        clock: Arc::new(FixedClock::at(at(T))),
        check: None,
        floor: UNIX_EPOCH,
        policy: SIGSTORE_POLICY,
    });
    assert!(matches!(refused, Err(TimestampAuthorityError::OtherKey)));
}

#[tokio::test]
async fn a_p384_authority_of_three_certificates_stamps_what_verifies() {
    let key = || LocalKey::generate(KeyType::P384).unwrap();
    let (root, middle, leaf) = (key(), key(), key());
    let ceremony = TsaCeremony {
        organization: "Example",
        common_name: "Example timestamps",
        now: at(T),
    };
    let authority = TimestampAuthority::new(TimestampAuthorityParts {
        chain: ceremony.perform(&root, Some(&middle), &leaf).unwrap(),
        signer: Arc::new(leaf),
        clock: Arc::new(FixedClock::at(at(T))),
        check: None,
        floor: UNIX_EPOCH,
        policy: SIGSTORE_POLICY,
    });
    let authority = authority.unwrap();
    let request = TimestampRequest::parse_der(REQUEST).unwrap();
    let request = request.with_certificates();
    let stamp = authority.stamp(&request).await.unwrap();
    let verified = verify_answer(stamp.response(), &request, authority.chain()).unwrap();
    assert_eq!(verified.time(), at(T));
    assert_eq!(verified.accuracy(), Some(Duration::from_secs(1)));
    assert_eq!(verified.policy(), SIGSTORE_POLICY);
}
