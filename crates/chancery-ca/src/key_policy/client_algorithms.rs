//! Fulcio's `client-signing-algorithms`: which pairs of key and hash prove possession.

use std::fmt;

use chancery_keys::{HashAlgorithm, KeyType, PublicKey};

use HashAlgorithm::{Sha256, Sha384, Sha512};

/// One of Fulcio's names: what it permits, and whether it is among Fulcio's defaults.
struct Known {
    name: &'static str,
    key: KeyType,
    hash: Option<HashAlgorithm>,
    default: bool,
}

const fn known(name: &'static str, key: KeyType, hash: HashAlgorithm, default: bool) -> Known {
    Known {
        name,
        key,
        hash: Some(hash),
        default,
    }
}

/// The names, in the order in which messages list them.
///
/// A name stands for a kind of key, its size and a hash, and for nothing else: as with Fulcio,
/// permitting `rsa-sign-pss-2048-sha256` permits RSA 2048 with SHA-256, also in PKCS#1 v1.5.
static KNOWN: [Known; 12] = [
    known("ecdsa-sha2-256-nistp256", KeyType::P256, Sha256, true),
    known("ecdsa-sha2-384-nistp384", KeyType::P384, Sha384, true),
    known("ecdsa-sha2-512-nistp521", KeyType::P521, Sha512, true),
    known("rsa-sign-pkcs1-2048-sha256", KeyType::Rsa2048, Sha256, true),
    known("rsa-sign-pkcs1-3072-sha256", KeyType::Rsa3072, Sha256, true),
    known("rsa-sign-pkcs1-4096-sha256", KeyType::Rsa4096, Sha256, true),
    Known {
        name: "ed25519",
        key: KeyType::Ed25519,
        hash: None,
        default: true,
    },
    known("rsa-sign-pss-2048-sha256", KeyType::Rsa2048, Sha256, false),
    known("rsa-sign-pss-3072-sha256", KeyType::Rsa3072, Sha256, false),
    known("rsa-sign-pss-4096-sha256", KeyType::Rsa4096, Sha256, false),
    known("ecdsa-sha2-256-nistp384", KeyType::P384, Sha256, false),
    known("ecdsa-sha2-256-nistp521", KeyType::P521, Sha256, false),
];

/// Fulcio's name for Ed25519 with SHA-512 before it, which no request can prove possession with.
const PREHASHED: &str = "ed25519-ph";

/// The permitted pairs.
#[derive(Clone)]
pub struct ClientAlgorithms(Vec<&'static Known>);

/// Why a list of algorithms is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ClientAlgorithmsError {
    /// Nobody could get a certificate.
    #[error("the list is empty, which would permit nothing; known are {}", names())]
    Empty,
    /// The name would permit nothing, here as in Fulcio.
    #[error(
        "ed25519-ph would permit nothing: possession of an Ed25519 key is proven with pure \
         Ed25519; write ed25519"
    )]
    Prehashed,
    /// The name is not one of Fulcio's.
    #[error("unknown algorithm {found:?}; known are {}", names())]
    Unknown {
        /// As it was written.
        found: String,
    },
}

fn names() -> String {
    KNOWN.each_ref().map(|known| known.name).join(", ")
}

impl ClientAlgorithms {
    /// Reads Fulcio's names.
    ///
    /// # Errors
    /// An empty list, an unknown name, or one that permits nothing.
    pub fn parse<S: AsRef<str>>(names: &[S]) -> Result<Self, ClientAlgorithmsError> {
        if names.is_empty() {
            return Err(ClientAlgorithmsError::Empty);
        }
        let find = |name: &S| match name.as_ref().trim() {
            PREHASHED => Err(ClientAlgorithmsError::Prehashed),
            name => KNOWN
                .iter()
                .find(|known| known.name == name)
                .ok_or_else(|| ClientAlgorithmsError::Unknown {
                    found: name.to_owned(),
                }),
        };
        Ok(Self(names.iter().map(find).collect::<Result<_, _>>()?))
    }

    pub(crate) fn permit(&self, key: &PublicKey, hash: Option<HashAlgorithm>) -> bool {
        key.key_type()
            .is_some_and(|key| self.permit_type(key, hash))
    }

    fn permit_type(&self, key: KeyType, hash: Option<HashAlgorithm>) -> bool {
        let permitted = |known: &&Known| known.key == key && known.hash == hash;
        self.0.iter().any(permitted)
    }
}

impl Default for ClientAlgorithms {
    /// Fulcio's defaults: each kind of key with the hash that goes with it.
    fn default() -> Self {
        Self(KNOWN.iter().filter(|known| known.default).collect())
    }
}

impl fmt::Display for ClientAlgorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|known| known.name).collect();
        f.write_str(&names.join(", "))
    }
}

impl fmt::Debug for ClientAlgorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientAlgorithms({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(names: &[&str], key: KeyType, hash: Option<HashAlgorithm>) -> bool {
        let algorithms = ClientAlgorithms::parse(names).unwrap();
        algorithms.permit_type(key, hash)
    }

    #[test]
    fn a_name_permits_its_key_with_its_hash() {
        for known in &KNOWN {
            assert!(permits(&[known.name], known.key, known.hash));
        }
        let p384 = &["ecdsa-sha2-256-nistp384"];
        assert!(!permits(p384, KeyType::P384, Some(Sha384)));
        assert!(!permits(p384, KeyType::P256, Some(Sha256)));
        assert!(!permits(&["ed25519"], KeyType::Ed25519, Some(Sha512)));
        assert!(!permits(
            &["rsa-sign-pkcs1-3072-sha256"],
            KeyType::Rsa2048,
            Some(Sha256)
        ));
    }

    #[test]
    fn pss_names_permit_pkcs1_as_with_fulcio() {
        let pss = &["rsa-sign-pss-2048-sha256"];
        assert!(permits(pss, KeyType::Rsa2048, Some(Sha256)));
    }

    #[test]
    fn the_default_is_fulcios() {
        assert_eq!(
            ClientAlgorithms::default().to_string(),
            "ecdsa-sha2-256-nistp256, ecdsa-sha2-384-nistp384, ecdsa-sha2-512-nistp521, \
             rsa-sign-pkcs1-2048-sha256, rsa-sign-pkcs1-3072-sha256, rsa-sign-pkcs1-4096-sha256, \
             ed25519"
        );
    }

    #[test]
    fn lists_that_cannot_be_meant_are_refused() {
        use ClientAlgorithmsError::{Empty, Prehashed, Unknown};
        let refused = |names: &[&str]| ClientAlgorithms::parse(names).unwrap_err();
        assert_eq!(refused(&[]), Empty);
        assert_eq!(refused(&["ed25519", "ed25519-ph"]), Prehashed);
        let unknown = refused(&["ecdsa"]);
        assert!(matches!(&unknown, Unknown { found } if found == "ecdsa"));
        for known in &KNOWN {
            assert!(unknown.to_string().contains(known.name));
        }
    }
}
