//! Which keys a certificate may be for, and with which algorithms possession may be proven.

mod block_list;
mod client_algorithms;
mod weak_rsa;

use chancery_keys::{HashAlgorithm, PublicKey};

pub use block_list::{BlockList, BlockListError};
pub use client_algorithms::{ClientAlgorithms, ClientAlgorithmsError};

pub(crate) use weak_rsa::refused_length;

use crate::possession::PossessionError;

/// The rules for callers' keys.
///
/// What a key must be by itself is not for an operator to choose: a point on P-256, P-384 or P-521;
/// an Ed25519 key that is not of small order; RSA of 2048, 3072 or 4096 bits with the exponent 65537
/// and a modulus without known weakness. That is boulder's `goodkey`, which Fulcio applies, and more
/// where that has holes.
#[derive(Clone, Debug, Default)]
pub struct KeyPolicy {
    /// Keys that nobody gets a certificate for.
    pub block_list: BlockList,
    /// Fulcio's `client-signing-algorithms`.
    pub algorithms: ClientAlgorithms,
}

impl KeyPolicy {
    /// Refuses a key that anybody can sign with, or is said to, as far as that is quickly seen.
    pub(crate) fn admit(&self, key: &PublicKey) -> Result<(), PossessionError> {
        if self.block_list.contains(key) {
            return Err(PossessionError::BlockedKey);
        }
        match weak_rsa::weakness(key) {
            None => Ok(()),
            Some(why) => Err(PossessionError::InsecureKey(why)),
        }
    }

    /// Refuses the rest of the keys that anybody can sign with, those that are not quickly seen.
    pub(crate) async fn admit_at_last(&self, key: &PublicKey) -> Result<(), PossessionError> {
        match weak_rsa::primality(key).await {
            Ok(None) => Ok(()),
            Ok(Some(why)) => Err(PossessionError::InsecureKey(why.to_owned())),
            Err(weak_rsa::Busy) => Err(PossessionError::Busy),
        }
    }

    /// Refuses a pair of key and hash that the operator did not permit.
    pub(crate) fn permit(
        &self,
        key: &PublicKey,
        hash: Option<HashAlgorithm>,
    ) -> Result<(), PossessionError> {
        if self.algorithms.permit(key, hash) {
            Ok(())
        } else {
            let permitted = self.algorithms.to_string();
            Err(PossessionError::not_permitted(key, hash, &permitted))
        }
    }
}
