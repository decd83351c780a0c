//! `GET /`: what this is, for people.

use axum::extract::State;
use axum::response::Response;
use time::OffsetDateTime;

use crate::dev_oidc::DevOidc;
use crate::html::{Escaped, page};
use crate::instructions::{Client, Instructions, TufRoot};
use crate::logs::ServedLog;
use crate::state::AppState;

/// Says what runs here, how far the log is, and where the machines' documents are.
pub(crate) async fn get(State(app): State<AppState>) -> Response {
    let logs: String = app.logs.all().iter().map(|log| entry(&app, log)).collect();
    let development = if app.dev_oidc.is_some() {
        "<p><strong>NOT FOR PRODUCTION: a development instance. It has a test identity provider \
         that logs in anybody as anybody.</strong>\n"
    } else {
        ""
    };
    let documents = app.documents.load();
    let issuer = app.dev_oidc.as_ref().map(DevOidc::issuer);
    let instructions = Instructions {
        url: &app.url,
        root: documents.root(),
        issuer,
    };
    let body = format!(
        "{development}<p>A certificate authority for code signing. It issues short-lived \
         certificates to whoever proves an OpenID Connect identity, and enters each in a \
         transparency log before it hands it out. Sigstore clients work with it.\n\
         <dl>\n\
         <dt>URL<dd>{url}\n\
         {logs}\
         <dt>For verifiers<dd><a href=\"/trusted_root.json\">trusted_root.json</a>\n\
         <dt>For signers<dd><a href=\"/signing_config.v0.2.json\">signing_config.v0.2.json</a>\n\
         <dt>Both in one<dd><a href=\"/client_trust_config.json\">client_trust_config.json</a>\n\
         <dt>Chain<dd><a href=\"/api/v2/trustBundle\">/api/v2/trustBundle</a>\n\
         <dt>Accepted issuers<dd><a href=\"/api/v2/configuration\">/api/v2/configuration</a>\n\
         {trust}</dl>\n{how}",
        url = Escaped(&*app.url),
        trust = trust(instructions.root),
        how = how(&instructions),
    );
    page("Chancery", &body)
}

/// Says of a log what anybody may know, also of one whose entries are not public.
fn entry(app: &AppState, served: &ServedLog) -> String {
    let (log, date) = (&served.log, |time| OffsetDateTime::from(time).date());
    let current = app.authority.log();
    let logs = app.authority.logs().all();
    let state = if current.is_some_and(|current| current.name() == log.name()) {
        "takes entries"
    } else if served.frozen {
        "frozen"
    } else if logs.iter().any(|open| open.name() == log.name())
        && served.begins > std::time::SystemTime::now()
    {
        "has not begun"
    } else {
        "takes no entries any more"
    };
    let size = log.known().map(|known| known.head().tree.tree_size);
    let ends = served.ends.map(|ends| format!(" to {}", date(ends)));
    format!(
        "<dt>Log<dd>{origin}: {state}, from {begins}{ends}\n\
         <dt>Entries<dd>{size}\n\
         <dt>Checkpoint<dd><a href=\"/ct/{name}/checkpoint\">/ct/{name}/checkpoint</a>\n",
        origin = Escaped(log.origin().as_str()),
        begins = date(served.begins),
        ends = ends.unwrap_or_default(),
        size = size.map_or_else(|| "see the checkpoint".to_owned(), |size| size.to_string()),
        name = Escaped(log.name()),
    )
}

/// Names the repository of what is signed, if anything is.
fn trust(root: Option<TufRoot<'_>>) -> String {
    let Some(root) = root else {
        return String::new();
    };
    let (name, sum) = (root.file_name(), root.checksum());
    format!(
        "<dt>TUF root<dd><a href=\"/tuf/{name}\">/tuf/{name}</a>\n\
         <dt>Its SHA-256, to be compared with what the operator says elsewhere<dd>{sum}\n"
    )
}

/// Says what to type for each client.
fn how(instructions: &Instructions<'_>) -> String {
    let client = |client: Client| {
        let text = instructions.text(client);
        let name = Escaped(client.name());
        let text = Escaped(&*text);
        format!("<details><summary>{name}</summary><pre>{text}</pre></details>\n")
    };
    let clients: String = Client::ALL.into_iter().map(client).collect();
    format!("<h2>How to use it</h2>\n{clients}")
}
