//! What clients are configured with: the trust documents, and the TUF repository in which they are
//! signed.
//!
//! ```text
//! /trusted_root.json, /signing_config.v0.2.json, /client_trust_config.json
//! /tuf/N.root.json, root.json, timestamp.json, N.snapshot.json, N.targets.json
//! /tuf/targets/<SHA-256>.<name>
//! ```

use std::collections::BTreeMap;
use std::time::SystemTime;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chancery_trust::documents::{self, CLIENT_TRUST_CONFIG, SIGNING_CONFIG, TRUSTED_ROOT};
use chancery_trust::tuf::{Repository, Role};
use http::header;

use crate::error::ApiError;
use crate::instructions::TufRoot;
use crate::state::AppState;

/// For files whose content never changes: their names say version or hash.
const FOREVER: &str = "public, max-age=604800, immutable";
/// For files that are replaced, and for those that come later: an old answer is a stale client.
const FRESH: &str = "no-cache";

/// The documents, as bytes that are served as they are.
#[derive(Clone, Debug, Default)]
pub struct TrustDocuments {
    trusted_root: Bytes,
    signing_config: Bytes,
    client_trust_config: Bytes,
    /// The repository's files by their paths; none if the documents are not signed.
    files: BTreeMap<String, Bytes>,
    /// Those of the version before, for clients that are in the midst of an update.
    files_before: BTreeMap<String, Bytes>,
    expiries: Vec<(Role, SystemTime)>,
    root_version: u32,
}

impl TrustDocuments {
    /// Takes documents that nobody has signed: of an instance without trust metadata.
    #[must_use]
    pub fn unsigned(documents: documents::TrustDocuments) -> Self {
        Self {
            trusted_root: documents.trusted_root.into(),
            signing_config: documents.signing_config.into(),
            client_trust_config: documents.client_trust_config.into(),
            ..Self::default()
        }
    }

    /// Takes a repository, whose documents are served byte for byte as they are signed. The files of
    /// the one `before` are served on.
    #[must_use]
    pub fn signed(repository: &Repository, before: Option<&Self>) -> Self {
        let document = |name| {
            let content = repository.document(name).unwrap_or_default();
            Bytes::copy_from_slice(content)
        };
        let files = repository.named_files();
        Self {
            trusted_root: document(TRUSTED_ROOT),
            signing_config: document(SIGNING_CONFIG),
            client_trust_config: document(CLIENT_TRUST_CONFIG),
            files: files
                .map(|(name, content)| (name, Bytes::copy_from_slice(content)))
                .collect(),
            files_before: before.map(|b| b.files.clone()).unwrap_or_default(),
            expiries: repository
                .expiries()
                .map(|(role, expires)| (role, expires.into()))
                .to_vec(),
            root_version: repository.root().version().get(),
        }
    }

    /// Returns `trusted_root.json`: what verifiers trust.
    #[must_use]
    pub fn trusted_root(&self) -> &Bytes {
        &self.trusted_root
    }

    /// Returns the newest root; `None` if the documents are not signed.
    #[must_use]
    pub fn root(&self) -> Option<TufRoot<'_>> {
        let json = self.files.get("root.json")?;
        Some(TufRoot {
            json,
            version: self.root_version,
        })
    }

    /// Returns when the metadata of each role expire; nothing if the documents are not signed.
    pub(crate) fn expiries(&self) -> impl Iterator<Item = (Role, SystemTime)> {
        self.expiries.iter().copied()
    }

    fn file(&self, name: &str) -> Option<&Bytes> {
        let file = self.files.get(name);
        file.or_else(|| self.files_before.get(name))
    }
}

/// `GET /trusted_root.json`
pub(crate) async fn trusted_root(State(app): State<AppState>) -> Result<Response, ApiError> {
    document(app.documents.load().trusted_root.clone())
}

/// `GET /signing_config.v0.2.json`
pub(crate) async fn signing_config(State(app): State<AppState>) -> Result<Response, ApiError> {
    document(app.documents.load().signing_config.clone())
}

/// `GET /client_trust_config.json`
pub(crate) async fn client_trust_config(State(app): State<AppState>) -> Result<Response, ApiError> {
    document(app.documents.load().client_trust_config.clone())
}

/// `GET /tuf/…`: clients ask for version after version of root until there is exactly 404.
pub(crate) async fn repository(State(app): State<AppState>, Path(name): Path<String>) -> Response {
    let changing = matches!(name.as_str(), "timestamp.json" | "root.json");
    match app.documents.load().file(&name) {
        Some(file) if changing => json(FRESH, file.clone()),
        Some(file) => json(FOREVER, file.clone()),
        None => {
            let mut answer = ApiError::not_found().into_response();
            let fresh = http::HeaderValue::from_static(FRESH);
            answer.headers_mut().insert(header::CACHE_CONTROL, fresh);
            answer
        }
    }
}

fn document(document: Bytes) -> Result<Response, ApiError> {
    if document.is_empty() {
        return Err(ApiError::not_found());
    }
    Ok(([(header::CONTENT_TYPE, "application/json")], document).into_response())
}

fn json(cache: &'static str, file: Bytes) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, cache),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (headers, file).into_response()
}
