//! Chains as text: what certificates and trust bundles look like in the APIs.

use std::borrow::Cow;

use chancery_ca::Issued;

use crate::state::AppState;

/// The media type of several PEM certificates (RFC 8555, 9.1).
pub(crate) const PEM_MEDIA_TYPE: &str = "application/pem-certificate-chain";

/// Returns the issued certificate and its issuers in PEM without final newlines, the root last.
pub(crate) fn of_issued(issued: &Issued) -> impl Iterator<Item = Cow<'_, str>> {
    let issuers = issued.chain.pems().iter();
    std::iter::once(Cow::from(issued.certificate.pem()))
        .chain(issuers.map(|pem| Cow::from(pem.as_str())))
}

/// Returns the same as one text, as API v1 has it: without a final newline.
pub(crate) fn joined(issued: &Issued) -> String {
    of_issued(issued).collect::<Vec<_>>().join("\n")
}

/// Returns the authority's chain as API v1 has it: a blank line between certificates.
pub(crate) fn of_authority(app: &AppState) -> String {
    app.authority.trust_bundle().pems().join("\n\n")
}

/// Returns the authority's chain as API v2 has it: each certificate with a final newline.
pub(crate) fn trust_bundle(app: &AppState) -> Vec<String> {
    let pems = app.authority.trust_bundle().pems().iter();
    pems.map(|pem| format!("{pem}\n")).collect()
}
