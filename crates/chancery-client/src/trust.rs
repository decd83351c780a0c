//! Whose word counts, read from a trusted root: certificate authorities, logs of certificates,
//! ledgers and timestamp authorities, each with the times in which it does.
//!
//! ```
//! use chancery_client::trust::{TrustMaterial, TrustedRoot};
//! use chancery_client::verify::{Thresholds, Verifier};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # std::env::set_current_dir("tests/vectors")?;
//! let trusted = TrustedRoot::parse(&std::fs::read("trusted_root.json")?)?;
//! let material = TrustMaterial::of(&trusted);
//! // What cannot be used is left out. Whoever counts on it wants to know.
//! for ignored in material.ignored() {
//!     eprintln!("{} is not used: {}", ignored.what, ignored.why);
//! }
//! # assert!(material.ignored().is_empty());
//!
//! // One authority of each kind has to vouch for a signature, or as many as somebody wants.
//! let verifier = Verifier::new(material).with_thresholds(Thresholds {
//!     times: 2,
//!     ..Thresholds::default()
//! });
//! # Ok(())
//! # }
//! ```

use std::time::SystemTime;

use chancery_certs::Outline;
use chancery_keys::{Algorithm, PublicKey};
use chancery_tlog::ct::LogId;
use chancery_tlog::{KeyName, SignatureType, key_id};
#[doc(inline)]
pub use chancery_trust::documents::{
    CertificateAuthority, TransparencyLog, TrustedRoot, TrustedRootError, Window,
};
use chancery_tsa::TsaChain;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use sha2::{Digest, Sha256};
use url::Url;
use webpki::anchor_from_trusted_cert;

/// What messages call a chain that issues certificates.
const AUTHORITY: &str = "certificate authority";

/// What a verifier trusts. Nothing else counts: no key and no chain that a bundle brings along.
#[derive(Clone, Debug)]
pub struct TrustMaterial {
    pub(crate) authorities: Vec<TrustedAuthority>,
    pub(crate) ct_logs: Vec<TrustedCtLog>,
    pub(crate) ledgers: Vec<TrustedLedger>,
    pub(crate) timestamp_authorities: Vec<TrustedTimestampAuthority>,
    ignored: Vec<Ignored>,
}

/// Something in a trusted root that is not used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ignored {
    /// Which one: what it is, and its URL.
    pub what: String,
    /// Why nothing can be verified with it.
    pub why: String,
}

/// A chain that issues signing certificates.
#[derive(Clone, Debug)]
pub(crate) struct TrustedAuthority {
    /// All but the root.
    pub(crate) intermediates: Vec<CertificateDer<'static>>,
    pub(crate) root: CertificateDer<'static>,
    /// What of the root verifies.
    pub(crate) anchor: TrustAnchor<'static>,
    pub(crate) window: Window,
}

/// A log of certificates.
#[derive(Clone, Debug)]
pub(crate) struct TrustedCtLog {
    pub(crate) id: LogId,
    pub(crate) key: PublicKey,
    pub(crate) window: Window,
}

/// A ledger of signatures.
#[derive(Clone, Debug)]
pub(crate) struct TrustedLedger {
    /// What entries name it by.
    pub(crate) id: Vec<u8>,
    /// The bare host of its URL: the name of its key, and the origin of a Rekor v2 ledger.
    pub(crate) name: KeyName,
    /// What its signatures under checkpoints name it by.
    pub(crate) key_id: [u8; 4],
    pub(crate) key: PublicKey,
    pub(crate) window: Window,
}

/// An authority that says what time it is.
#[derive(Clone, Debug)]
pub(crate) struct TrustedTimestampAuthority {
    /// What tells it from others: its URL, or else its certificate's hash.
    pub(crate) name: String,
    pub(crate) chain: TsaChain,
    pub(crate) window: Window,
}

impl TrustMaterial {
    /// Reads the keys and chains of a trusted root.
    ///
    /// What cannot be read is left out, so that nothing verifies with it: a newer trusted root may
    /// have logs of a kind that is not known here. [`TrustMaterial::ignored`] tells.
    #[must_use]
    pub fn of(root: &TrustedRoot) -> Self {
        let mut ignored = Vec::new();
        let mut keep = |what: &str, url: &str, why: String| {
            ignored.push(Ignored {
                what: format!("{what} {url}"),
                why,
            });
        };
        let mut material = Self {
            authorities: Vec::new(),
            ct_logs: Vec::new(),
            ledgers: Vec::new(),
            timestamp_authorities: Vec::new(),
            ignored: Vec::new(),
        };
        for authority in &root.certificate_authorities {
            match TrustedAuthority::of(authority) {
                Ok(read) => material.authorities.push(read),
                Err(why) => keep(AUTHORITY, &authority.uri, why),
            }
        }
        for log in &root.ctlogs {
            match TrustedCtLog::of(log) {
                Ok(read) => material.ct_logs.push(read),
                Err(why) => keep("certificate log", &log.base_url, why),
            }
        }
        for ledger in &root.tlogs {
            match TrustedLedger::of(ledger) {
                Ok(read) => material.ledgers.push(read),
                Err(why) => keep("ledger", &ledger.base_url, why),
            }
        }
        for authority in &root.timestamp_authorities {
            match TrustedTimestampAuthority::of(authority) {
                Ok(read) => material.timestamp_authorities.push(read),
                Err(why) => keep("timestamp authority", &authority.uri, why),
            }
        }
        material.ignored = ignored;
        material
    }

    /// Returns what of the trusted root is not used.
    #[must_use]
    pub fn ignored(&self) -> &[Ignored] {
        &self.ignored
    }

    /// Returns why the first certificate authority that is not used is not; for messages.
    pub(crate) fn ignored_authority(&self) -> Option<&str> {
        let mut ignored = self.ignored.iter();
        let authority = ignored.find(|ignored| ignored.what.starts_with(AUTHORITY))?;
        Some(&authority.why)
    }

    /// Finds the ledgers that an entry names. Their windows are not looked at.
    pub(crate) fn ledgers_named<'a>(
        &'a self,
        id: &'a [u8],
    ) -> impl Iterator<Item = &'a TrustedLedger> {
        self.ledgers.iter().filter(move |ledger| ledger.id == id)
    }
}

impl TrustedAuthority {
    fn of(authority: &CertificateAuthority) -> Result<Self, String> {
        let chain = authority.certificates().map(|der| {
            // webpki does not look at keyUsage.
            match Outline::of(der) {
                Ok(outline) if outline.is_ca => Ok(CertificateDer::from(der.to_vec())),
                Ok(_) => Err("its chain has a certificate that may not issue".to_owned()),
                Err(wrong) => Err(format!("of its chain, {wrong}")),
            }
        });
        let mut intermediates = chain.collect::<Result<Vec<_>, _>>()?;
        let root = intermediates.pop().ok_or("it has no chain")?;
        let anchor = anchor_from_trusted_cert(&root);
        let anchor = anchor.map_err(|wrong| format!("its root is none: {wrong}"))?;
        Ok(Self {
            anchor: anchor.to_owned(),
            intermediates,
            root,
            window: given(authority.valid_for)?,
        })
    }
}

impl TrustedCtLog {
    fn of(log: &TransparencyLog) -> Result<Self, String> {
        let key = read_key(log)?;
        if key.algorithm() != Algorithm::EcdsaP256Sha256 {
            return Err(
                "its key is not ECDSA P-256, which signs all SCTs that are read here".into(),
            );
        }
        Ok(Self {
            // RFC 6962, section 3.2: the id follows from the key, whatever the document says.
            id: LogId::of_spki(key.spki_der()),
            key,
            window: given(log.public_key.valid_for)?,
        })
    }
}

impl TrustedLedger {
    fn of(log: &TransparencyLog) -> Result<Self, String> {
        let key = read_key(log)?;
        let name = host_of(&log.base_url).ok_or("its URL has no host")?;
        let name = KeyName::parse(&name).map_err(|wrong| format!("of its URL, {wrong}"))?;
        let key_id = note_key_id(&name, &key)?;
        let id = log.log_id.as_ref().ok_or("it has no logId")?;
        Ok(Self {
            id: id.key_id.0.clone(),
            name,
            key_id,
            key,
            window: given(log.public_key.valid_for)?,
        })
    }
}

impl TrustedTimestampAuthority {
    fn of(authority: &CertificateAuthority) -> Result<Self, String> {
        let certificates: Vec<Vec<u8>> = authority.certificates().map(<[u8]>::to_vec).collect();
        let name = match &*authority.uri {
            "" => hex::encode(Sha256::digest(certificates.concat())),
            uri => uri.to_owned(),
        };
        let chain = TsaChain::from_ders(certificates).map_err(|wrong| wrong.to_string())?;
        Ok(Self {
            name,
            chain,
            window: given(authority.valid_for)?,
        })
    }

    /// Tells whether the authority counts at a time, by the trusted root.
    pub(crate) fn counts_at(&self, time: SystemTime) -> bool {
        self.window.holds(time)
    }
}

/// Returns the window of an entry. One that does not say when it counts never does.
fn given(window: Option<Window>) -> Result<Window, String> {
    window.ok_or_else(|| "it does not say when it counts (validFor)".into())
}

fn read_key(log: &TransparencyLog) -> Result<PublicKey, String> {
    match &*log.hash_algorithm {
        "SHA2_256" | "" => log.key().map_err(|wrong| wrong.to_string()),
        other => Err(format!("its tree is hashed with {other}")),
    }
}

/// Returns the id of a ledger's key under its checkpoints, as Rekor v2 makes it: that of the note's
/// specification for Ed25519, and for ECDSA the beginning of the key's SHA-256.
fn note_key_id(name: &KeyName, key: &PublicKey) -> Result<[u8; 4], String> {
    match key.algorithm() {
        Algorithm::Ed25519 => Ok(key_id(
            name,
            SignatureType::Ed25519,
            key.subject_public_key(),
        )),
        Algorithm::EcdsaP256Sha256 | Algorithm::EcdsaP384Sha384 | Algorithm::EcdsaP521Sha512 => {
            let [a, b, c, d, ..] = key.sha256();
            Ok([a, b, c, d])
        }
        Algorithm::RsaPkcs1Sha256 => Err("its key is RSA, which signs no checkpoint here".into()),
    }
}

/// Returns the host of a URL, which may be without a scheme. Neither port nor path is part of a
/// ledger's name.
fn host_of(url: &str) -> Option<String> {
    let url = match url.contains("://") {
        true => Url::parse(url),
        false => Url::parse(&format!("https://{url}")),
    };
    Some(url.ok()?.host_str()?.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn a_ledger_is_named_by_the_bare_host_of_its_url() {
        for url in [
            "https://rekor.test",
            "https://rekor.test/",
            "https://rekor.test:3000",
            "https://rekor.test:3000/path?query#fragment",
            "https://user@rekor.test:3000/a@b",
            "https://REKOR.test",
            "other://REKOR.test:3000",
            "rekor.test",
            "rekor.test:3000",
            "rekor.test/path:1",
        ] {
            assert_eq!(host_of(url).as_deref(), Some("rekor.test"), "{url}");
        }
        assert_eq!(host_of("http://[::1]:3000").as_deref(), Some("[::1]"));
        for none in ["", "https://", "https://rekor.test:port"] {
            let host = host_of(none);
            assert_eq!(host, None, "{none}");
        }
    }
}
