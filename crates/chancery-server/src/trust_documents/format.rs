//! The shapes of the trust documents, members in the specification's order.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chancery_keys::Algorithm;
use der::Decode as _;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Url;
use x509_cert::Certificate;

use super::{TrustDocumentsError, TrustSubject, TrustedLedger, TrustedLog, TrustedTimestamps};

/// Version 0.1 of the media type: cosign, sigstore-python and sigstore-java refuse the newer 0.2.
const TRUSTED_ROOT: &str = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";
const SIGNING_CONFIG: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";
const CLIENT_TRUST_CONFIG: &str = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json";

/// Fulcio's API, of which v2 is one of the paths of major version 1.
const CA_API: u32 = 1;
const OIDC_API: u32 = 1;
const TSA_API: u32 = 1;

/// Where timestamps are asked for. Clients post to the URL that they are told, as it is.
const TSA_PATH: &str = "/api/v1/timestamp";
/// Rekor v2.
const LEDGER_API: u32 = 2;

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TrustedRoot {
    media_type: &'static str,
    tlogs: Vec<TransparencyLog>,
    certificate_authorities: [CertificateAuthority; 1],
    ctlogs: Vec<TransparencyLog>,
    timestamp_authorities: Vec<CertificateAuthority>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct CertificateAuthority {
    subject: DistinguishedName,
    uri: String,
    cert_chain: CertChain,
    valid_for: ValidFor,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct DistinguishedName {
    organization: String,
    common_name: String,
}

#[derive(Clone, Serialize)]
struct CertChain {
    certificates: Vec<RawBytes>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct RawBytes {
    raw_bytes: String,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct TransparencyLog {
    base_url: String,
    hash_algorithm: &'static str,
    public_key: LogKey,
    log_id: LogId,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct LogKey {
    raw_bytes: String,
    key_details: &'static str,
    valid_for: ValidFor,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct LogId {
    key_id: String,
}

#[derive(Clone, Serialize)]
struct ValidFor {
    start: String,
    /// Written for what is retired, or will be.
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
}

/// The lists of ledgers and timestamp authorities are left out together with their selectors:
/// sigstore-js refuses a selector of nothing, and sigstore-go breaks on a list without selector.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SigningConfig {
    media_type: &'static str,
    ca_urls: [Service; 1],
    oidc_urls: Vec<Service>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rekor_tlog_urls: Vec<Service>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rekor_tlog_config: Option<Selection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tsa_urls: Option<[Service; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tsa_config: Option<Selection>,
}

/// How many of a list are asked.
#[derive(Clone, Serialize)]
struct Selection {
    selector: &'static str,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Service {
    url: String,
    major_api_version: u32,
    valid_for: ValidFor,
    operator: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClientTrustConfig {
    media_type: &'static str,
    trusted_root: TrustedRoot,
    signing_config: SigningConfig,
}

impl TrustedRoot {
    pub(super) fn of(subject: &TrustSubject<'_>) -> Result<Self, TrustDocumentsError> {
        let authority = CertificateAuthority {
            subject: DistinguishedName {
                organization: subject.organization.to_owned(),
                common_name: common_name(subject.chain.ders().last())?,
            },
            uri: without_final_slash(subject.url),
            cert_chain: CertChain::of(subject.chain.ders()),
            valid_for: ValidFor::from(subject)?,
        };
        let stamping = subject.timestamps.iter();
        let logs = subject.logs.iter().map(TransparencyLog::of);
        let ledgers = subject.ledgers.iter().map(TransparencyLog::of_ledger);
        Ok(Self {
            media_type: TRUSTED_ROOT,
            tlogs: ledgers.collect::<Result<_, _>>()?,
            certificate_authorities: [authority],
            ctlogs: logs.collect::<Result<_, _>>()?,
            timestamp_authorities: stamping
                .map(|authority| CertificateAuthority::stamping(authority, subject))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl CertificateAuthority {
    fn stamping(
        authority: &TrustedTimestamps,
        subject: &TrustSubject<'_>,
    ) -> Result<Self, TrustDocumentsError> {
        let chain = &authority.chain;
        Ok(Self {
            subject: DistinguishedName {
                organization: subject.organization.to_owned(),
                common_name: common_name(chain.ders().first())?,
            },
            uri: timestamp_url(subject)?.into(),
            cert_chain: CertChain::of(chain.ders()),
            valid_for: ValidFor::between(chain.not_before(), authority.ends)?,
        })
    }
}

impl CertChain {
    fn of(ders: &[Vec<u8>]) -> Self {
        let certificates = ders.iter().map(|der| RawBytes {
            raw_bytes: STANDARD.encode(der),
        });
        Self {
            certificates: certificates.collect(),
        }
    }
}

impl TransparencyLog {
    fn of(log: &TrustedLog) -> Result<Self, TrustDocumentsError> {
        let algorithm = log.key.algorithm();
        if algorithm != Algorithm::EcdsaP256Sha256 {
            return Err(TrustDocumentsError::LogKey(algorithm));
        }
        Ok(Self {
            base_url: without_final_slash(&log.url),
            hash_algorithm: "SHA2_256",
            public_key: LogKey {
                raw_bytes: STANDARD.encode(log.key.spki_der()),
                key_details: "PKIX_ECDSA_P256_SHA_256",
                valid_for: ValidFor::between(log.begins, log.ends)?,
            },
            // RFC 6962, section 3.2: SHA-256 of the key's SubjectPublicKeyInfo.
            log_id: LogId {
                key_id: STANDARD.encode(log.key.sha256()),
            },
        })
    }
}

impl TransparencyLog {
    fn of_ledger(ledger: &TrustedLedger) -> Result<Self, TrustDocumentsError> {
        Ok(Self {
            base_url: without_final_slash(&ledger.url),
            hash_algorithm: "SHA2_256",
            public_key: LogKey {
                raw_bytes: STANDARD.encode(ledger.key.spki_der()),
                key_details: "PKIX_ED25519",
                valid_for: ValidFor::between(ledger.begins, ledger.ends)?,
            },
            log_id: LogId {
                key_id: STANDARD.encode(ledger.log_id),
            },
        })
    }
}

impl SigningConfig {
    pub(super) fn of(subject: &TrustSubject<'_>) -> Result<Self, TrustDocumentsError> {
        let valid_for = ValidFor::from(subject)?;
        let issuers = subject.oidc_issuers.iter();
        let stamping = subject.timestamps.first();
        let stamping = stamping.map(|authority| {
            let valid_for = ValidFor::between(authority.chain.not_before(), None)?;
            Service::at(&timestamp_url(subject)?, TSA_API, &valid_for)
        });
        let stamping = stamping.transpose()?;
        let open = |ledger: &&TrustedLedger| stamping.is_some() && ledger.ends.is_none();
        let ledgers = subject.ledgers.iter().filter(open).map(|ledger| {
            let valid_for = ValidFor::between(ledger.begins, None)?;
            Service::at(&ledger.url, LEDGER_API, &valid_for)
        });
        let ledgers = ledgers.collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            media_type: SIGNING_CONFIG,
            ca_urls: [Service::at(subject.url, CA_API, &valid_for)?],
            oidc_urls: issuers
                .map(|url| Service::at(url, OIDC_API, &valid_for))
                .collect::<Result<_, _>>()?,
            rekor_tlog_config: (!ledgers.is_empty()).then_some(Selection { selector: "ANY" }),
            rekor_tlog_urls: ledgers,
            tsa_config: stamping.is_some().then_some(Selection { selector: "ANY" }),
            tsa_urls: stamping.map(|service| [service]),
        })
    }
}

impl ClientTrustConfig {
    pub(super) fn of(trusted_root: TrustedRoot, signing_config: SigningConfig) -> Self {
        Self {
            media_type: CLIENT_TRUST_CONFIG,
            trusted_root,
            signing_config,
        }
    }
}

impl ValidFor {
    fn from(subject: &TrustSubject<'_>) -> Result<Self, TrustDocumentsError> {
        Self::between(subject.valid_from, None)
    }

    /// Whole seconds, so that no receipt falls out: the end is the next one.
    fn between(start: SystemTime, end: Option<SystemTime>) -> Result<Self, TrustDocumentsError> {
        let said = |time: OffsetDateTime| {
            let text = time.truncate_to_second().format(&Rfc3339);
            text.map_err(TrustDocumentsError::ValidFrom)
        };
        let next_second = |end| OffsetDateTime::from(end) + Duration::from_nanos(999_999_999);
        Ok(Self {
            start: said(start.into())?,
            end: end.map(|end| said(next_second(end))).transpose()?,
        })
    }
}

impl Service {
    fn at(url: &Url, version: u32, valid_for: &ValidFor) -> Result<Self, TrustDocumentsError> {
        let host = url
            .host_str()
            .ok_or_else(|| TrustDocumentsError::NoHost(url.clone()))?;
        Ok(Self {
            url: without_final_slash(url),
            major_api_version: version,
            valid_for: valid_for.clone(),
            operator: host.to_owned(),
        })
    }
}

/// Clients append paths to URLs as text.
fn without_final_slash(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

fn timestamp_url(subject: &TrustSubject<'_>) -> Result<Url, TrustDocumentsError> {
    let joined = subject.url.join(TSA_PATH);
    joined.map_err(|_| TrustDocumentsError::Base(subject.url.clone()))
}

/// Returns the common name of a certificate; empty if it has none.
fn common_name(certificate: Option<&Vec<u8>>) -> Result<String, TrustDocumentsError> {
    let Some(certificate) = certificate else {
        return Ok(String::new());
    };
    let certificate = Certificate::from_der(certificate).map_err(TrustDocumentsError::Root)?;
    let name = certificate
        .tbs_certificate()
        .subject()
        .common_name()
        .map_err(TrustDocumentsError::Root)?;
    Ok(name
        .map(|name| name.value().into_owned())
        .unwrap_or_default())
}

/// Writes a document as it is served: indented by two, one newline at the end.
pub(super) fn pretty(document: &impl Serialize) -> Bytes {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text.into()
}
