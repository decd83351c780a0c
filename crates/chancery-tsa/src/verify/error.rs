//! Why a timestamp does not hold.

use const_oid::ObjectIdentifier;

use crate::imprint::ImprintError;

/// Why a timestamp does not hold.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum VerifyError {
    /// More than an answer can be.
    #[error(
        "the timestamp has {found} bytes; the longest that is read has {}",
        super::LONGEST_RESPONSE
    )]
    TooLong {
        /// How many bytes there are.
        found: usize,
    },
    /// Not the DER of a timestamp, or of a part of one.
    #[error("the timestamp is not a TimeStampResp of RFC 3161 in DER: {0}")]
    Malformed(der::Error),
    /// The authority refused.
    #[error("the timestamp authority refused to stamp, with status {status}")]
    NotGranted {
        /// Its `PKIStatus`.
        status: u8,
    },
    /// It grants, and there is nothing.
    #[error("the answer grants a timestamp, but there is none in it")]
    NoToken,
    /// A version that is not there.
    #[error("the timestamp has version {found}; only 1 is known")]
    Version {
        /// What it says.
        found: u8,
    },
    /// It has a critical extension, which nobody knows.
    #[error("the timestamp has the critical extension {oid}, which is not known")]
    CriticalExtension {
        /// The extension.
        oid: ObjectIdentifier,
    },
    /// The hash is none.
    #[error("the timestamp is of no hash that is taken: {0}")]
    Imprint(#[from] ImprintError),
    /// It is something else that was stamped.
    #[error("the timestamp is of other data")]
    OtherData,
    /// It answers another request.
    #[error("the timestamp has another nonce than the request")]
    OtherNonce,
    /// It was made under another policy than the one asked for.
    #[error("the timestamp was made under another policy than the request asks for")]
    OtherPolicy,
    /// It has a certificate that was not asked for, or has none that was.
    #[error("the timestamp does not carry certificates as the request asks")]
    Certificates,
    /// It is signed in a form that timestamps do not have.
    #[error("the timestamp is not signed as RFC 3161 says: {0}")]
    Form(&'static str),
    /// Somebody else signed it.
    #[error("the timestamp is signed by an authority that is not the trusted one")]
    OtherSigner,
    /// The signature's algorithm is not taken.
    #[error("the timestamp is signed with {oid}, which is not taken")]
    Algorithm {
        /// The algorithm, of the hash or of the signature.
        oid: ObjectIdentifier,
    },
    /// What was signed is not this content.
    #[error("the timestamp was changed after it was signed: its digest is another")]
    Digest,
    /// The signature is not by the trusted key.
    #[error("the signature of the timestamp is wrong")]
    Signature,
    /// A certificate was not valid at the time that is stamped.
    #[error("the timestamp authority's certificates were not valid at the time that is stamped")]
    NotValidThen,
}
