//! A signature with the algorithms that made it.
//!
//! RFC 5246, section 4.7: <https://www.rfc-editor.org/rfc/rfc5246#section-4.7>
//! ```text
//! digitally-signed = u8 hash (4: SHA-256) ‖ u8 signature (3: ECDSA) ‖ u16-len ASN.1 DER
//! ```

use super::wire::{Reader, WireError, put_vector};

const SHA256_ECDSA: [u8; 2] = [4, 3];

/// An ECDSA signature over SHA-256, as RFC 6962 structures carry it.
///
/// There are no others: clients accept SHA-256 only, and Chancery's logs have P-256 keys.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DigitallySigned {
    signature_der: Vec<u8>,
}

impl DigitallySigned {
    /// Takes an ECDSA signature, which must be ASN.1 DER but is not looked into.
    ///
    /// # Errors
    ///
    /// When it is empty or too long for its length field.
    pub fn sha256_ecdsa(signature_der: Vec<u8>) -> Result<Self, SignatureLengthError> {
        match signature_der.len() {
            1..=0xffff => Ok(Self { signature_der }),
            length => Err(SignatureLengthError { length }),
        }
    }

    /// Returns the signature, ASN.1 DER.
    pub fn signature_der(&self) -> &[u8] {
        &self.signature_der
    }

    /// Returns the whole structure.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = SHA256_ECDSA.to_vec();
        put_vector::<2>(&mut out, &self.signature_der);
        out
    }

    /// Parses the whole structure.
    ///
    /// # Errors
    ///
    /// When the bytes are none, or the algorithms are others.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseDigitallySignedError> {
        let mut reader = Reader::new(bytes);
        let algorithms = reader.array("signature algorithm")?;
        if algorithms != SHA256_ECDSA {
            let [hash, signature] = algorithms;
            return Err(ParseDigitallySignedError::Algorithm { hash, signature });
        }
        let signature_der = reader.vector::<2>("signature")?.to_vec();
        reader.finish("signature")?;
        Ok(Self::sha256_ecdsa(signature_der)?)
    }
}

/// A signature of a length that no signature has.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a signature of {length} bytes cannot be encoded: 1 to 65535 can")]
pub struct SignatureLengthError {
    /// Its length in bytes.
    pub length: usize,
}

/// Why bytes are no signature that can be verified here; each variant is the fault of whoever made
/// them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseDigitallySignedError {
    /// Made with algorithms that are not used here.
    #[error("hash {hash} with signature {signature} is not supported: 4 (SHA-256), 3 (ECDSA) is")]
    Algorithm {
        /// TLS's number of the hash.
        hash: u8,
        /// TLS's number of the signature.
        signature: u8,
    },
    /// The structure is cut off or goes on.
    #[error(transparent)]
    Malformed(#[from] WireError),
    /// The signature is empty.
    #[error(transparent)]
    Length(#[from] SignatureLengthError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_encoded_with_its_algorithms_and_parsed_again() {
        let signed = DigitallySigned::sha256_ecdsa(b"DER".to_vec()).unwrap();
        assert_eq!(signed.encode(), b"\x04\x03\x00\x03DER");
        assert_eq!(DigitallySigned::parse(b"\x04\x03\x00\x03DER"), Ok(signed));
    }

    #[test]
    fn signatures_of_other_algorithms_or_lengths_are_refused() {
        assert_eq!(
            DigitallySigned::parse(b"\x04\x01\x00\x03RSA"),
            Err(ParseDigitallySignedError::Algorithm {
                hash: 4,
                signature: 1
            })
        );
        for bytes in [&b""[..], b"\x04", b"\x04\x03\x00", b"\x04\x03\x00\x04DER"] {
            let error = DigitallySigned::parse(bytes).unwrap_err();
            assert!(error.to_string().contains("cut off"), "{error}");
        }
        let error = DigitallySigned::parse(b"\x04\x03\x00\x02DER").unwrap_err();
        assert_eq!(error.to_string(), "1 bytes follow the end of the signature");
        assert!(DigitallySigned::parse(b"\x04\x03\x00\x00").is_err());
        assert!(DigitallySigned::sha256_ecdsa(vec![0; 0x1_0000]).is_err());
    }
}
