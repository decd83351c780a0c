//! `dev.sigstore.fulcio.v2.CA`.

use chancery_ca::{IssueRequest, Issued};
use chancery_identity::{IssuerAddress, IssuerDescription};
use chancery_proto::fulcio_v2::ca_server::Ca;
use chancery_proto::fulcio_v2::create_signing_certificate_request::Key;
use chancery_proto::fulcio_v2::credentials::Credentials;
use chancery_proto::fulcio_v2::oidc_issuer::Issuer;
use chancery_proto::fulcio_v2::signing_certificate::Certificate;
use chancery_proto::fulcio_v2::{
    CertificateChain, Configuration, CreateSigningCertificateRequest, GetConfigurationRequest,
    GetTrustBundleRequest, OidcIssuer, SigningCertificate, SigningCertificateEmbeddedSct,
    TrustBundle,
};
use http::HeaderMap;
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Request, Response, Status};

use super::token::from_metadata;
use crate::error::ApiError;
use crate::rest::configuration;
use crate::rest::signing_cert::facts;
use crate::state::AppState;
use crate::{chain, possession};

/// The authority, as API v2 has it.
#[derive(Clone)]
pub(super) struct FulcioV2(pub(super) AppState);

#[tonic::async_trait]
impl Ca for FulcioV2 {
    async fn create_signing_certificate(
        &self,
        request: Request<CreateSigningCertificateRequest>,
    ) -> Result<Response<SigningCertificate>, Status> {
        let (metadata, _, message) = request.into_parts();
        let issued = self.0.issue(decode(metadata.as_ref(), message)?).await?;
        let facts = HeaderMap::from_iter(headers(&issued));
        Ok(Response::from_parts(
            MetadataMap::from_headers(facts),
            encode(&issued),
            Extensions::default(),
        ))
    }

    async fn get_trust_bundle(
        &self,
        _: Request<GetTrustBundleRequest>,
    ) -> Result<Response<TrustBundle>, Status> {
        let certificates = chain::trust_bundle(&self.0);
        Ok(Response::new(TrustBundle {
            chains: vec![CertificateChain { certificates }],
        }))
    }

    async fn get_configuration(
        &self,
        _: Request<GetConfigurationRequest>,
    ) -> Result<Response<Configuration>, Status> {
        let issuers = configuration::issuers(&self.0);
        Ok(Response::new(Configuration {
            issuers: issuers.into_iter().map(issuer).collect(),
        }))
    }
}

/// A token in the message wins over one in the metadata, as with Fulcio.
fn decode(
    metadata: &HeaderMap,
    message: CreateSigningCertificateRequest,
) -> Result<IssueRequest, ApiError> {
    let from_metadata = from_metadata(metadata)?;
    let from_message = message
        .credentials
        .and_then(|credentials| credentials.credentials)
        .map(|Credentials::OidcIdentityToken(token)| token);
    let token = from_message
        .filter(|token| !token.is_empty())
        .unwrap_or(from_metadata);
    let possession = match message.key {
        Some(Key::CertificateSigningRequest(csr)) => possession::from_csr(csr),
        Some(Key::PublicKeyRequest(request)) => {
            let content = request.public_key.unwrap_or_default().content;
            possession::from_key(content.into_bytes(), request.proof_of_possession)
        }
        None => chancery_ca::PossessionRequest::Missing,
    };
    Ok(IssueRequest { token, possession })
}

fn encode(issued: &Issued) -> SigningCertificate {
    let certificates = chain::of_issued(issued).map(String::from).collect();
    let embedded = SigningCertificateEmbeddedSct {
        chain: Some(CertificateChain { certificates }),
    };
    SigningCertificate {
        certificate: Some(Certificate::SignedCertificateEmbeddedSct(embedded)),
    }
}

/// Returns what REST answers as headers.
pub(super) fn headers(
    issued: &Issued,
) -> impl Iterator<Item = (http::HeaderName, http::HeaderValue)> {
    facts(issued)
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.parse().ok()?)))
}

fn issuer(issuer: IssuerDescription) -> OidcIssuer {
    OidcIssuer {
        issuer: Some(match issuer.address {
            IssuerAddress::Url(url) => Issuer::IssuerUrl(url),
            IssuerAddress::Wildcard(pattern) => Issuer::WildcardIssuerUrl(pattern),
        }),
        audience: issuer.audience,
        challenge_claim: issuer.challenge_claim,
        spiffe_trust_domain: issuer.spiffe_trust_domain,
        issuer_type: issuer.issuer_type.to_owned(),
        subject_domain: issuer.subject_domain,
        skip_email_verification: issuer.skip_email_verification,
    }
}
