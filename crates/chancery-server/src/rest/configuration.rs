//! `GET /api/v2/configuration`: whose tokens are taken.

use axum::Json;
use axum::extract::State;
use chancery_identity::{IssuerAddress, IssuerDescription};
use serde::Serialize;

use crate::state::AppState;

/// `Configuration`, with the members that Fulcio prints, empty ones too.
#[derive(Serialize)]
pub(crate) struct Configuration {
    issuers: Vec<Issuer>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Issuer {
    #[serde(flatten)]
    address: Address,
    audience: String,
    challenge_claim: String,
    spiffe_trust_domain: String,
    issuer_type: &'static str,
    subject_domain: String,
    skip_email_verification: bool,
}

/// One of two members, as protobuf's `oneof` has it.
#[derive(Serialize)]
#[serde(rename_all_fields = "camelCase", untagged)]
enum Address {
    Url { issuer_url: String },
    Wildcard { wildcard_issuer_url: String },
}

/// Answers the configured issuers, fixed ones first.
pub(crate) async fn get(State(app): State<AppState>) -> Json<Configuration> {
    let issuers = issuers(&app).iter().map(of).collect();
    Json(Configuration { issuers })
}

/// Returns the configured issuers, fixed ones first, as Fulcio has them.
pub(crate) fn issuers(app: &AppState) -> Vec<IssuerDescription> {
    let unlisted = app.unlisted_issuer.as_deref();
    let is_listed = |issuer: &&IssuerDescription| match &issuer.address {
        IssuerAddress::Url(url) => Some(url.as_str()) != unlisted,
        IssuerAddress::Wildcard(_) => true,
    };
    let configured = app.authority.issuers().configured();
    let mut issuers: Vec<_> = configured.iter().filter(is_listed).cloned().collect();
    issuers.sort_by_key(|issuer| matches!(issuer.address, IssuerAddress::Wildcard(_)));
    issuers
}

fn of(issuer: &IssuerDescription) -> Issuer {
    Issuer {
        address: match issuer.address.clone() {
            IssuerAddress::Url(issuer_url) => Address::Url { issuer_url },
            IssuerAddress::Wildcard(wildcard_issuer_url) => Address::Wildcard {
                wildcard_issuer_url,
            },
        },
        audience: issuer.audience.clone(),
        challenge_claim: issuer.challenge_claim.clone(),
        spiffe_trust_domain: issuer.spiffe_trust_domain.clone(),
        issuer_type: issuer.issuer_type,
        subject_domain: issuer.subject_domain.clone(),
        skip_email_verification: issuer.skip_email_verification,
    }
}
