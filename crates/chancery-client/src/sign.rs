//! Signing: one identity, one ephemeral key and certificate, as many artifacts as there are.
//!
//! ```no_run
//! use chancery_client::sign::{ArtifactDigest, SigningServices, SigningSession};
//! use chancery_client::token::IdentityToken;
//! use chancery_client::trust::TrustedRoot;
//!
//! # async fn sign() -> Result<(), Box<dyn std::error::Error>> {
//! let trusted = TrustedRoot::parse(&std::fs::read("trusted_root.json")?)?;
//! let config = std::fs::read("signing_config.v0.2.json")?;
//! let services = SigningServices::choose(&config, std::time::SystemTime::now())?;
//! let token = IdentityToken::parse(&std::fs::read_to_string("token")?)?;
//!
//! let session = SigningSession::begin(services, trusted, token, IdentityToken::AUDIENCE)?;
//! let release = tokio::fs::File::open("release.tar.gz").await?;
//! let signature = session.sign(ArtifactDigest::read(release).await?).await?;
//! std::fs::write("release.tar.gz.sigstore.json", signature.bundle())?;
//! # Ok(())
//! # }
//! ```

mod artifact;
mod content;
mod credential;
mod error;
mod http;
mod ledger;
mod predicate;
mod services;
mod statement;
mod timestamp;

use std::sync::Arc;
use std::time::SystemTime;

use chancery_log::clock::{Clock, SystemClock};
use chancery_trust::documents::TrustedRoot;
use futures_util::future::try_join_all;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::Mutex;

#[doc(inline)]
pub use chancery_certs::SubjectAlternativeName;

pub use artifact::{ArtifactDigest, ArtifactError};
pub use credential::Certificate;
pub use error::{Service, SignError};
pub use ledger::LedgerEntry;
pub use services::{SigningConfigError, SigningServices};
pub use statement::{Statement, StatementError};
pub use timestamp::SignedTime;

use crate::token::IdentityToken;
use crate::trust::TrustMaterial;
use crate::verify::{Thresholds, Verifier};
use content::Content;
use credential::Credential;
use http::Http;
use ledger::Signed;

/// How often a signature is made anew because the ledger has it already without our knowing where, or
/// because it was stamped when the certificate was not valid.
const ATTEMPTS: usize = 3;

/// Signs for one identity.
///
/// The certificate is asked for with the first signature, and serves all that follow while it is
/// valid; then another one is asked for, with another key, as long as the token counts. A token that
/// ended stops the session with [`SignError::TokenExpired`] when the certificate ends, not before.
///
/// The first failure to get a certificate ends the session: all that follow fail with the same, and
/// the token is not sent once more. To try again, begin another session.
#[derive(Debug)]
pub struct SigningSession {
    http: Http,
    services: SigningServices,
    /// Has what is trusted, and verifies what is handed out.
    verifier: Verifier,
    token: IdentityToken,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    credential: Option<Arc<Credential>>,
    /// Why there was none, which all that follow are told without asking anew.
    failure: Option<SignError>,
    /// How many certificates were given out to this session.
    certificates: usize,
}

/// A signature, and the bundle in which it can be verified. All that the services answered was held
/// against the trusted root.
#[derive(Clone, Debug)]
pub struct Signature {
    certificate: Certificate,
    entries: Vec<LedgerEntry>,
    timestamps: Vec<SignedTime>,
    bundle: String,
}

/// How a try to sign ended.
enum Tried {
    Signed(Signature),
    /// Another signature may fare better. If none is tried, this is why.
    Again(SignError),
}

impl SigningSession {
    /// Prepares to sign. Nobody is asked yet: who only wants to know whether a certificate can be had
    /// calls [`SigningSession::certificate`].
    ///
    /// `services` are whom to ask, and `trusted` is whose answers count: a certificate, a timestamp or
    /// an entry that it does not vouch for is never handed out, and nothing is signed under such a
    /// certificate.
    ///
    /// The authority that gets the token could show it to whomever else it is for, so the token has
    /// to be for `audience` alone, usually [`IdentityToken::AUDIENCE`].
    ///
    /// # Errors
    /// [`SignError::Audience`] if the token is for another audience, or for others too;
    /// [`SignError::Machine`] if this machine makes no connections.
    pub fn begin(
        services: SigningServices,
        trusted: TrustedRoot,
        token: IdentityToken,
        audience: &str,
    ) -> Result<Self, SignError> {
        if !token.is_only_for(audience) {
            return Err(SignError::audience(&token, audience));
        }
        let verifier = Verifier::new(TrustMaterial::of(&trusted)).with_thresholds(Thresholds {
            scts: 1,
            entries: services.ledgers.len().min(1),
            times: 1,
        });
        Ok(Self {
            http: Http::new()?,
            verifier,
            services,
            token,
            clock: Arc::new(SystemClock),
            state: Mutex::default(),
        })
    }

    /// Returns the certificate that the next signature is made under, asking for one if need be.
    ///
    /// # Errors
    /// [`SignError`] if the authority gives none.
    pub async fn certificate(&self) -> Result<Certificate, SignError> {
        Ok(self.credential().await?.certificate().clone())
    }

    /// Returns how many certificates this session has asked for and got.
    pub async fn certificates(&self) -> usize {
        self.state.lock().await.certificates
    }

    /// Signs an artifact.
    ///
    /// # Errors
    /// [`SignError`] says who did not do their part. Nothing is handed out that lacks one.
    pub async fn sign(&self, artifact: ArtifactDigest) -> Result<Signature, SignError> {
        self.sign_content(Content::Artifact(artifact)).await
    }

    /// Signs a statement about artifacts.
    ///
    /// # Errors
    /// As [`SigningSession::sign`].
    pub async fn attest(&self, statement: &Statement) -> Result<Signature, SignError> {
        self.sign_content(Content::Statement(statement)).await
    }

    /// Signs many artifacts, at most `at_once` at a time (one, where that is 0), and returns each as soon
    /// as it is signed, with its place among the artifacts, counted from 0. Nothing happens before the
    /// stream is polled. What fails does not stop the others; to stop, drop the stream. Of signatures
    /// under way then, ledgers may have entries.
    ///
    /// All are made under one certificate while it is valid. A session that can have no certificate fails
    /// all that are left, each with the reason, and asks nobody for them.
    ///
    /// ```no_run
    /// use chancery_client::sign::{ArtifactDigest, SignError, SigningSession};
    /// use futures_util::{StreamExt as _, pin_mut};
    ///
    /// # async fn sign(session: SigningSession, digests: Vec<ArtifactDigest>) -> Result<(), SignError> {
    /// let signing = session.sign_all(digests, 16);
    /// pin_mut!(signing);
    /// while let Some((place, signature)) = signing.next().await {
    ///     println!("{place}: {}", signature?.bundle());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn sign_all<'a>(
        &'a self,
        artifacts: impl IntoIterator<Item = ArtifactDigest> + 'a,
        at_once: usize,
    ) -> impl Stream<Item = (usize, Result<Signature, SignError>)> + 'a {
        let signing = artifacts
            .into_iter()
            .enumerate()
            .map(async |(place, artifact)| (place, self.sign(artifact).await));
        stream::iter(signing).buffer_unordered(at_once.max(1))
    }

    async fn sign_content(&self, content: Content<'_>) -> Result<Signature, SignError> {
        let mut tries = 1;
        loop {
            match self.try_to_sign(content).await? {
                Tried::Signed(signature) => return Ok(signature),
                Tried::Again(why) if tries == ATTEMPTS => return Err(why),
                Tried::Again(_) => tries += 1,
            }
        }
    }

    /// Signs, and has the signature stamped and entered at the same time.
    async fn try_to_sign(&self, content: Content<'_>) -> Result<Tried, SignError> {
        let credential = self.credential().await?;
        let certificate = credential.certificate();
        let digest = content.digest();
        let signature = credential.sign(&digest)?;
        let signed = Signed {
            digest,
            signature: &signature,
            certificate: certificate.der(),
        };
        let trust = self.verifier.trust();
        let stamping = self.services.timestamps.iter().map(|authority| {
            timestamp::stamp(&self.http, authority, &signature, certificate, trust)
        });
        let entering = self
            .services
            .ledgers
            .iter()
            .map(|ledger| ledger::enter(&self.http, ledger, &signed, trust));
        let joined = tokio::try_join!(try_join_all(stamping), try_join_all(entering));
        let (timestamps, entered) = match joined {
            Err(SignError::Untimely { url, time }) => {
                self.await_validity(&credential, time).await;
                return Ok(Tried::Again(SignError::Untimely { url, time }));
            }
            joined => joined?,
        };
        let Some(entries) = entered.into_iter().collect::<Option<Vec<_>>>() else {
            // Another one is as good, which ECDSA makes.
            return Ok(Tried::Again(self.entered_already()));
        };
        let bundle = content.bundle(certificate, signature, &entries, &timestamps);
        // Without a time that somebody else says, no bundle can be verified.
        if !timestamps.is_empty() {
            content.verify(&self.verifier, &bundle, certificate)?;
        }
        let bundle = bundle.to_json().ok();
        let bundle = bundle.and_then(|json| String::from_utf8(json).ok());
        Ok(Tried::Signed(Signature {
            certificate: certificate.clone(),
            entries,
            timestamps,
            bundle: bundle.ok_or(SignError::Machine("write a bundle as JSON"))?,
        }))
    }

    fn entered_already(&self) -> SignError {
        SignError::Refused {
            service: Service::Ledger,
            url: self.services.ledgers.concat(),
            status: 409,
            said: "it has this signature already, each time that another is made".to_owned(),
        }
    }

    /// Sees to it that the next signature is stamped while its certificate is valid: waits until this one
    /// is by the clock that stamped, or, if it ended, takes it out of use.
    async fn await_validity(&self, credential: &Arc<Credential>, stamped: SystemTime) {
        let begins = credential.certificate().not_before();
        if let Ok(early) = begins.duration_since(stamped) {
            return tokio::time::sleep(early).await;
        }
        let mut state = self.state.lock().await;
        // Somebody else who signed may have been faster.
        state.credential.take_if(|one| Arc::ptr_eq(one, credential));
    }

    /// Returns the key and certificate to sign with. Whoever needs a new one waits for the one who
    /// asks for it.
    async fn credential(&self) -> Result<Arc<Credential>, SignError> {
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        if let Some(credential) = state.credential.as_ref().filter(|one| one.is_fresh(now)) {
            return Ok(Arc::clone(credential));
        }
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        let authority = &self.services.authority;
        let (trust, clock) = (self.verifier.trust(), &*self.clock);
        let obtained = Credential::obtain(&self.http, authority, &self.token, trust, clock);
        let credential = match obtained.await {
            Ok(credential) => credential,
            Err(failure) => return Err(state.failure.insert(failure).clone()),
        };
        state.certificates += 1;
        Ok(Arc::clone(state.credential.insert(credential)))
    }
}

impl Signature {
    /// Returns the bundle: JSON on one line.
    #[must_use]
    pub fn bundle(&self) -> &str {
        &self.bundle
    }

    /// Returns the certificate that it was made under.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Returns the entries in ledgers: none where the instance has no ledger.
    #[must_use]
    pub fn entries(&self) -> &[LedgerEntry] {
        &self.entries
    }

    /// Returns the timestamps: none where the instance has no timestamp authority.
    #[must_use]
    pub fn timestamps(&self) -> &[SignedTime] {
        &self.timestamps
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("certificates", &self.certificates)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
