//! What an instance consists of, from which its documents are written.

use chancery_keys::{Algorithm, PublicKey};
use der::Decode as _;
use sha2::{Digest as _, Sha256};
use url::Url;
use x509_cert::Certificate;

use super::trusted_root::MEDIA_TYPE as TRUSTED_ROOT;
use super::{
    Base64, CertChain, CertificateAuthority, DistinguishedName, DocumentError, KeyIdentifier,
    LogKey, RawBytes, SelectorConfig, Service, SigningConfig, TransparencyLog, TrustedRoot, Window,
    signing_config,
};

/// Fulcio's API, of which v2 is one of the paths of major version 1.
const CA_API: u32 = 1;
const OIDC_API: u32 = 1;
/// Rekor's API with tiles.
const LEDGER_API: u32 = 2;
const TSA_API: u32 = 1;

/// The type byte of an Ed25519 key in a signed note (C2SP signed-note).
const NOTE_ED25519: u8 = 1;

/// An instance, as its documents show it: what is, what was, and what is going to be.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Who runs it, as the trusted root says it.
    pub organization: String,
    /// Who runs its services, as the signing configuration says it: usually its host.
    pub operator: String,
    /// Every chain that certificates are or were issued under.
    pub authorities: Vec<Authority>,
    /// Every log that certificates are or were entered in, and those that begin later: clients have
    /// to know a log before they meet its receipts.
    pub logs: Vec<CtLog>,
    /// Every ledger of signatures, in the same manner.
    pub ledgers: Vec<Ledger>,
    /// Every timestamp authority, in the same manner; the one that stamps now first.
    pub timestamp_authorities: Vec<TimestampAuthority>,
    /// Whether timestamps are given out: otherwise clients trust the authorities, and ask none.
    pub stamps: bool,
    /// Where people log in.
    pub login: Vec<LoginIssuer>,
}

/// A chain that certificates are issued under.
#[derive(Clone, Debug)]
pub struct Authority {
    /// Where certificates are asked for: the base URL.
    pub url: Url,
    /// The CA certificates in DER: the issuing one first, the root last.
    pub chain: Vec<Vec<u8>>,
    /// When its certificates count.
    pub window: Window,
}

/// A log whose receipts count.
#[derive(Clone, Debug)]
pub struct CtLog {
    /// Where it is read: what its `checkpoint` and `tile/` are appended to.
    pub url: Url,
    /// Its key, on P-256.
    pub key: PublicKey,
    /// The times that its receipts may have.
    pub window: Window,
}

/// A ledger of signatures (Rekor v2).
#[derive(Clone, Debug)]
pub struct Ledger {
    /// Its base URL, whose host is its origin: clients look for that in checkpoints.
    pub url: Url,
    /// Its key: Ed25519, or on P-256.
    pub key: PublicKey,
    /// The times in which its entries count.
    pub window: Window,
}

/// Who says what time it is (RFC 3161).
#[derive(Clone, Debug)]
pub struct TimestampAuthority {
    /// The whole URL that requests are sent to.
    pub url: Url,
    /// Its own certificate first, the root last, in DER.
    pub chain: Vec<Vec<u8>>,
    /// When its timestamps count.
    pub window: Window,
}

/// Where people log in.
#[derive(Clone, Debug)]
pub struct LoginIssuer {
    /// The issuer's name, to the letter as its tokens have it: with a slash at its end or without.
    pub issuer: String,
    /// Who runs it. Of several by one operator, clients ask one.
    pub operator: String,
    /// Since when it is to be asked.
    pub window: Window,
}

impl LoginIssuer {
    /// Describes an issuer that is its own operator.
    ///
    /// # Errors
    /// [`DocumentError::Issuer`] if its name is no URL; [`DocumentError::NoHost`] if that has no host.
    pub fn at(issuer: impl Into<String>, window: Window) -> Result<Self, DocumentError> {
        let issuer = issuer.into();
        // Readers of URLs leave blanks out, and the name is compared with them.
        let url = match issuer.contains(|c: char| c.is_whitespace() || c.is_control()) {
            true => None,
            false => Url::parse(&issuer).ok(),
        };
        let Some(url) = url else {
            return Err(DocumentError::Issuer(issuer));
        };
        let operator = host(&url)?.to_owned();
        Ok(Self {
            issuer,
            operator,
            window,
        })
    }
}

impl Instance {
    /// Describes what verifiers trust.
    ///
    /// # Errors
    /// [`DocumentError`] if clients could not verify with a key, or not read a certificate.
    pub fn trusted_root(&self) -> Result<TrustedRoot, DocumentError> {
        let authorities = self.authorities.iter();
        let logs = self.logs.iter().map(CtLog::described);
        let ledgers = self.ledgers.iter().map(Ledger::described);
        let timestamps = self.timestamp_authorities.iter();
        Ok(TrustedRoot {
            media_type: TRUSTED_ROOT.to_owned(),
            tlogs: ledgers.collect::<Result<_, _>>()?,
            certificate_authorities: authorities
                .map(|authority| authority.described(&self.organization))
                .collect::<Result<_, _>>()?,
            ctlogs: logs.collect::<Result<_, _>>()?,
            timestamp_authorities: timestamps
                .map(|authority| authority.described(&self.organization))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Describes whom signers ask.
    #[must_use]
    pub fn signing_config(&self) -> SigningConfig {
        let ours = |url: &Url, major_api_version, window: &Window| Service {
            url: without_final_slash(url),
            major_api_version,
            valid_for: *window,
            operator: self.operator.clone(),
        };
        let authorities = self.authorities.iter();
        // cosign refuses to sign with a ledger and without timestamps.
        let told = self.stamps && !self.timestamp_authorities.is_empty();
        let ledgers = self.ledgers.iter().filter(|_| told);
        let stamping = self.timestamp_authorities.iter();
        let rekor_tlog_urls: Vec<_> = ledgers
            .map(|ledger| ours(&ledger.url, LEDGER_API, &ledger.window))
            .collect();
        // The others stamp no more, at the same URL.
        let tsa_urls: Vec<_> = stamping
            .take(usize::from(self.stamps))
            .map(|authority| ours(&authority.url, TSA_API, &authority.window))
            .collect();
        SigningConfig {
            media_type: signing_config::MEDIA_TYPE.to_owned(),
            ca_urls: authorities
                .map(|authority| ours(&authority.url, CA_API, &authority.window))
                .collect(),
            oidc_urls: self.login.iter().map(LoginIssuer::described).collect(),
            rekor_tlog_config: SelectorConfig::of(&rekor_tlog_urls),
            tsa_config: SelectorConfig::of(&tsa_urls),
            rekor_tlog_urls,
            tsa_urls,
        }
    }
}

impl LoginIssuer {
    fn described(&self) -> Service {
        Service {
            url: self.issuer.clone(),
            major_api_version: OIDC_API,
            valid_for: self.window,
            operator: self.operator.clone(),
        }
    }
}

impl Authority {
    fn described(&self, organization: &str) -> Result<CertificateAuthority, DocumentError> {
        let root = self.chain.last();
        described_chain(&self.url, organization, root, &self.chain, self.window)
    }
}

impl TimestampAuthority {
    fn described(&self, organization: &str) -> Result<CertificateAuthority, DocumentError> {
        let [own, _, ..] = &self.chain[..] else {
            return Err(DocumentError::TimestampChain(self.url.to_string()));
        };
        described_chain(&self.url, organization, Some(own), &self.chain, self.window)
    }
}

impl CtLog {
    fn described(&self) -> Result<TransparencyLog, DocumentError> {
        let algorithm = self.key.algorithm();
        if algorithm != Algorithm::EcdsaP256Sha256 {
            return Err(DocumentError::LogKey(algorithm));
        }
        // RFC 6962, section 3.2: SHA-256 of the key's SubjectPublicKeyInfo.
        let id = self.key.sha256();
        Ok(described_log(&self.url, &self.key, P256, id, self.window))
    }
}

impl Ledger {
    fn described(&self) -> Result<TransparencyLog, DocumentError> {
        let algorithm = self.key.algorithm();
        let (details, id) = match algorithm {
            Algorithm::Ed25519 => {
                let note_key = self.key.subject_public_key();
                let hashed = Sha256::new()
                    .chain_update(host(&self.url)?)
                    .chain_update([b'\n', NOTE_ED25519])
                    .chain_update(note_key);
                ("PKIX_ED25519", hashed.finalize().into())
            }
            Algorithm::EcdsaP256Sha256 => (P256, self.key.sha256()),
            _ => return Err(DocumentError::LedgerKey(algorithm)),
        };
        Ok(described_log(
            &self.url,
            &self.key,
            details,
            id,
            self.window,
        ))
    }
}

const P256: &str = "PKIX_ECDSA_P256_SHA_256";

fn described_log(
    url: &Url,
    key: &PublicKey,
    key_details: &str,
    id: [u8; 32],
    window: Window,
) -> TransparencyLog {
    TransparencyLog {
        base_url: without_final_slash(url),
        hash_algorithm: "SHA2_256".to_owned(),
        public_key: LogKey {
            raw_bytes: Base64(key.spki_der().to_owned()),
            key_details: key_details.to_owned(),
            valid_for: Some(window),
        },
        log_id: Some(KeyIdentifier {
            key_id: Base64(id.to_vec()),
        }),
        checkpoint_key_id: None,
        operator: None,
    }
}

fn described_chain(
    url: &Url,
    organization: &str,
    named_by: Option<&Vec<u8>>,
    chain: &[Vec<u8>],
    window: Window,
) -> Result<CertificateAuthority, DocumentError> {
    let common_name = named_by.map(|der| common_name(der)).transpose();
    let common_name = common_name.map_err(|source| DocumentError::Certificate {
        url: url.to_string(),
        source: Box::new(source),
    })?;
    let certificates = chain.iter().map(|der| RawBytes {
        raw_bytes: Base64(der.clone()),
    });
    Ok(CertificateAuthority {
        subject: Some(DistinguishedName {
            organization: organization.to_owned(),
            common_name: common_name.unwrap_or_default(),
        }),
        uri: without_final_slash(url),
        cert_chain: CertChain {
            certificates: certificates.collect(),
        },
        valid_for: Some(window),
        operator: None,
    })
}

/// Returns a certificate's common name; empty if it has none.
fn common_name(der: &[u8]) -> Result<String, der::Error> {
    let certificate = Certificate::from_der(der)?;
    let name = certificate.tbs_certificate().subject().common_name()?;
    Ok(name
        .map(|name| name.value().into_owned())
        .unwrap_or_default())
}

fn host(url: &Url) -> Result<&str, DocumentError> {
    url.host_str()
        .ok_or_else(|| DocumentError::NoHost(url.to_string()))
}

/// Clients append paths to URLs as text.
fn without_final_slash(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}
