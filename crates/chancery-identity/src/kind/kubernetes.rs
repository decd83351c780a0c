//! Type `kubernetes`: service accounts of a cluster.
//!
//! The cluster is named by the issuer extension alone; the name is the same in every cluster.

use chancery_certs::SubjectAlternativeName;
use serde_json::Value;

use crate::go_url::GoUrl;
use crate::issuer::VerifiedClaims;
use crate::kind::{Identity, IdentityError, required};
use crate::token::claims::certifiable;

const CLAIM: &str = "kubernetes.io";

pub(super) fn identify(claims: &VerifiedClaims) -> Result<Identity, IdentityError> {
    let name = required(claims, "sub")?;
    let cluster = claims.get(CLAIM);
    let namespace = member(cluster.and_then(|cluster| cluster.get("namespace")))?;
    let account = cluster.and_then(|cluster| cluster.get("serviceaccount")?.get("name"));
    let uri = format!(
        "https://kubernetes.io/namespaces/{namespace}/serviceaccounts/{}",
        member(account)?
    );
    Ok(Identity {
        name: name.to_owned(),
        san: SubjectAlternativeName::uri(&GoUrl::parse(&uri)?.to_string())?,
    })
}

/// Returns a name within the claim. Fulcio certifies empty ones.
fn member(value: Option<&Value>) -> Result<&str, IdentityError> {
    value
        .filter(|value| !value.is_null())
        .map(certifiable)
        .transpose()
        .map_err(|fault| IdentityError::Claim {
            claim: CLAIM,
            fault,
        })?
        .filter(|name| !name.is_empty())
        .ok_or(IdentityError::ClaimMissing { claim: CLAIM })
}
