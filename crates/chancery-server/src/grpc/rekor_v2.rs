//! `dev.sigstore.rekor.v2.Rekor`, on the same port as REST.

use chancery_ledger::{
    AddError, DsseRequest, EntryRefused, EntryRequest, HashedRekordRequest, KeyDetails,
    LoggedEntry, Verifier, VerifierMaterial,
};
use chancery_proto::common_v1::LogId;
use chancery_proto::google_api::HttpBody;
use chancery_proto::rekor_v1::{Checkpoint, InclusionProof, KindVersion, TransparencyLogEntry};
use chancery_proto::rekor_v2::create_entry_request::Spec;
use chancery_proto::rekor_v2::rekor_server::Rekor;
use chancery_proto::rekor_v2::verifier::Verifier as Material;
use chancery_proto::rekor_v2::{
    self as proto, CreateEntryRequest, DsseRequestV002, EntryBundleRequest,
    HashedRekordRequestV002, TileRequest,
};
use tonic::{Request, Response, Status};

use crate::error::ApiError;
use crate::ledger::{self, RequestHost, ServedLedger};
use crate::state::AppState;

/// The ledgers, told apart by the request's authority.
#[derive(Clone)]
pub(super) struct RekorV2(pub(super) AppState);

impl RekorV2 {
    fn ledger<T>(&self, request: &Request<T>) -> Result<ServedLedger, ApiError> {
        let host: Option<&RequestHost> = request.extensions().get();
        let found = self.0.ledgers.find(host.map(|host| host.0.as_str()));
        found.ok_or_else(ApiError::not_found)
    }
}

#[tonic::async_trait]
impl Rekor for RekorV2 {
    async fn create_entry(
        &self,
        request: Request<CreateEntryRequest>,
    ) -> Result<Response<TransparencyLogEntry>, Status> {
        let ledger = self.ledger(&request)?;
        let request = decode(request.into_inner());
        let added = ledger::add(&self.0, &ledger, request).await;
        Ok(Response::new(encode(added.map_err(refused)?)))
    }

    async fn get_tile(&self, request: Request<TileRequest>) -> Result<Response<HttpBody>, Status> {
        let ledger = self.ledger(&request)?;
        let TileRequest { l, n } = request.into_inner();
        let tile = ledger::read_tile(&ledger, &format!("{l}/{n}")).await?;
        Ok(octets(tile))
    }

    async fn get_entry_bundle(
        &self,
        request: Request<EntryBundleRequest>,
    ) -> Result<Response<HttpBody>, Status> {
        let ledger = self.ledger(&request)?;
        let path = format!("entries/{}", request.into_inner().n);
        Ok(octets(ledger::read_tile(&ledger, &path).await?))
    }

    async fn get_checkpoint(&self, request: Request<()>) -> Result<Response<HttpBody>, Status> {
        let checkpoint = ledger::read_checkpoint(&self.ledger(&request)?).await?;
        Ok(Response::new(HttpBody {
            content_type: "text/plain; charset=utf-8".to_owned(),
            data: checkpoint.into(),
        }))
    }
}

fn octets(data: bytes::Bytes) -> Response<HttpBody> {
    Response::new(HttpBody {
        content_type: "application/octet-stream".to_owned(),
        data: data.into(),
    })
}

/// Says an error, with the place of an entry that is there already.
fn refused(error: AddError) -> Status {
    let index = match error {
        AddError::Duplicate { leaf_index } => Some(leaf_index),
        _ => None,
    };
    let mut status = Status::from(ApiError::from(error));
    if let Some(index) = index {
        status.metadata_mut().insert("x-log-index", index.into());
    }
    status
}

/// Reads a message as it was decoded.
pub(crate) fn decode(request: CreateEntryRequest) -> Result<EntryRequest, EntryRefused> {
    match request.spec.ok_or(EntryRefused::NotOneEntry)? {
        Spec::HashedRekordRequestV002(request) => hashed_rekord(request),
        Spec::DsseRequestV002(request) => dsse(request),
    }
}

fn hashed_rekord(request: HashedRekordRequestV002) -> Result<EntryRequest, EntryRefused> {
    let signature = request
        .signature
        .ok_or(EntryRefused::Missing("signature"))?;
    Ok(EntryRequest::HashedRekord(HashedRekordRequest {
        digest: present(request.digest, "digest")?,
        signature: present(signature.content, "signature.content")?,
        verifier: verifier(signature.verifier)?,
    }))
}

fn dsse(request: DsseRequestV002) -> Result<EntryRequest, EntryRefused> {
    let envelope = request.envelope.ok_or(EntryRefused::Missing("envelope"))?;
    let (Ok([signature]), Ok([own])) = (
        <[_; 1]>::try_from(envelope.signatures),
        <[_; 1]>::try_from(request.verifiers),
    ) else {
        return Err(EntryRefused::NotOneSignature);
    };
    if envelope.payload_type.is_empty() {
        return Err(EntryRefused::Missing("envelope.payloadType"));
    }
    Ok(EntryRequest::Dsse(DsseRequest {
        payload: present(envelope.payload, "envelope.payload")?,
        payload_type: envelope.payload_type,
        signature: present(signature.sig, "envelope.signatures.sig")?,
        verifier: verifier(Some(own))?,
    }))
}

fn verifier(verifier: Option<proto::Verifier>) -> Result<Verifier, EntryRefused> {
    let verifier = verifier.ok_or(EntryRefused::Missing("verifier"))?;
    let bytes = |bytes| present(bytes, "verifier's rawBytes");
    let material = match verifier.verifier {
        Some(Material::PublicKey(key)) => VerifierMaterial::PublicKey(bytes(key.raw_bytes)?),
        Some(Material::X509Certificate(certificate)) => {
            VerifierMaterial::Certificate(bytes(certificate.raw_bytes)?)
        }
        None => {
            return Err(EntryRefused::Missing(
                "verifier's x509Certificate or publicKey",
            ));
        }
    };
    let key_details = match verifier.key_details {
        0 => Err(EntryRefused::Missing("verifier's keyDetails")),
        number => KeyDetails::from_number(number).ok_or(EntryRefused::UnsupportedKey),
    };
    Ok(Verifier {
        material,
        key_details: key_details?,
    })
}

fn present(bytes: Vec<u8>, field: &'static str) -> Result<Vec<u8>, EntryRefused> {
    match bytes.is_empty() {
        false => Ok(bytes),
        true => Err(EntryRefused::Missing(field)),
    }
}

fn encode(entry: LoggedEntry) -> TransparencyLogEntry {
    let index = entry.leaf_index().cast_signed();
    let hashes = entry.hashes().iter();
    TransparencyLogEntry {
        log_index: index,
        log_id: Some(LogId {
            key_id: entry.log_id().to_vec(),
        }),
        kind_version: Some(KindVersion {
            kind: entry.kind().name().to_owned(),
            version: entry.version().to_owned(),
        }),
        integrated_time: 0,
        inclusion_promise: None,
        inclusion_proof: Some(InclusionProof {
            log_index: index,
            root_hash: entry.tree().root_hash.as_bytes().to_vec(),
            tree_size: entry.tree().tree_size.cast_signed(),
            hashes: hashes.map(|hash| hash.as_bytes().to_vec()).collect(),
            checkpoint: Some(Checkpoint {
                envelope: entry.checkpoint().to_owned(),
            }),
        }),
        canonicalized_body: entry.body().to_vec(),
    }
}
