//! The roots whose certificates are taken, and the one way to a [`VerifiedChain`].

use std::collections::HashSet;

use chancery_certs::{Outline, OutlineError, Poison};
use chancery_keys::{PublicKey, PublicKeyError, SignatureScheme};

use crate::chain::{MAX_CERTIFICATES, SubmittedChain, SubmittedKind};

/// The most roots.
const MAX_ROOTS: usize = 1_000;

/// Root certificates, each of them a CA's.
#[derive(Clone, Debug, Default)]
pub struct Roots {
    roots: Vec<Root>,
}

#[derive(Clone, Debug)]
struct Root {
    der: Vec<u8>,
    subject: Vec<u8>,
    key: PublicKey,
}

/// Why certificates cannot be roots. The operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// The text is no PEM, or there is something else than certificates in it.
    #[error("the roots are not certificates in PEM: {0}")]
    Pem(String),
    /// There are none, or too many.
    #[error("there are {0} roots; give 1 to {MAX_ROOTS}")]
    Count(usize),
    /// One cannot be used.
    #[error("root {place}: {problem}")]
    Root {
        /// Its place, from 1.
        place: usize,
        /// What is wrong with it.
        problem: String,
    },
}

/// A chain whose every certificate is signed by the next, up to a root that is taken. Only
/// [`Roots::verify`] makes one.
#[derive(Clone, Debug)]
pub struct VerifiedChain {
    kind: SubmittedKind,
    leaf: Vec<u8>,
    /// The issuer first, the root last; never empty.
    issuers: Vec<Vec<u8>>,
    issuer_key_hash: [u8; 32],
}

/// Why a chain is not logged. The submitter's fault.
#[derive(Debug, thiserror::Error)]
pub enum ChainRefused {
    /// There is no certificate.
    #[error("the chain is empty; send the certificate first, then its issuers")]
    Empty,
    /// There are too many.
    #[error("the chain has {certificates} certificates; {MAX_CERTIFICATES} are taken")]
    TooLong {
        /// How many there are.
        certificates: usize,
    },
    /// One is empty or too large.
    #[error("certificate {place} of the chain is empty or too large")]
    Size {
        /// Its place, from 1.
        place: usize,
    },
    /// One is not base64.
    #[error("certificate {place} of the chain is not in standard base64")]
    Base64 {
        /// Its place, from 1.
        place: usize,
    },
    /// One does not parse.
    #[error("certificate {place} of the chain: {source}")]
    Malformed {
        /// Its place, from 1.
        place: usize,
        /// What is wrong with it.
        source: OutlineError,
    },
    /// One is there twice.
    #[error("certificate {place} of the chain is there twice")]
    Repeated {
        /// The place of the second, from 1.
        place: usize,
    },
    /// The certificate is a precertificate.
    #[error("the certificate is a precertificate; send it to add-pre-chain")]
    Precertificate,
    /// The certificate is none.
    #[error(
        "the certificate is not a precertificate: it does not have exactly one critical poison \
         extension that holds NULL (RFC 6962, section 3.1)"
    )]
    NotPrecertificate,
    /// The precertificate has an SCT list, which its certificate is to get.
    #[error("the precertificate cannot be logged: {0}")]
    NotLoggable(String),
    /// A precertificate is signed by a certificate that is for nothing else.
    #[error(
        "the precertificate is signed by a precertificate signing certificate, and such are not \
         taken; sign it with the CA's own key, as Fulcio does"
    )]
    PrecertificateSigning,
    /// One may not sign others.
    #[error("certificate {place} of the chain is not a CA's")]
    NotCa {
        /// Its place, from 1.
        place: usize,
    },
    /// One has a key that is not taken.
    #[error("certificate {place} of the chain has a key that cannot be used: {source}")]
    Key {
        /// Its place, from 1.
        place: usize,
        /// What is wrong with it.
        source: PublicKeyError,
    },
    /// One names another issuer than the next one is.
    #[error("certificate {place} of the chain is not issued by the next one; keep their order")]
    Order {
        /// Its place, from 1.
        place: usize,
    },
    /// One is not signed by its issuer, or with an algorithm that is not taken.
    #[error(
        "certificate {place} of the chain is not signed by its issuer with ECDSA, RSA PKCS#1 v1.5 \
         or Ed25519 and SHA-2"
    )]
    Signature {
        /// Its place, from 1.
        place: usize,
    },
    /// No root that is taken has signed the last.
    #[error("the chain does not end in a root that this log takes; get-roots lists them")]
    UnknownRoot,
    /// The chain is a root alone.
    #[error("the chain is a root alone; a root is not logged")]
    RootAlone,
}

impl Roots {
    /// Reads roots from certificates in PEM, one after the other.
    ///
    /// # Errors
    ///
    /// Anything but certificates of CAs whose keys are taken.
    pub fn parse_pem(text: &str) -> Result<Self, RootsError> {
        let blocks = pem::parse_many(text).map_err(|e| RootsError::Pem(e.to_string()))?;
        if let Some(other) = blocks.iter().find(|block| block.tag() != "CERTIFICATE") {
            return Err(RootsError::Pem(format!("one is a {:?}", other.tag())));
        }
        if !(1..=MAX_ROOTS).contains(&blocks.len()) {
            return Err(RootsError::Count(blocks.len()));
        }
        let mut roots = Self::default();
        for (place, block) in blocks.into_iter().enumerate() {
            let added = roots.add(block.into_contents());
            added.map_err(|problem| RootsError::Root {
                place: place + 1,
                problem,
            })?;
        }
        Ok(roots)
    }

    /// Takes one more root, in DER, unless it is there.
    ///
    /// # Errors
    ///
    /// What is no certificate of a CA with a key that is taken, in the words of what is wrong.
    pub fn add(&mut self, der: Vec<u8>) -> Result<(), String> {
        let outline = Outline::of(&der).map_err(|e| e.to_string())?;
        if !outline.is_ca {
            return Err("it is not a CA's certificate".to_owned());
        }
        let key = PublicKey::from_spki_der(outline.spki_der).map_err(|e| e.to_string())?;
        let subject = outline.subject.to_vec();
        if self.roots.iter().all(|root| root.der != der) {
            self.roots.push(Root { der, subject, key });
        }
        Ok(())
    }

    /// Returns the DER of each root, as get-roots lists them (RFC 6962, section 4.7).
    pub fn ders(&self) -> impl Iterator<Item = &[u8]> {
        self.roots.iter().map(|root| &*root.der)
    }

    /// Verifies a chain: the submitted certificates in the submitted order, each signed by the
    /// next, and the last one a root or signed by one. Whether they are valid now is not asked, as
    /// RFC 6962, section 3.1, has it: a log shows what was issued.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn verify(
        &self,
        kind: SubmittedKind,
        chain: SubmittedChain,
    ) -> Result<VerifiedChain, ChainRefused> {
        let mut ders = chain.into_ders();
        let mut seen = HashSet::new();
        if let Some(twice) = ders.iter().position(|der| !seen.insert(der)) {
            return Err(ChainRefused::Repeated { place: twice + 1 });
        }
        let root = self.path(kind, &ders)?;
        if let Some(root) = root {
            ders.push(root.der.clone());
        }
        let mut ders = ders.into_iter();
        let leaf = ders.next().ok_or(ChainRefused::Empty)?;
        let issuers: Vec<_> = ders.collect();
        let issuer = issuers.first().ok_or(ChainRefused::RootAlone)?;
        Ok(VerifiedChain {
            issuer_key_hash: key(2, &outline(2, issuer)?)?.sha256(),
            kind,
            leaf,
            issuers,
        })
    }

    /// Verifies a path, and returns the root to append to it, if its last certificate is none.
    fn path(&self, kind: SubmittedKind, ders: &[Vec<u8>]) -> Result<Option<&Root>, ChainRefused> {
        let outlines: Vec<_> = (1..)
            .zip(ders)
            .map(|(place, der)| outline(place, der))
            .collect::<Result<_, _>>()?;
        let Some((leaf, issuers)) = outlines.split_first() else {
            return Err(ChainRefused::Empty);
        };
        check_leaf(kind, leaf)?;
        if kind == SubmittedKind::Precertificate
            && issuers
                .first()
                .is_some_and(|issuer| issuer.signs_precertificates)
        {
            return Err(ChainRefused::PrecertificateSigning);
        }
        let mut lower = leaf;
        for (place, upper) in (1..).zip(issuers) {
            if !upper.is_ca {
                return Err(ChainRefused::NotCa { place: place + 1 });
            }
            if lower.issuer != upper.subject {
                return Err(ChainRefused::Order { place });
            }
            lower = upper;
        }
        // The end first, then downwards: names cost nothing, and a signature is verified only with
        // a key that was vouched for.
        let root = self.end(lower, ders)?;
        for (place, pair) in outlines.windows(2).enumerate().rev() {
            let ([lower, upper], place) = (pair, place + 1) else {
                break;
            };
            if !is_signed_by(lower, &key(place + 1, upper)?) {
                return Err(ChainRefused::Signature { place });
            }
        }
        Ok(root)
    }

    fn end(&self, last: &Outline<'_>, ders: &[Vec<u8>]) -> Result<Option<&Root>, ChainRefused> {
        let is_last = |root: &&Root| ders.last() == Some(&root.der);
        if self.roots.iter().any(|root| is_last(&root)) {
            return match ders.len() {
                1 => Err(ChainRefused::RootAlone),
                _ => Ok(None),
            };
        }
        if ders.len() == MAX_CERTIFICATES {
            let certificates = MAX_CERTIFICATES + 1;
            return Err(ChainRefused::TooLong { certificates });
        }
        let mut above = self.roots.iter();
        let root = above.find(|root| root.subject == last.issuer && is_signed_by(last, &root.key));
        root.map(Some).ok_or(ChainRefused::UnknownRoot)
    }
}

impl VerifiedChain {
    /// Returns whether it is a certificate's or a precertificate's.
    pub fn kind(&self) -> SubmittedKind {
        self.kind
    }

    /// Returns what was submitted first, in DER.
    pub fn leaf(&self) -> &[u8] {
        &self.leaf
    }

    /// Returns the certificates above it in DER, the issuer first and the root last.
    pub fn issuers(&self) -> &[Vec<u8>] {
        &self.issuers
    }

    /// Returns the SHA-256 of the issuer's `SubjectPublicKeyInfo`.
    pub fn issuer_key_hash(&self) -> [u8; 32] {
        self.issuer_key_hash
    }
}

fn outline(place: usize, der: &[u8]) -> Result<Outline<'_>, ChainRefused> {
    Outline::of(der).map_err(|source| ChainRefused::Malformed { place, source })
}

fn key(place: usize, outline: &Outline<'_>) -> Result<PublicKey, ChainRefused> {
    PublicKey::from_spki_der(outline.spki_der).map_err(|source| ChainRefused::Key { place, source })
}

fn check_leaf(kind: SubmittedKind, leaf: &Outline<'_>) -> Result<(), ChainRefused> {
    match (kind, leaf.poison) {
        (SubmittedKind::Certificate, Poison::Absent)
        | (SubmittedKind::Precertificate, Poison::Proper) => Ok(()),
        (SubmittedKind::Certificate, _) => Err(ChainRefused::Precertificate),
        (SubmittedKind::Precertificate, _) => Err(ChainRefused::NotPrecertificate),
    }
}

fn is_signed_by(lower: &Outline<'_>, upper: &PublicKey) -> bool {
    SignatureScheme::of_certificate(&lower.signature_algorithm).is_some_and(|scheme| {
        let verified = upper.verify_scheme(scheme, lower.signed_part, lower.signature);
        verified.is_ok()
    })
}
