//! A bundle with all that it is verified with, any part of which a test may change afterwards.

use chancery_client::bundle::UnverifiedBundle;
use chancery_client::trust::TrustMaterial;
use chancery_client::verify::{
    Artifact, Check, Pattern, Policy, Thresholds, Verified, Verifier, VerifyError,
};
use chancery_trust::documents::TrustedRoot;
use serde_json::Value;

/// What a verifier is given.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) bundle: Value,
    pub(crate) root: Value,
    pub(crate) artifact: Vec<u8>,
    /// Who is wanted.
    pub(crate) identity: &'static str,
    pub(crate) issuer: &'static str,
    pub(crate) predicate_type: Option<&'static str>,
    pub(crate) thresholds: Thresholds,
}

impl Made {
    pub(crate) fn verify(&self) -> Result<Verified, VerifyError> {
        let bundle = UnverifiedBundle::parse(self.bundle.to_string().as_bytes()).unwrap();
        let root = TrustedRoot::parse(self.root.to_string().as_bytes()).unwrap();
        let artifact = Artifact::read(&self.artifact[..], &bundle).unwrap();
        let mut policy = Policy::new(Pattern::exact(self.identity), Pattern::exact(self.issuer));
        if let Some(wanted) = self.predicate_type {
            policy = policy.with_predicate_type(wanted);
        }
        Verifier::new(TrustMaterial::of(&root))
            .with_thresholds(self.thresholds)
            .verify(&bundle, &artifact, &policy)
    }

    /// Asserts that it verifies.
    #[track_caller]
    pub(crate) fn holds(&self) -> Verified {
        self.verify()
            .unwrap_or_else(|error| panic!("{}: {error}", error.check()))
    }

    /// Asserts which check refuses it, and a part of what it says.
    #[track_caller]
    pub(crate) fn is_refused_by(&self, check: Check, saying: &str) {
        let error = self.verify().map(|_| ()).unwrap_err();
        assert_eq!(error.check(), check, "{error}");
        assert!(error.to_string().contains(saying), "{error}");
    }

    /// Asserts that it is read as no bundle at all, and a part of why.
    #[track_caller]
    pub(crate) fn is_no_bundle(&self, saying: &str) {
        let error = UnverifiedBundle::parse(self.bundle.to_string().as_bytes()).unwrap_err();
        assert!(error.to_string().contains(saying), "{error}");
    }

    pub(crate) fn material(&mut self) -> &mut Value {
        &mut self.bundle["verificationMaterial"]
    }

    pub(crate) fn entry(&mut self) -> &mut Value {
        &mut self.material()["tlogEntries"][0]
    }

    pub(crate) fn proof(&mut self) -> &mut Value {
        &mut self.entry()["inclusionProof"]
    }
}
