//! What the handlers share.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use axum::extract::FromRef;
use chancery_ca::{Authority, IssueRequest, Issued};
use chancery_submissions::Submissions;
use chancery_tsa::TimestampAuthority;
use tokio_util::sync::CancellationToken;

use crate::cors::CorsPolicy;
use crate::dev_oidc::DevOidc;
use crate::error::ApiError;
use crate::ledger::Ledgers;
use crate::logs::Logs;
use crate::metrics::Metrics;
use crate::request_body::RequestLimits;
use crate::trust_documents::TrustDocuments;

/// What the public router serves from.
#[derive(Clone)]
pub struct AppState {
    /// Issues certificates, and holds the log.
    pub authority: Arc<Authority>,
    /// The public base URL, without a slash at its end.
    pub url: Arc<str>,
    /// The documents that clients are configured with; others when a log is added or ends.
    pub documents: Arc<ArcSwap<TrustDocuments>>,
    /// The logs that can be read.
    pub logs: Logs,
    /// The ledgers; none if they are off.
    pub ledgers: Ledgers,
    /// Takes submissions from outside; `None` if they are off.
    pub submissions: Option<Arc<Submissions>>,
    /// Stamps hashes; `None` if there is no timestamp authority.
    pub timestamps: Option<Arc<TimestampAuthority>>,
    /// What a single request may take.
    pub limits: RequestLimits,
    /// Which web pages may use the API.
    pub cors: CorsPolicy,
    /// Counts what happens; shared with [`AdminState`].
    pub metrics: Arc<Metrics>,
    /// The development identity provider, in `chancery dev` and `chancery demo` only.
    pub dev_oidc: Option<DevOidc>,
    /// The issuer that is taken, but is not part of the operator's configuration, and so not of what
    /// `GET /api/v2/configuration` answers: the development provider's, beside a file of issuers.
    pub unlisted_issuer: Option<Arc<str>>,
}

impl AppState {
    /// Issues a certificate and counts it: where all protocols meet.
    pub(crate) async fn issue(&self, request: IssueRequest) -> Result<Issued, ApiError> {
        let started = Instant::now();
        let issued = self.authority.issue(request).await?;
        self.metrics.issued(started.elapsed());
        Ok(issued)
    }
}

impl FromRef<AppState> for RequestLimits {
    fn from_ref(app: &AppState) -> Self {
        app.limits
    }
}

/// What the admin router serves from.
#[derive(Clone)]
pub struct AdminState {
    /// The authority whose log is watched.
    pub authority: Arc<Authority>,
    /// The timestamp authority that is watched, if there is one.
    pub timestamps: Option<Arc<TimestampAuthority>>,
    /// What clients trust: the same as the public routes serve.
    pub documents: Arc<ArcSwap<TrustDocuments>>,
    /// The ledgers that are watched.
    pub ledgers: Ledgers,
    /// What is exposed under `/metrics`.
    pub metrics: Arc<Metrics>,
    /// Cancelled when this process is to take no new requests: `/readyz` fails from then on. Cancel
    /// it before the token that [`serve`](crate::serve) waits for, if load balancers are to notice
    /// first.
    pub draining: CancellationToken,
}
