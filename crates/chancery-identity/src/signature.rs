//! Who signed a token: the step from what it says to what its issuer says.

use crate::algorithm::Algorithm;
use crate::jwk::Key;
use crate::jwks::KeySet;
use crate::provider::ProviderKeys;
use crate::quoted::quoted;
use crate::token::UnverifiedToken;

/// The most keys that are tried for a token that names none.
const MAX_TRIED: usize = 16;

/// Why a token does not come from its issuer. The caller's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The algorithm is unknown, is a secret-key one, or is not the issuer's.
    #[error(
        "the token is signed with the algorithm {found}, but its issuer's keys are for {accepted}"
    )]
    AlgorithmRefused {
        /// The name in the token's header, quoted.
        found: String,
        /// The names that the issuer uses.
        accepted: String,
    },
    /// The issuer has no such key.
    #[error("the token is signed with a key that its issuer does not publish")]
    KeyUnknown,
    /// The key is the issuer's, the signature is not.
    #[error("the token's signature is not its issuer's")]
    SignatureInvalid,
}

impl SignatureError {
    /// Returns the stable code of the reason.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmRefused { .. } => "algorithm-refused",
            Self::KeyUnknown => "key-unknown",
            Self::SignatureInvalid => "signature-invalid",
        }
    }
}

/// Returns the algorithm of a token's header, or refuses one that no issuer can have.
pub(crate) fn algorithm(token: &UnverifiedToken<'_>) -> Result<Algorithm, SignatureError> {
    token
        .header
        .algorithm
        .clone()
        .map_err(|found| SignatureError::AlgorithmRefused {
            found,
            accepted: "RS, PS and ES 256, 384 and 512, and EdDSA".into(),
        })
}

/// Verifies the signature with the keys that the issuer publishes, and with those algorithms only
/// for which the issuer has said that it signs, and for which the key is.
pub(crate) fn verify(
    token: &UnverifiedToken<'_>,
    provider: &ProviderKeys,
) -> Result<(), SignatureError> {
    verify_with(token, &provider.keys, &provider.algorithms)
}

pub(crate) fn verify_with(
    token: &UnverifiedToken<'_>,
    keys: &KeySet,
    accepted: &[Algorithm],
) -> Result<(), SignatureError> {
    let algorithm = algorithm(token)?;
    if !accepted.contains(&algorithm) {
        return Err(refused(algorithm, accepted));
    }
    let kid = token.header.kid.as_deref();
    let named: Vec<&Key> = keys.candidates(kid).collect();
    if named.is_empty() {
        return Err(SignatureError::KeyUnknown);
    }
    let verifiers: Vec<_> = named
        .iter()
        .filter_map(|key| key.verifier(algorithm))
        .take(MAX_TRIED)
        .collect();
    if verifiers.is_empty() {
        if kid.is_none() {
            return Err(SignatureError::KeyUnknown);
        }
        // The named key exists, and what it is for does not depend on the token.
        let own: Vec<Algorithm> = named.iter().flat_map(|key| key.algorithms()).collect();
        return Err(refused(algorithm, &own));
    }
    let message = token.signing_input.as_bytes();
    if verifiers
        .iter()
        .any(|verifier| verifier.verify_sig(message, &token.signature).is_ok())
    {
        return Ok(());
    }
    Err(SignatureError::SignatureInvalid)
}

fn refused(found: Algorithm, accepted: &[Algorithm]) -> SignatureError {
    let accepted: Vec<_> = accepted.iter().map(|own| own.name()).collect();
    SignatureError::AlgorithmRefused {
        found: quoted(found.name()),
        accepted: if accepted.is_empty() {
            "none".into()
        } else {
            accepted.join(", ")
        },
    }
}

#[cfg(test)]
mod tests;
