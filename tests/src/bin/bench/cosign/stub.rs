//! Servers that answer at once: keys in memory, no disk, no database, nothing verified that the
//! answer does not need.
//!
//! Recorded answers would not do: cosign's key and signature are new each time, and it verifies the
//! bundle before it writes it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::{KeyType, LocalKey, Signer};
use chancery_ledger::EntryRequest;
use chancery_log::clock::SystemClock;
use chancery_log::{ed25519_line, plain_log_id};
use chancery_tlog::{Checkpoint, Origin, SignedNote, TreeHead, leaf_hash, node_hash};
use chancery_tsa::{
    SIGSTORE_POLICY, TimestampAuthority, TimestampAuthorityParts, TimestampRequest, TsaCeremony,
};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType,
    SubjectPublicKeyInfo,
};
use serde_json::{Value, json};

const ORIGIN: &str = "localhost";

/// The servers, on one port; they end with the process.
pub(super) struct Stub {
    port: u16,
    keys: Arc<Keys>,
}

struct Keys {
    ca: rcgen::Issuer<'static, LocalKey>,
    ca_certificate: Vec<u8>,
    timestamps: TimestampAuthority,
    ledger: LocalKey,
    origin: Origin,
}

impl Stub {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let keys = Arc::new(Keys::generate()?);
        let router = axum::Router::new()
            .route("/api/v2/signingCert", post(certify))
            .route("/api/v1/timestamp", post(stamp))
            .route("/api/v2/log/entries", post(enter))
            .with_state(Arc::clone(&keys));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { port, keys })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Puts these servers' keys into an instance's trusted root.
    pub(super) fn trusted_root(&self, of_instance: &str) -> anyhow::Result<String> {
        let certificates = |ders: &[Vec<u8>]| -> Value {
            let each = ders
                .iter()
                .map(|der| json!({ "rawBytes": STANDARD.encode(der) }));
            each.collect()
        };
        let mut root: Value = serde_json::from_str(of_instance)?;
        let keys = &self.keys;
        let ca = std::slice::from_ref(&keys.ca_certificate);
        root["certificateAuthorities"][0]["certChain"]["certificates"] = certificates(ca);
        let stamps = keys.timestamps.chain().ders();
        root["timestampAuthorities"][0]["certChain"]["certificates"] = certificates(stamps);
        let ledger = &mut root["tlogs"][0];
        let key = keys.ledger.public_key();
        ledger["publicKey"]["rawBytes"] = STANDARD.encode(key.spki_der()).into();
        ledger["logId"]["keyId"] = keys.log_id().into();
        Ok(root.to_string())
    }
}

impl Keys {
    fn generate() -> anyhow::Result<Self> {
        let ca = LocalKey::generate(KeyType::P256)?;
        let mut params = CertificateParams::new(Vec::new())?;
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "stub root");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let ca_certificate = params.self_signed(&ca)?.der().to_vec();
        let ceremony = TsaCeremony {
            organization: "stub",
            common_name: "stub timestamps",
            now: SystemTime::now(),
        };
        let signer = LocalKey::generate(KeyType::P256)?;
        let root = LocalKey::generate(KeyType::P256)?;
        let chain = ceremony.perform(&root, None, &signer)?;
        Ok(Self {
            ca: rcgen::Issuer::new(params, ca),
            ca_certificate,
            timestamps: TimestampAuthority::new(TimestampAuthorityParts {
                chain,
                signer: Arc::new(signer),
                clock: Arc::new(SystemClock),
                check: None,
                floor: UNIX_EPOCH,
                policy: SIGSTORE_POLICY,
            })?,
            ledger: LocalKey::generate(KeyType::Ed25519)?,
            origin: Origin::parse(ORIGIN)?,
        })
    }

    fn log_id(&self) -> String {
        STANDARD.encode(plain_log_id(&self.origin, self.ledger.public_key()).as_bytes())
    }

    /// Signs a certificate for the key of a request, whoever asks.
    fn certify(&self, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        let request: Value = serde_json::from_slice(request)?;
        let key = request["publicKeyRequest"]["publicKey"]["content"].as_str();
        let key = SubjectPublicKeyInfo::from_pem(key.context("no public key")?)?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.subject_alt_names = vec![SanType::Rfc822Name("person@example.com".try_into()?)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        params.use_authority_key_identifier_extension = true;
        let leaf = params.signed_by(&key, &self.ca)?;
        let pem = |der: &[u8]| pem::encode(&pem::Pem::new("CERTIFICATE", der));
        let answer = json!({ "signedCertificateEmbeddedSct": { "chain": {
            "certificates": [pem(leaf.der()), pem(&self.ca_certificate)],
        }}});
        Ok(answer.to_string().into_bytes())
    }

    async fn stamp(&self, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        let request = match request.first() {
            Some(b'{') => TimestampRequest::parse_json(request)?,
            _ => TimestampRequest::parse_der(request)?,
        };
        Ok(self.timestamps.stamp(&request).await?.into_response())
    }

    /// Answers an entry as the second of a tree of two.
    async fn enter(&self, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        let entry = EntryRequest::parse(request)?.verify()?;
        let first = leaf_hash(b"the first entry");
        let head = TreeHead {
            tree_size: 2,
            root_hash: node_hash(&first, &leaf_hash(entry.body())),
        };
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            head,
        };
        let body = checkpoint.body();
        let line = ed25519_line(&self.ledger, &self.origin, &body).await?;
        let note = SignedNote::new(body, vec![line])?;
        let answer = json!({
            "logIndex": "1",
            "logId": { "keyId": self.log_id() },
            "kindVersion": { "kind": entry.kind().name(), "version": "0.0.2" },
            "integratedTime": "0",
            "inclusionPromise": null,
            "inclusionProof": {
                "logIndex": "1",
                "rootHash": STANDARD.encode(head.root_hash.as_bytes()),
                "treeSize": "2",
                "hashes": [STANDARD.encode(first.as_bytes())],
                "checkpoint": { "envelope": note.encode() },
            },
            "canonicalizedBody": STANDARD.encode(entry.body()),
        });
        Ok(answer.to_string().into_bytes())
    }
}

async fn certify(State(keys): State<Arc<Keys>>, request: Bytes) -> Response {
    answer(StatusCode::OK, "application/json", keys.certify(&request))
}

async fn stamp(State(keys): State<Arc<Keys>>, request: Bytes) -> Response {
    let made = keys.stamp(&request).await;
    answer(StatusCode::OK, "application/timestamp-reply", made)
}

async fn enter(State(keys): State<Arc<Keys>>, request: Bytes) -> Response {
    let made = keys.enter(&request).await;
    answer(StatusCode::CREATED, "application/json", made)
}

fn answer(
    status: StatusCode,
    content_type: &'static str,
    made: anyhow::Result<Vec<u8>>,
) -> Response {
    match made {
        Ok(body) => {
            let headers = [(header::CONTENT_TYPE, content_type)];
            (status, headers, body).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error:#}")).into_response(),
    }
}
