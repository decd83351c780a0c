//! The authority and the parts it is made of.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use chancery_certs::{CertificateChain, Profile};
use chancery_identity::{Explanation, Issuers, Reach};
use chancery_log::clock::Clock;
use chancery_log::{AppendError, Log};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::error::IssueError;
use crate::external_log::ExternalLogging;
use crate::issuance_logs::IssuanceLogs;
use crate::issue::{IssueRequest, Issued};
use crate::issuer::IssuingCa;
use crate::key_policy::KeyPolicy;
use crate::used_tokens::UsedTokens;

/// How many acts may be under way. Each outlives the request that began it, should the caller hang
/// up: so the bound on requests is none on acts.
const MOST_ACTS: usize = 1024;

/// What an authority is made of.
pub struct AuthorityParts {
    /// Whose tokens it takes.
    pub issuers: Issuers,
    /// What its certificates say.
    pub profile: Profile,
    /// Its own key and chain.
    pub issuer: IssuingCa,
    /// Where every certificate is entered before it is handed out.
    pub logs: IssuanceLogs,
    /// Somebody else's log whose SCTs the certificates get, if any.
    pub external_log: Option<ExternalLogging>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Which keys it certifies, to begin with.
    pub key_policy: KeyPolicy,
    /// Where the use of tokens is recorded that count once only.
    pub used_tokens: Arc<dyn UsedTokens>,
}

/// A certificate authority that is open for business.
pub struct Authority {
    pub(crate) parts: AuthorityParts,
    pub(crate) key_policy: ArcSwap<KeyPolicy>,
    acts: TaskTracker,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("logs", &self.parts.logs)
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// Opens the authority.
    pub fn new(parts: AuthorityParts) -> Arc<Self> {
        Arc::new(Self {
            key_policy: ArcSwap::from_pointee(parts.key_policy.clone()),
            parts,
            acts: TaskTracker::new(),
        })
    }

    /// Issues a certificate.
    ///
    /// The act runs in a task of its own: a caller that goes away cannot stop it between log and
    /// certificate.
    ///
    /// # Errors
    /// [`IssueError::class`] says whose fault it is.
    pub async fn issue(self: &Arc<Self>, request: IssueRequest) -> Result<Issued, IssueError> {
        if self.acts.is_closed() {
            return Err(IssueError::Append(AppendError::Closing));
        }
        if self.acts.len() >= MOST_ACTS {
            return Err(IssueError::Overloaded);
        }
        let authority = Arc::clone(self);
        let act = async move { authority.act(request).await };
        self.acts
            .spawn(act.in_current_span())
            .await
            .unwrap_or(Err(IssueError::Aborted))
    }

    /// Says as what a token would be certified now, or why not. Nothing is issued.
    pub async fn explain(&self, token: &str) -> Explanation {
        let AuthorityParts { issuers, clock, .. } = &self.parts;
        issuers.explain(token, clock.now(), Reach::Online).await
    }

    /// Finishes every act that has begun, then closes the logs.
    pub async fn close(&self) {
        self.acts.close();
        self.acts.wait().await;
        for log in self.parts.logs.all().iter() {
            log.close().await;
        }
    }

    /// Returns the chain that certificates lead to: the issuing certificate first, the root last.
    pub fn trust_bundle(&self) -> &CertificateChain {
        self.parts.issuer.chain()
    }

    /// Returns the issuers whose tokens are taken.
    pub fn issuers(&self) -> &Issuers {
        &self.parts.issuers
    }

    /// Judges keys by other rules from now on. Requests that have begun may end by the old ones.
    pub fn replace_key_policy(&self, policy: KeyPolicy) {
        self.key_policy.store(Arc::new(policy));
    }

    /// Returns the logs that certificates are entered in.
    pub fn logs(&self) -> &IssuanceLogs {
        &self.parts.logs
    }

    /// Returns the log that takes entries now, if there is one.
    pub fn log(&self) -> Option<Arc<Log>> {
        self.parts.logs.current(self.parts.clock.now())
    }
}

#[cfg(test)]
mod tests;
