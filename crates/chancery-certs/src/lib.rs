//! What a code-signing certificate says: profile, extensions, precertificates, lints.
//!
//! Pure: no I/O, no async, no clock, no keys. A certificate comes into being by moving one value
//! through these steps, each of which can be made only by the one before:
//!
//! ```text
//! Profile::certify → LintedTbs → Precertificate → FinalTbs → SigningCertificate
//!                      CA signs ↗      log's SCT ↗    CA signs ↗
//! ```

mod algorithm;
mod chain;
mod correspond;
mod details;
mod extensions;
mod issuer;
mod lint;
mod oid;
mod outline;
mod precert;
mod profile;
mod raw;
mod serial;
mod signing;
mod subject;
mod tbs;
mod tlv;

pub use algorithm::{SignatureAlgorithm, UnsupportedCaKey};
pub use chain::{CertificateChain, ChainError};
pub use correspond::{CorrespondError, correspond};
pub use details::{
    CertificateDetails, ReadCertificateError, RebuildError, SignedParts, precert_tbs_of_final,
    signed_parts,
};
pub use extensions::{ExtensionValueError, FulcioExtensions, ReadExtensionsError};
pub use issuer::{IssuingCertificate, IssuingCertificateError};
pub use lint::LintFailure;
pub use outline::{Outline, OutlineError, Poison, serial_of_tbs};
pub use precert::{LintedTbs, Precertificate};
pub use profile::{CertifyError, Profile, ProfileConfig, ProfileError, Term};
pub use raw::RawError;
pub use serial::SerialNumber;
pub use signing::{FinalTbs, SigningCertificate};
pub use subject::{
    Email, ReadSubjectError, SubjectAlternativeName, SubjectNameError, Uri, Username,
};
