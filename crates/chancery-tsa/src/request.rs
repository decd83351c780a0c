//! Requests for a timestamp, in DER (RFC 3161, section 2.4.1) and in Sigstore's JSON.
//!
//! ```json
//! {"artifactHash":"<base64>","hashAlgorithm":"sha256","certificates":true,"nonce":1,"tsaPolicyOID":"1.2.3"}
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::HashAlgorithm;
use der::asn1::{Int, ObjectIdentifier};
use der::{Decode, Encode};
use serde::Deserialize;

use crate::asn1::TimeStampReq;
use crate::failure::FailureInfo;
use crate::imprint::{Imprint, ImprintError};

/// A request for a timestamp, well-formed and of a hash that is stamped.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TimestampRequest {
    imprint: Imprint,
    policy: Option<ObjectIdentifier>,
    nonce: Option<Nonce>,
    certificates: bool,
}

/// A number that the answer repeats, so that the client knows it for its own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Nonce(Int);

/// Why a request is refused. It is always the fault of whoever sent it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RequestError {
    /// More than a request can be.
    #[error(
        "the timestamp request has {found} bytes; the longest that is read has {}",
        TimestampRequest::LONGEST
    )]
    TooLong {
        /// How many bytes were sent.
        found: usize,
    },
    /// Not the DER of a `TimeStampReq`.
    #[error("the timestamp request is not a TimeStampReq of RFC 3161 in DER: {0}")]
    Der(der::Error),
    /// Not the JSON of a request.
    #[error(
        "the timestamp request is not JSON with artifactHash, hashAlgorithm and at most \
         certificates, nonce and tsaPolicyOID: {0}"
    )]
    Json(String),
    /// A version that is not there.
    #[error("the timestamp request has version {found}; only 1 is known")]
    Version {
        /// What it says.
        found: u8,
    },
    /// The hash is none.
    #[error(transparent)]
    Imprint(#[from] ImprintError),
    /// A name for a hash function that is not known.
    #[error("the hashAlgorithm {found:?} is not taken; use sha256, sha384 or sha512")]
    AlgorithmName {
        /// The name, cut off if it is long.
        found: String,
    },
    /// The hash is not base64.
    #[error("the artifactHash is not base64")]
    Base64,
    /// The policy is no object identifier.
    #[error("the tsaPolicyOID is not an object identifier such as 1.2.3")]
    PolicyText,
    /// A nonce longer than any hash.
    #[error(
        "the nonce has {found} octets; the longest that is taken has {}",
        Nonce::LONGEST
    )]
    NonceTooLong {
        /// How many octets it has.
        found: usize,
    },
    /// There are extensions, none of which is known.
    #[error("the timestamp request has extensions; none is known, so leave them out")]
    Extensions,
}

impl RequestError {
    /// Returns the reason as RFC 3161 words it.
    #[must_use]
    pub fn failure(&self) -> FailureInfo {
        match self {
            Self::Imprint(ImprintError::Algorithm { .. }) | Self::AlgorithmName { .. } => {
                FailureInfo::BadAlgorithm
            }
            Self::Version { .. } => FailureInfo::BadRequest,
            Self::Extensions => FailureInfo::UnacceptedExtension,
            Self::TooLong { .. }
            | Self::Der(_)
            | Self::Json(_)
            | Self::Imprint(ImprintError::Length { .. })
            | Self::Base64
            | Self::PolicyText
            | Self::NonceTooLong { .. } => FailureInfo::BadDataFormat,
        }
    }
}

impl TimestampRequest {
    /// The longest request that is read, in bytes. Honest ones have some 60 to 200.
    pub const LONGEST: usize = 1024;

    /// Makes a request of one's own, without nonce, policy and certificates.
    #[must_use]
    pub fn new(imprint: Imprint) -> Self {
        Self {
            imprint,
            policy: None,
            nonce: None,
            certificates: false,
        }
    }

    /// Asks for the signer's certificate in the answer.
    #[must_use]
    pub fn with_certificates(self) -> Self {
        Self {
            certificates: true,
            ..self
        }
    }

    /// Asks for an answer with this number.
    #[must_use]
    pub fn with_nonce(self, nonce: Nonce) -> Self {
        Self {
            nonce: Some(nonce),
            ..self
        }
    }

    /// Parses a `TimeStampReq`, as `application/timestamp-query` has it.
    ///
    /// # Errors
    /// Anything but one whole request in DER of at most [`LONGEST`](Self::LONGEST) bytes, for a
    /// hash of the SHA-2 family, without extensions.
    pub fn parse_der(der: &[u8]) -> Result<Self, RequestError> {
        require_length(der)?;
        let request = TimeStampReq::from_der(der).map_err(RequestError::Der)?;
        if request.version != 1 {
            return Err(RequestError::Version {
                found: request.version,
            });
        }
        if request.extensions.is_some() {
            return Err(RequestError::Extensions);
        }
        Ok(Self {
            imprint: Imprint::from_asn1(&request.message_imprint)?,
            policy: request.req_policy,
            nonce: request.nonce.map(Nonce::from_int).transpose()?,
            certificates: request.cert_req,
        })
    }

    /// Parses a request as Sigstore's timestamp authority takes it, as `application/json`. Its
    /// nonce has at most 64 bits.
    ///
    /// # Errors
    /// Unknown names, names that are there twice, and what [`parse_der`](Self::parse_der) refuses.
    pub fn parse_json(json: &[u8]) -> Result<Self, RequestError> {
        require_length(json)?;
        let request: JsonRequest<'_> =
            serde_json::from_slice(json).map_err(|error| RequestError::Json(error.to_string()))?;
        let algorithm = match &*request.hash_algorithm {
            "sha256" => HashAlgorithm::Sha256,
            "sha384" => HashAlgorithm::Sha384,
            "sha512" => HashAlgorithm::Sha512,
            other => {
                return Err(RequestError::AlgorithmName {
                    found: other.chars().take(32).collect(),
                });
            }
        };
        let digest = STANDARD.decode(&*request.artifact_hash);
        let digest = digest.map_err(|_| RequestError::Base64)?;
        // Clients that need no policy may still write the field.
        let policy = request.tsa_policy_oid.filter(|text| !text.is_empty());
        let policy = policy.map(|text| ObjectIdentifier::new(&text));
        Ok(Self {
            imprint: Imprint::new(algorithm, &digest)?,
            policy: policy.transpose().map_err(|_| RequestError::PolicyText)?,
            nonce: request.nonce.map(Nonce::from_u64).transpose()?,
            certificates: request.certificates,
        })
    }

    /// Returns the request in DER.
    ///
    /// # Errors
    /// A defect of the encoder.
    pub fn to_der(&self) -> der::Result<Vec<u8>> {
        let request = TimeStampReq {
            version: 1,
            message_imprint: self.imprint.to_asn1()?,
            req_policy: self.policy,
            nonce: self.nonce.clone().map(|nonce| nonce.0),
            cert_req: self.certificates,
            extensions: None,
        };
        request.to_der()
    }

    /// Returns the hash to stamp.
    #[must_use]
    pub fn imprint(&self) -> &Imprint {
        &self.imprint
    }

    /// Returns the policy that is asked for, if any is.
    #[must_use]
    pub fn policy(&self) -> Option<ObjectIdentifier> {
        self.policy
    }

    /// Returns the number to repeat, if there is one.
    #[must_use]
    pub fn nonce(&self) -> Option<&Nonce> {
        self.nonce.as_ref()
    }

    /// Says whether the answer is to carry the signer's certificate.
    #[must_use]
    pub fn certificates(&self) -> bool {
        self.certificates
    }
}

impl Nonce {
    /// The most octets of a nonce that is taken. Clients send 8.
    pub const LONGEST: usize = 64;

    /// Makes a nonce of 63 random bits.
    ///
    /// # Errors
    /// A defect of the encoder.
    pub fn random() -> Result<Self, RequestError> {
        Self::from_u64(rand::random::<u64>() >> 1)
    }

    pub(crate) fn as_int(&self) -> &Int {
        &self.0
    }

    pub(crate) fn from_int(number: Int) -> Result<Self, RequestError> {
        let found = number.as_bytes().len();
        if found > Self::LONGEST {
            return Err(RequestError::NonceTooLong { found });
        }
        Ok(Self(number))
    }

    fn from_u64(number: u64) -> Result<Self, RequestError> {
        let der = number.to_der().map_err(RequestError::Der)?;
        Int::from_der(&der).map(Self).map_err(RequestError::Der)
    }
}

fn require_length(bytes: &[u8]) -> Result<(), RequestError> {
    if bytes.len() > TimestampRequest::LONGEST {
        return Err(RequestError::TooLong { found: bytes.len() });
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct JsonRequest<'a> {
    #[serde(borrow)]
    artifact_hash: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    hash_algorithm: std::borrow::Cow<'a, str>,
    #[serde(default)]
    certificates: bool,
    #[serde(default)]
    nonce: Option<u64>,
    #[serde(default, rename = "tsaPolicyOID")]
    tsa_policy_oid: Option<String>,
}
