//! How much of everything a bundle may have. Honest ones are far below.

/// Bytes of the whole file. The largest statement that is signed here has 4 MiB, and a third more in
/// base64. Reading takes up to four times as much memory.
pub const BUNDLE_BYTES: usize = 6 * 1024 * 1024;
/// Bytes of the type of a payload.
pub const TYPE_BYTES: usize = 1024;
/// Bytes of a certificate.
pub const CERTIFICATE_BYTES: usize = 64 * 1024;
/// Certificates of a chain, which bundles of version 0.1 and 0.2 have.
pub const CHAIN: usize = 10;
/// Entries of ledgers.
pub const ENTRIES: usize = 32;
/// Bytes of the body of an entry; those of Rekor v2 have at most 65,535.
pub const BODY_BYTES: usize = 256 * 1024;
/// Hashes of an inclusion proof: two for each level of a tree with 2^63 leaves.
pub const PROOF_HASHES: usize = 128;
/// Bytes of a hash.
pub const HASH_BYTES: usize = 64;
/// Bytes of a checkpoint with all its signatures.
pub const CHECKPOINT_BYTES: usize = 64 * 1024;
/// Signatures in the name of one key of a checkpoint that are tried.
pub const CHECKPOINT_SIGNATURES: usize = 8;
/// Timestamps.
pub const TIMESTAMPS: usize = 32;
/// Bytes of a timestamp.
pub const TIMESTAMP_BYTES: usize = 64 * 1024;
/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 16 * 1024;
/// Signatures of an envelope that are read. One is verified, and others are refused.
pub const SIGNATURES: usize = 1;
