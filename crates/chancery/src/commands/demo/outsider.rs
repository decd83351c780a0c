//! What a careful outsider does with a certificate: nothing is believed but the trust root, and
//! everything else is fetched over HTTP.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chancery_certs::{
    CertificateChain, CertificateDetails, IssuingCertificate, precert_tbs_of_final,
};
use chancery_keys::{LocalKey, PublicKey, Signer};
use chancery_tlog::ct::{Entry, LogId, SignedCertificateTimestamp, TileLeaf, parse_sct_list};
use chancery_tlog::{
    Checkpoint, Rfc6962NoteSignature, SignedNote, TILE_WIDTH, TileHashes, TileId, TilePath,
    TreeHead, inclusion_proof, inclusion_tiles, leaf_hash, rfc6962_key_id, rfc6962_signature_input,
    tile_width_at, verify_inclusion,
};
use der::{Decode, Encode};
use serde_json::Value;
use x509_cert::Certificate;

use super::Narrator;
use crate::failure::Failure;

/// All that was fetched, and the trust root.
pub(super) struct Evidence {
    pub(super) certificates: Vec<String>,
    pub(super) trusted_root: Bytes,
    pub(super) checkpoint: Bytes,
    pub(super) head: TreeHead,
    sct: SignedCertificateTimestamp,
    leaf: TileLeaf,
    hashes: TileHashes,
}

/// What held.
pub(super) struct Verified {
    pub(super) details: CertificateDetails,
    pub(super) leaf_index: u64,
    pub(super) tree: TreeHead,
}

impl Evidence {
    /// Fetches, from the log of a trust root, checkpoint and the tiles that prove the certificate's
    /// entry.
    pub(super) async fn fetch(
        http: &reqwest::Client,
        trusted_root: Bytes,
        certificates: Vec<String>,
    ) -> Result<Self, Failure> {
        let sct = embedded_sct(&leaf_der(&certificates)?)?;
        let index = sct.leaf_index().map_err(broken)?.get();

        let log = string(&json(&trusted_root)?, "/ctlogs/0/baseUrl")?;
        let checkpoint = get(http, &format!("{log}/checkpoint")).await?;
        let note = SignedNote::parse(&checkpoint).map_err(broken)?;
        let head = Checkpoint::parse(note.text()).map_err(broken)?.head;
        if head.tree_size <= index {
            return Err(Failure::verification(format!(
                "the published checkpoint covers {} entries, not yet the one at {index}",
                head.tree_size
            )));
        }

        let mut hashes = TileHashes::new(head.tree_size);
        for id @ TileId { level, index } in inclusion_tiles(index, head.tree_size) {
            let width = tile_width_at(level, index, head.tree_size);
            let path = TilePath::Hash {
                level,
                index,
                width,
            };
            let tile = get(http, &format!("{log}/tile/{path}")).await?;
            hashes.insert(id, &tile).map_err(broken)?;
        }
        let tile = index / TILE_WIDTH;
        let width = tile_width_at(0, tile, head.tree_size);
        let path = TilePath::Data { index: tile, width };
        let data = get(http, &format!("{log}/tile/{path}")).await?;
        let leaf = TileLeaf::parse_all(&data)
            .map_err(broken)?
            .into_iter()
            .find(|leaf| leaf.leaf_index().get() == index)
            .ok_or_else(|| Failure::verification("the data tile lacks the entry"))?;
        Ok(Self {
            certificates,
            trusted_root,
            checkpoint,
            head,
            sct,
            leaf,
            hashes,
        })
    }

    /// Checks everything against the trust root.
    pub(super) fn verify(&self, key: &LocalKey, say: &mut Narrator) -> Result<Verified, Failure> {
        let root = json(&self.trusted_root)?;
        let leaf = leaf_der(&self.certificates)?;
        let details = CertificateDetails::from_der(&leaf).map_err(broken)?;

        let issuing = self.verify_chain(&root, &leaf)?;
        hold(
            details.spki_der == key.public_key().spki_der(),
            "the certificate's key is ours",
        )?;
        say.step("the chain leads to the trusted root, and the certificate is for our key");

        let log_key = PublicKey::from_spki_der(&base64(&root, "/ctlogs/0/publicKey/rawBytes")?)
            .map_err(broken)?;
        self.verify_sct(&leaf, &issuing, &log_key)?;
        say.step("the SCT is the log's signature over this very certificate");

        self.verify_checkpoint(&log_key)?;
        let index = self.sct.leaf_index().map_err(broken)?.get();
        let proof = inclusion_proof(index, self.head.tree_size, &self.hashes).map_err(broken)?;
        let hash = leaf_hash(&self.leaf.merkle_tree_leaf());
        verify_inclusion(
            index,
            self.head.tree_size,
            &hash,
            &proof,
            &self.head.root_hash,
        )
        .map_err(broken)?;
        say.step("the published checkpoint, signed by the log, includes the entry");
        Ok(Verified {
            details,
            leaf_index: index,
            tree: self.head,
        })
    }

    /// Checks that each certificate was signed by the next, up to the trust root's own.
    fn verify_chain(&self, root: &Value, leaf: &[u8]) -> Result<IssuingCertificate, Failure> {
        let prefix = "/certificateAuthorities/0/certChain/certificates";
        let trusted = [
            base64(root, &format!("{prefix}/0/rawBytes"))?,
            base64(root, &format!("{prefix}/1/rawBytes"))?,
        ];
        let answered =
            CertificateChain::parse_pem(&self.certificates[1..].join("\n")).map_err(broken)?;
        hold(answered.ders() == trusted, "the chain is the trust root's")?;

        let path = [leaf, &trusted[0], &trusted[1]];
        for pair in path.windows(2) {
            verify_signed_by(pair[0], pair[1])?;
        }
        verify_signed_by(&trusted[1], &trusted[1])?;
        IssuingCertificate::from_der(&trusted[0]).map_err(broken)
    }

    /// Checks that the SCT signs what the certificate says, and that the log published just that.
    fn verify_sct(
        &self,
        leaf: &[u8],
        issuing: &IssuingCertificate,
        log_key: &PublicKey,
    ) -> Result<(), Failure> {
        hold(
            *self.sct.log_id() == LogId::of_spki(log_key.spki_der()),
            "the SCT is this log's",
        )?;
        let Entry::Precert(entry) = self.leaf.entry() else {
            return Err(Failure::verification(
                "the log's entry is no precertificate",
            ));
        };
        let tbs = precert_tbs_of_final(leaf).map_err(broken)?;
        hold(entry.tbs() == tbs, "the log's entry is this certificate's")?;
        hold(
            *entry.issuer_key_hash() == issuing.issuer_key_hash(),
            "the entry names its issuer",
        )?;
        hold(
            self.leaf.timestamp_ms() == self.sct.timestamp_ms(),
            "entry and SCT agree in time",
        )?;
        log_key
            .verify(
                &self.leaf.merkle_tree_leaf(),
                self.sct.signature().signature_der(),
            )
            .map_err(broken)
    }

    fn verify_checkpoint(&self, log_key: &PublicKey) -> Result<(), Failure> {
        let note = SignedNote::parse(&self.checkpoint).map_err(broken)?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(broken)?;
        let log_id = LogId::of_spki(log_key.spki_der());
        let key_id = rfc6962_key_id(&checkpoint.origin, &log_id);
        let line = note
            .signature_by(checkpoint.origin.key_name(), key_id)
            .ok_or_else(|| Failure::verification("the checkpoint is not signed by the log"))?;
        let signature = Rfc6962NoteSignature::parse(&line.signature).map_err(broken)?;
        let signed = rfc6962_signature_input(&checkpoint.head, signature.timestamp_ms);
        log_key
            .verify(&signed, signature.signature.signature_der())
            .map_err(broken)
    }
}

fn embedded_sct(leaf: &[u8]) -> Result<SignedCertificateTimestamp, Failure> {
    let list = CertificateDetails::from_der(leaf)
        .map_err(broken)?
        .sct_list
        .ok_or_else(|| Failure::verification("the certificate has no SCT"))?;
    match <[_; 1]>::try_from(parse_sct_list(&list).map_err(broken)?) {
        Ok([sct]) => Ok(sct),
        Err(_) => Err(Failure::verification(
            "the certificate has not exactly one SCT",
        )),
    }
}

fn verify_signed_by(one: &[u8], issuer: &[u8]) -> Result<(), Failure> {
    let one = Certificate::from_der(one).map_err(broken)?;
    let issuer = Certificate::from_der(issuer).map_err(broken)?;
    let spki = issuer
        .tbs_certificate()
        .subject_public_key_info()
        .to_der()
        .map_err(broken)?;
    let signed = one.tbs_certificate().to_der().map_err(broken)?;
    PublicKey::from_spki_der(&spki)
        .map_err(broken)?
        .verify(&signed, one.signature().raw_bytes())
        .map_err(broken)
}

pub(super) fn leaf_der(certificates: &[String]) -> Result<Vec<u8>, Failure> {
    let first = certificates
        .first()
        .ok_or_else(|| Failure::verification("no certificate"))?;
    Ok(pem::parse(first).map_err(broken)?.into_contents())
}

pub(super) async fn get(http: &reqwest::Client, url: &str) -> Result<Bytes, Failure> {
    let response = http.get(url).send().await.map_err(Failure::from_error)?;
    let status = response.status();
    if status != 200 {
        return Err(Failure::verification(format!("{url} answered {status}")));
    }
    response.bytes().await.map_err(Failure::from_error)
}

fn json(bytes: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(bytes).map_err(broken)
}

fn string(value: &Value, pointer: &str) -> Result<String, Failure> {
    let text = value.pointer(pointer).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| Failure::verification(format!("the trust root has no {pointer}")))
}

fn base64(value: &Value, pointer: &str) -> Result<Vec<u8>, Failure> {
    STANDARD.decode(string(value, pointer)?).map_err(broken)
}

pub(super) fn hold(held: bool, what: &str) -> Result<(), Failure> {
    if held {
        Ok(())
    } else {
        Err(Failure::verification(format!("this does not hold: {what}")))
    }
}

pub(super) fn broken<E: std::error::Error>(error: E) -> Failure {
    Failure::verification(crate::failure::Causes(&error))
}
