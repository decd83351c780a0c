//! The public face of the crate: what clients send, hostile and not, and OpenSSL's opinion.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test's helpers may panic"
)]

mod openssl;
mod request;
