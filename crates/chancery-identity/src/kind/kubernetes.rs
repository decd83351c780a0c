//! Type `kubernetes`: service accounts of a cluster.
//!
//! The cluster is named by the issuer extension alone; the name is the same in every cluster, unless
//! the entry has a template.

use chancery_certs::SubjectAlternativeName;
use serde_json::Value;

use crate::go_url::GoUrl;
use crate::issuer::VerifiedClaims;
use crate::kind::ci::{optional_text, url_name};
use crate::kind::naming::Naming;
use crate::kind::{Identity, IdentityError, required};
use crate::token::claims::certifiable;

const CLAIM: &str = "kubernetes.io";

pub(super) fn identify(
    claims: &VerifiedClaims,
    naming: &Naming,
) -> Result<Identity, IdentityError> {
    let name = required(claims, "sub")?;
    let cluster = claims.get(CLAIM);
    let namespace = member(cluster.and_then(|cluster| cluster.get("namespace")))?;
    let account = object(cluster, "serviceaccount")?;
    object(cluster, "pod")?;
    let account = member(account.and_then(|account| account.get("name")))?;
    let own = [("namespace", namespace), ("serviceaccount", account)];
    let san = match naming.text(claims, &own)? {
        Some(text) => url_name(&text)?,
        None => {
            let uri =
                format!("https://kubernetes.io/namespaces/{namespace}/serviceaccounts/{account}");
            SubjectAlternativeName::uri(&GoUrl::parse(&uri)?.to_string())?
        }
    };
    Ok(Identity::new(name, san))
}

/// Returns an object within the claim, whose names and identifiers must be texts, also where they
/// do not matter, as in Fulcio.
fn object<'a>(cluster: Option<&'a Value>, name: &str) -> Result<Option<&'a Value>, IdentityError> {
    let found = cluster.and_then(|cluster| cluster.get(name));
    let well_formed = |object: &Value| {
        object.is_object()
            && optional_text(object.get("name")).is_some()
            && optional_text(object.get("uid")).is_some()
    };
    match found {
        None | Some(Value::Null) => Ok(None),
        Some(object) if well_formed(object) => Ok(Some(object)),
        Some(_) => Err(IdentityError::ClaimMalformed {
            claim: CLAIM,
            expected: format!("a claim in which {name:?} is an object of texts"),
        }),
    }
}

/// Returns a name within the claim. Fulcio certifies empty ones.
fn member(value: Option<&Value>) -> Result<&str, IdentityError> {
    value
        .filter(|value| !value.is_null())
        .map(certifiable)
        .transpose()
        .map_err(|fault| IdentityError::claim(CLAIM, fault))?
        .filter(|name| !name.is_empty())
        .ok_or_else(|| IdentityError::missing(CLAIM))
}
