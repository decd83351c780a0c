//! Entering a signature in a ledger (Rekor v2), and holding the answer against the trusted root.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::ArtifactDigest;
use super::error::{Service, SignError};
use super::http::{Http, Question, content};
use crate::bundle::{self, TransparencyLogEntry};
use crate::trust::TrustMaterial;
use crate::verify::inclusion;

const KEY_DETAILS: &str = "PKIX_ECDSA_P256_SHA_256";
const KIND: &str = "hashedrekord";
const VERSION: &str = "0.0.2";

/// What is entered: that a certificate's P-256 key signed what has a digest.
pub(super) struct Signed<'a> {
    pub(super) digest: ArtifactDigest,
    pub(super) signature: &'a [u8],
    /// The certificate in DER.
    pub(super) certificate: &'a [u8],
}

/// An entry that is in a ledger of the trusted root.
#[derive(Clone, Debug)]
pub struct LedgerEntry {
    pub(super) index: u64,
    /// The `TransparencyLogEntry`, as the ledger answered it.
    pub(super) answer: bundle::LedgerEntry,
}

impl LedgerEntry {
    /// Returns its index in the ledger.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }
}

/// `POST /api/v2/log/entries`: the answer comes when the entry is in the tree. `None` if the ledger
/// has this very signature already: its first answer was lost.
pub(super) async fn enter(
    http: &Http,
    ledger: &str,
    signed: &Signed<'_>,
    trust: &TrustMaterial,
) -> Result<Option<LedgerEntry>, SignError> {
    let question = Question {
        service: Service::Ledger,
        url: ledger,
        endpoint: format!("{ledger}/api/v2/log/entries"),
        headers: content("application/json"),
        body: signed.request().into(),
        taken: &[201, 409],
    };
    let answer = http.ask(&question).await?;
    if answer.status == 409 {
        return Ok(None);
    }
    verify(&answer.body, signed, trust)
        .map(Some)
        .map_err(|why| question.untrusted(why))
}

impl Signed<'_> {
    fn request(&self) -> String {
        json!({"hashedRekordRequestV002": {
            "digest": STANDARD.encode(self.digest.as_bytes()),
            "signature": self.signature_and_verifier(),
        }})
        .to_string()
    }

    /// The entry in its canonical form (RFC 8785): members in order, which this map keeps, no white
    /// space, and no character that is escaped.
    fn body(&self) -> String {
        json!({
            "apiVersion": VERSION,
            "kind": KIND,
            "spec": {"hashedRekordV002": {
                "data": {
                    "algorithm": "SHA2_256",
                    "digest": STANDARD.encode(self.digest.as_bytes()),
                },
                "signature": self.signature_and_verifier(),
            }},
        })
        .to_string()
    }

    fn signature_and_verifier(&self) -> Value {
        json!({
            "content": STANDARD.encode(self.signature),
            "verifier": {
                "keyDetails": KEY_DETAILS,
                "x509Certificate": {"rawBytes": STANDARD.encode(self.certificate)},
            },
        })
    }
}

/// Checks that it is our entry, in a tree that a ledger of the trusted root signed.
fn verify(body: &[u8], signed: &Signed<'_>, trust: &TrustMaterial) -> Result<LedgerEntry, String> {
    let answer = bundle::LedgerEntry::parse(body);
    let answer = answer.map_err(|error| format!("it is no entry: {error}"))?;
    let entry = &answer.0;
    let kind = &entry.kind_version;
    if (&*kind.kind, &*kind.version) != (KIND, VERSION)
        || entry.canonicalized_body.0 != signed.body().as_bytes()
    {
        return Err("its entry is not of our digest, signature and certificate".to_owned());
    }
    let index = included(entry, trust)?;
    Ok(LedgerEntry { index, answer })
}

fn included(entry: &TransparencyLogEntry, trust: &TrustMaterial) -> Result<u64, String> {
    let mut named = trust.ledgers_named(&entry.log_id.key_id.0).peekable();
    if named.peek().is_none() {
        return Err("the trusted root has no ledger of its id".to_owned());
    }
    let now = SystemTime::now();
    let ledger = named.find(|ledger| ledger.window.holds(now));
    let ledger = ledger.ok_or("the trusted root says that the ledger is over, or has not begun")?;
    inclusion::verify(ledger, entry).map_err(|error| format!("its {}: {error}", error.check()))
}

#[cfg(test)]
mod tests;
