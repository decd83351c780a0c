//! What a bundle is to be made of: good if nothing is changed, each part with a knob of its own.

use std::time::UNIX_EPOCH;

use chancery_certs::precert_tbs_of_final;
use chancery_client::verify::Thresholds;
use chancery_tlog::ct::sct_list;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{ALICE, Entry, EntryV1, ISSUER, Issued, Made, World, at, base64};

/// What is signed, and by what the signature is vouched for.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) artifact: Vec<u8>,
    /// A statement about the artifact is signed in its place.
    pub(crate) statement: Option<Statement>,
    pub(crate) issued: Issued,
    pub(crate) scts: Vec<Sct>,
    pub(crate) stamps: Vec<Stamp>,
    pub(crate) entries: Vec<Entry>,
    /// An entry in the ledger of Rekor v1, behind the others.
    pub(crate) entry_v1: Option<EntryV1>,
    pub(crate) format: Format,
}

/// What an envelope holds.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) payload_type: &'static str,
    /// What it is about.
    pub(crate) subject: Vec<u8>,
    /// What else is changed before it is signed.
    pub(crate) change: Option<fn(&mut Value)>,
}

/// A word of a log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sct {
    pub(crate) log: usize,
    /// It is of another certificate for the same key.
    pub(crate) of_another: bool,
}

/// A timestamp.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    pub(crate) by: usize,
    /// In seconds after the certificate begins.
    pub(crate) at: i64,
    /// It is of something else than the signature.
    pub(crate) of: Option<Vec<u8>>,
}

/// The bundle's version, and how it has the certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Format {
    V0_3,
    V0_2,
    V0_1,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            artifact: b"artifact".to_vec(),
            statement: None,
            issued: Issued::ByTheAuthority,
            scts: vec![Sct::by(0)],
            stamps: vec![Stamp::by(0)],
            entries: vec![Entry::in_ledger(0)],
            entry_v1: None,
            format: Format::V0_3,
        }
    }
}

impl Sct {
    pub(crate) fn by(log: usize) -> Self {
        let of_another = false;
        Self { log, of_another }
    }
}

impl Stamp {
    pub(crate) fn by(by: usize) -> Self {
        let (at, of) = (5, None);
        Self { by, at, of }
    }
}

impl Statement {
    pub(crate) fn of(subject: &[u8]) -> Self {
        Self {
            payload_type: "application/vnd.in-toto+json",
            subject: subject.to_vec(),
            change: None,
        }
    }

    fn payload(&self) -> String {
        let digest = hex::encode(Sha256::digest(&self.subject));
        let mut payload = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "a", "digest": {"sha256": digest}}],
            "predicateType": "https://chancery.test/predicate",
            "predicate": {"list": [1, [2]]},
        });
        if let Some(change) = self.change {
            change(&mut payload);
        }
        payload.to_string()
    }

    /// DSSE's pre-authentication encoding.
    fn encoded(&self) -> Vec<u8> {
        let (kind, payload) = (self.payload_type, self.payload());
        format!("DSSEv1 {} {kind} {} {payload}", kind.len(), payload.len()).into_bytes()
    }
}

impl Plan {
    /// Makes the bundle and the trusted root for it.
    pub(crate) fn make(&self, world: &World) -> Made {
        let certificate = self.certificate(world);
        let message = match &self.statement {
            Some(statement) => statement.encoded(),
            None => self.artifact.clone(),
        };
        let signature = world.signer.sign_now(&message).unwrap();
        let entries = self.entries.iter().map(|entry| {
            let body = entry.body(&Sha256::digest(&message), &signature, &certificate);
            let ledger = &world.ledgers[entry.ledger];
            let key = &world.ledgers[entry.signed_by.unwrap_or(entry.ledger)];
            ledger.enter("hashedrekord", &body, key, entry.origin)
        });
        let entry_v1 = self.entry_v1.map(|entry| {
            let digest = Sha256::digest(&message);
            world
                .ledger_v1
                .enter(entry, &digest, &signature, &certificate)
        });
        let stamps = self.stamps.iter().map(|stamp| {
            let data = stamp.of.as_deref().unwrap_or(&signature);
            let stamped = world.stamping[stamp.by].stamp(data, stamp.at);
            json!({"signedTimestamp": base64(stamped)})
        });
        let mut material = json!({
            "tlogEntries": entries.chain(entry_v1).collect::<Vec<_>>(),
            "timestampVerificationData": {"rfc3161Timestamps": stamps.collect::<Vec<_>>()},
        });
        let (member, certificates) = self.certificates(world, &certificate);
        material[member] = certificates;
        let mut bundle = json!({
            "mediaType": self.format.media_type(),
            "verificationMaterial": material,
        });
        let (member, signed) = self.signed(&signature);
        bundle[member] = signed;
        Made {
            bundle,
            root: world.trusted_root(),
            artifact: self.artifact.clone(),
            identity: ALICE,
            issuer: ISSUER,
            predicate_type: None,
            thresholds: Thresholds::default(),
        }
    }

    fn certificate(&self, world: &World) -> Vec<u8> {
        let issue = |serial, list: Option<&[u8]>| {
            let signer = &world.signer;
            world.authority.issue(signer, self.issued, serial, list)
        };
        if self.scts.is_empty() {
            return issue(1, None);
        }
        // What a log signs is the certificate without the list, whatever the list holds.
        let issuer = world.authority.issuer_key_hash(self.issued);
        let millis = at(0).duration_since(UNIX_EPOCH).unwrap().as_millis();
        let scts = self.scts.iter().map(|sct| {
            let serial = if sct.of_another { 2 } else { 1 };
            let tbs = precert_tbs_of_final(&issue(serial, Some(&[0, 0]))).unwrap();
            world.ct_logs[sct.log].sct(issuer, tbs, u64::try_from(millis).unwrap())
        });
        let scts: Vec<_> = scts.collect();
        let list = sct_list(&scts.iter().collect::<Vec<_>>()).unwrap();
        issue(1, Some(&list))
    }

    fn certificates(&self, world: &World, certificate: &[u8]) -> (&'static str, Value) {
        let raw = |der: &[u8]| json!({"rawBytes": base64(der)});
        match self.format {
            Format::V0_3 => ("certificate", raw(certificate)),
            Format::V0_2 | Format::V0_1 => {
                let above = world.authority.chain_of(self.issued);
                let above = above.iter().map(|der| raw(der));
                let all: Vec<_> = [raw(certificate)].into_iter().chain(above).collect();
                ("x509CertificateChain", json!({"certificates": all}))
            }
        }
    }

    fn signed(&self, signature: &[u8]) -> (&'static str, Value) {
        match &self.statement {
            None => (
                "messageSignature",
                json!({
                    "messageDigest": {
                        "algorithm": "SHA2_256",
                        "digest": base64(Sha256::digest(&self.artifact)),
                    },
                    "signature": base64(signature),
                }),
            ),
            Some(statement) => (
                "dsseEnvelope",
                json!({
                    "payload": base64(statement.payload()),
                    "payloadType": statement.payload_type,
                    "signatures": [{"sig": base64(signature)}],
                }),
            ),
        }
    }
}

impl Format {
    fn media_type(self) -> &'static str {
        match self {
            Self::V0_1 => "application/vnd.dev.sigstore.bundle+json;version=0.1",
            Self::V0_2 => "application/vnd.dev.sigstore.bundle+json;version=0.2",
            Self::V0_3 => "application/vnd.dev.sigstore.bundle.v0.3+json",
        }
    }
}
