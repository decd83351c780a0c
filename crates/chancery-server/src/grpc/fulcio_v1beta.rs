//! `dev.sigstore.fulcio.v1beta.CA`, which Fulcio serves where REST and gRPC share a port.

use chancery_ca::IssueRequest;
use chancery_proto::fulcio_v1beta::CreateSigningCertificateRequest;
use chancery_proto::fulcio_v1beta::ca_server::Ca;
use chancery_proto::google_api::HttpBody;
use http::HeaderMap;
use tonic::{Request, Response, Status};

use super::token::from_metadata;
use crate::error::ApiError;
use crate::state::AppState;
use crate::{chain, possession};

/// The authority, as API v1 has it.
#[derive(Clone)]
pub(super) struct FulcioV1beta(pub(super) AppState);

#[tonic::async_trait]
impl Ca for FulcioV1beta {
    async fn create_signing_certificate(
        &self,
        request: Request<CreateSigningCertificateRequest>,
    ) -> Result<Response<HttpBody>, Status> {
        let (metadata, _, message) = request.into_parts();
        let issued = self.0.issue(decode(metadata.as_ref(), message)?).await?;
        Ok(pem(chain::joined(&issued)))
    }

    async fn get_root_certificate(&self, _: Request<()>) -> Result<Response<HttpBody>, Status> {
        Ok(pem(chain::of_authority(&self.0)))
    }
}

fn decode(
    metadata: &HeaderMap,
    message: CreateSigningCertificateRequest,
) -> Result<IssueRequest, ApiError> {
    let token = from_metadata(metadata)?;
    let possession = possession::from_v1(
        message.public_key.map(|key| key.content),
        message.signed_email_address,
        message.certificate_signing_request,
    )?;
    Ok(IssueRequest { token, possession })
}

fn pem(text: String) -> Response<HttpBody> {
    Response::new(HttpBody {
        content_type: chain::PEM_MEDIA_TYPE.to_owned(),
        data: text.into_bytes(),
    })
}
