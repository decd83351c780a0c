//! The act of issuing.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use chancery_certs::{
    CertificateChain, CertifyError, LintedTbs, Precertificate, Profile, SerialNumber,
    SigningCertificate, Term,
};
use chancery_identity::Principal;
use chancery_log::clock::from_unix_ms;
use chancery_log::{Delivery, IndexTerm, Log, Sequenced};
use chancery_tlog::TreeHead;

use crate::authority::{Authority, AuthorityParts};
use crate::entry_terms::index_terms;
use crate::error::IssueError;
use crate::external_log::Receipt;
use crate::issuer::IssuingCa;
use crate::possession::{PossessionRequest, ProvenKey};
use crate::used_tokens;

/// What a caller sends: who they are, and that they hold a key.
pub struct IssueRequest {
    /// The OpenID Connect identity token, a JWT in compact form.
    pub token: String,
    /// The key and the proof that the caller holds it.
    pub possession: PossessionRequest,
}

/// What a caller gets.
#[derive(Debug)]
pub struct Issued {
    /// The final certificate, with its SCT.
    pub certificate: SigningCertificate,
    /// The chain it leads to: the issuing certificate first, the root last.
    pub chain: Arc<CertificateChain>,
    /// The entry's place in the log.
    pub leaf_index: u64,
    /// A published tree head that covers the entry.
    pub tree: TreeHead,
}

impl Authority {
    /// Does what [`Authority::issue`] promises, in the caller's task.
    pub(crate) async fn act(&self, request: IssueRequest) -> Result<Issued, IssueError> {
        let AuthorityParts {
            issuers,
            profile,
            issuer,
            logs,
            clock,
            used_tokens,
            ..
        } = &self.parts;
        let key_policy = self.key_policy.load_full();
        let mut watch = Stopwatch::start();

        let now = clock.now();
        let principal = issuers.authenticate(&request.token, now).await?;
        let key = request.possession.verify(&principal, &key_policy).await?;
        let authenticated = watch.lap();

        let tbs = draw_up(profile, issuer, &principal, &key, now)?;
        let log = logs.open_at(now)?;
        used_tokens::claim(&**used_tokens, &principal).await?;
        let precertificate = issuer.sign_precertificate(tbs).await?;
        let precertified = watch.lap();

        let entry = issuer.entry(&precertificate)?;
        let terms = terms_of(&principal, &precertificate);
        let (log, sequenced) = logs.append(log, &entry, &terms).await?;
        let logged = watch.lap();

        check_time(&precertificate, &sequenced)?;
        let receipt = self.receipt(&log, &precertificate, &sequenced).await?;
        let certificate = issuer.sign_final(precertificate, &receipt).await?;
        log.deliver(delivery(&sequenced, &certificate));
        let finished = watch.lap();

        tracing::info!(
            principal.identity = %principal.san(),
            principal.issuer = principal.issuer(),
            certificate.serial = %certificate.serial(),
            log.name = log.name(),
            log.leaf_index = sequenced.leaf_index().get(),
            authenticate_us = authenticated,
            precertificate_us = precertified,
            log_us = logged,
            final_us = finished,
            "certificate issued"
        );
        Ok(Issued {
            certificate,
            chain: Arc::clone(issuer.chain()),
            leaf_index: sequenced.leaf_index().get(),
            tree: *sequenced.tree(),
        })
    }
}

impl Authority {
    /// Gets the receipt that the certificate embeds, for what our own log has committed: our own
    /// SCT, or that of an external log.
    async fn receipt(
        &self,
        log: &Log,
        precertificate: &Precertificate,
        sequenced: &Sequenced,
    ) -> Result<Receipt, IssueError> {
        let AuthorityParts { issuer, clock, .. } = &self.parts;
        let sct = log.sign_sct(sequenced).await?;
        let Some(external) = &self.parts.external_log else {
            return Ok(Receipt::own(sct));
        };
        let entry = issuer.entry(precertificate)?;
        let (chain, validity) = (issuer.chain().ders(), precertificate.validity());
        let receipt = external.receipt(sct, entry, chain, validity, clock.now());
        Ok(receipt.await?)
    }
}

/// Draws up the certificate, as the issuer's configuration and the profile have it.
fn draw_up(
    profile: &Profile,
    issuer: &IssuingCa,
    principal: &Principal,
    key: &ProvenKey,
    now: SystemTime,
) -> Result<LintedTbs, CertifyError> {
    profile.certify(
        issuer.certificate(),
        principal.san(),
        principal.extensions(),
        key.spki_der(),
        SerialNumber::from_random(rand::random()),
        Term {
            begin: now,
            lifetime: principal.lifetime(),
        },
    )
}

/// Refuses an SCT outside its certificate's validity, which verifiers would.
fn check_time(precertificate: &Precertificate, logged: &Sequenced) -> Result<(), IssueError> {
    let (not_before, not_after) = precertificate.validity();
    let time = from_unix_ms(logged.timestamp_ms());
    if (not_before..=not_after).contains(&time) {
        Ok(())
    } else {
        Err(IssueError::OutsideValidity)
    }
}

/// Returns what auditors can find the entry by. The issuer is the one that the certificate names:
/// what is not in the entry could not be brought back from it.
fn terms_of(principal: &Principal, precertificate: &Precertificate) -> Vec<IndexTerm> {
    let issuer = &principal.extensions().issuer;
    index_terms(precertificate.serial(), principal.san(), issuer)
}

fn delivery(sequenced: &Sequenced, certificate: &SigningCertificate) -> Delivery {
    Delivery {
        leaf_index: sequenced.leaf_index().get(),
        body: Bytes::copy_from_slice(certificate.der()),
        sha256: certificate.sha256(),
    }
}

/// Measures the stages of one act, in microseconds.
struct Stopwatch(Instant);

impl Stopwatch {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn lap(&mut self) -> u64 {
        let elapsed: Duration = self.0.elapsed();
        self.0 = Instant::now();
        u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
    }
}
