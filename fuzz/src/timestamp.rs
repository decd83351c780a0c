//! Timestamps: a request is written again as it was, and nothing holds but what the vectors'
//! authority signed.

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use chancery_tsa::{TimestampRequest, TsaChain, verify, verify_answer};

const CERTCHAIN: &str = include_str!("../../crates/chancery-tsa/tests/vectors/certchain.pem");
const DATA: &[u8] = include_bytes!("../../crates/chancery-tsa/tests/vectors/data");
/// The one second that the authority has ever stamped.
const STAMPED: u64 = 1_793_534_405;

static TRUSTED: LazyLock<TsaChain> =
    LazyLock::new(|| TsaChain::parse_pem(CERTCHAIN).expect("the vectors are a chain"));

/// Reads an input as a request of either form, as an answer, and as a chain.
pub fn run(input: &[u8]) {
    let der = TimestampRequest::parse_der(input);
    let json = TimestampRequest::parse_json(input);
    for request in [&der, &json].into_iter().flatten() {
        let written = request.to_der().expect("what was read is written");
        let again = TimestampRequest::parse_der(&written);
        assert_eq!(again.as_ref(), Ok(request), "another request is written");
        // A request is no answer.
        assert!(verify_answer(input, request, &TRUSTED).is_err());
    }
    if let Ok(verified) = verify(input, DATA, &TRUSTED) {
        let stamped = UNIX_EPOCH + Duration::from_secs(STAMPED);
        assert_eq!(
            verified.time(),
            stamped,
            "a timestamp that nobody signed holds"
        );
    }
    assert!(verify(input, b"other data", &TRUSTED).is_err());
    if let Ok(chain) = TsaChain::from_ders(vec![input.to_vec(), TRUSTED.ders()[1].clone()]) {
        assert_eq!(
            chain.ders()[0],
            TRUSTED.ders()[0],
            "a certificate that nobody signed holds"
        );
    }
}
