//! Certificate signing requests: a proven key is the one in the request, and a request of which one
//! bit is turned proves nothing.

use chancery_ca::PossessionRequest;
use der::{Decode, Encode};
use x509_cert::request::CertReq;

use crate::genuine::{sign, spki_der};
use crate::possession::{armor, prove};

/// Reads a request. An input is PEM; or the DER of a request, or of a request's signed part, which
/// then gets a good signature.
pub fn run(input: &[u8]) {
    if input.first() != Some(&0x30) {
        let request = PossessionRequest::Csr(input.to_vec());
        if prove(&request).is_ok() {
            let block = pem::parse(input);
            unturned(&block.map(pem::Pem::into_contents).unwrap_or_default());
        }
        return;
    }
    unturned(input);
    let signed = request(input, &sign(input));
    if let Ok(key) = prove_der(&signed) {
        assert_eq!(key.spki_der(), spki_der(), "another's key was proven");
        unturned(&signed);
    }
    assert!(prove_der(&request(input, &[0x5a; 64])).is_err());
}

fn prove_der(der: &[u8]) -> Result<chancery_ca::ProvenKey, &'static str> {
    prove(&PossessionRequest::Csr(armor("CERTIFICATE REQUEST", der)))
}

/// Turns bits of a request that proves possession.
fn unturned(der: &[u8]) {
    let Ok(key) = prove_der(der) else {
        return;
    };
    let read = CertReq::from_der(der).expect("another reader takes it, too");
    let spki = read.info.public_key.to_der().expect("it was read");
    assert_eq!(key.spki_der(), spki);
    let signature = read.signature.raw_bytes().len();
    for place in [
        der.len() - 1,
        der.len() - signature.div_ceil(2),
        der.len() / 3,
    ] {
        let mut turned = der.to_vec();
        if let Some(octet) = turned.get_mut(place) {
            *octet ^= 1;
            assert!(prove_der(&turned).is_err(), "octet {place} does not count");
        }
    }
}

/// Puts a request together (RFC 2986, section 4.2), signed with Ed25519 (RFC 8410).
fn request(info: &[u8], signature: &[u8]) -> Vec<u8> {
    const ED25519: [u8; 7] = [0x30, 5, 6, 3, 0x2b, 0x65, 0x70];
    let bits = [&[3, 0x41, 0][..], signature].concat();
    let content = [info, &ED25519, &bits].concat();
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let octets = length.to_be_bytes();
    let head = match length {
        0..=0x7f => vec![0x30, octets[3]],
        0x80..=0xff => vec![0x30, 0x81, octets[3]],
        0x100..=0xffff => vec![0x30, 0x82, octets[2], octets[3]],
        _ => [&[0x30, 0x84][..], &octets].concat(),
    };
    [head, content].concat()
}
