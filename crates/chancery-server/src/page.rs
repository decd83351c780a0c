//! `GET /`: what this is, for people.

use axum::extract::State;
use axum::response::Response;

use crate::html::{Escaped, page};
use crate::state::AppState;

/// Says what runs here, how far the log is, and where the machines' documents are.
pub(crate) async fn get(State(app): State<AppState>) -> Response {
    let log = app.authority.log();
    let (name, origin, entries) = match &log {
        Some(log) => (
            log.name(),
            log.origin().as_str(),
            log.status().tree.tree_size,
        ),
        None => ("", "none takes entries now", 0),
    };
    let development = if app.dev_oidc.is_some() {
        "<p><strong>NOT FOR PRODUCTION: a development instance. It has a test identity provider \
         that logs in anybody as anybody.</strong>\n"
    } else {
        ""
    };
    let body = format!(
        "{development}<p>A certificate authority for code signing. It issues short-lived \
         certificates to whoever proves an OpenID Connect identity, and enters each in a \
         transparency log before it hands it out. Sigstore clients work with it.\n\
         <dl>\n\
         <dt>URL<dd>{url}\n\
         <dt>Log<dd>{origin}\n\
         <dt>Entries<dd>{entries}\n\
         <dt>Checkpoint<dd><a href=\"/ct/{log}/checkpoint\">/ct/{log}/checkpoint</a>\n\
         <dt>For verifiers<dd><a href=\"/trusted_root.json\">trusted_root.json</a>\n\
         <dt>For signers<dd><a href=\"/signing_config.v0.2.json\">signing_config.v0.2.json</a>\n\
         <dt>Both in one<dd><a href=\"/client_trust_config.json\">client_trust_config.json</a>\n\
         <dt>Chain<dd><a href=\"/api/v2/trustBundle\">/api/v2/trustBundle</a>\n\
         <dt>Accepted issuers<dd><a href=\"/api/v2/configuration\">/api/v2/configuration</a>\n\
         </dl>\n",
        url = Escaped(&*app.url),
        origin = Escaped(origin),
        log = Escaped(name),
    );
    page("Chancery", &body)
}
