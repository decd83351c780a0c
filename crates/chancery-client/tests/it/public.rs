//! Bundles of the public Sigstore that came with packages, verified offline as they are, and refused
//! with one byte changed in any part.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_client::bundle::UnverifiedBundle;
use chancery_client::trust::TrustMaterial;
use chancery_client::verify::{
    Artifact, Check, Pattern, Policy, TimeSource, Verified, Verifier, VerifyError,
};
use chancery_trust::documents::TrustedRoot;
use serde_json::Value;

const ROOT: &[u8] = include_bytes!("../public/trusted_root.json");
const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// A bundle, and what is known of it from elsewhere.
struct Published {
    name: &'static str,
    bundle: &'static str,
    digest: &'static str,
    identity: &'static str,
    issuer: &'static str,
    entry: &'static str,
    /// Places in the bundle that a signature or hash covers.
    parts: &'static [&'static str],
}

const EVERY: [&str; 6] = [
    "/verificationMaterial/tlogEntries/0/logId/keyId",
    "/verificationMaterial/tlogEntries/0/inclusionPromise/signedEntryTimestamp",
    "/verificationMaterial/tlogEntries/0/inclusionProof/rootHash",
    "/verificationMaterial/tlogEntries/0/inclusionProof/hashes/0",
    "/verificationMaterial/tlogEntries/0/inclusionProof/hashes/7",
    "/verificationMaterial/tlogEntries/0/canonicalizedBody",
];
const ENVELOPE: &[&str] = &[
    "/verificationMaterial/certificate/rawBytes",
    "/dsseEnvelope/payload",
    "/dsseEnvelope/signatures/0/sig",
];

const ALL: [Published; 3] = [
    Published {
        name: "hashedrekord",
        bundle: include_str!("../public/a.txt.sigstore.json"),
        digest: "",
        identity: "a@tny.town",
        issuer: "https://github.com/login/oauth",
        entry: "hashedrekord 0.0.1",
        parts: &[
            "/verificationMaterial/x509CertificateChain/certificates/0/rawBytes",
            "/messageSignature/messageDigest/digest",
            "/messageSignature/signature",
        ],
    },
    Published {
        name: "npm",
        bundle: include_str!("../public/npm-sigstore-2.1.0.sigstore.json"),
        digest: "sha512:90f223f992e4c88dd068cd2a5fc57f9d2b30798343dd6e38f29c240e04ba090ef831f84490847c\
                 4e82b9232c78e8a258463b1e55c0f7469f730265008fa6633f",
        identity: "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main",
        issuer: GITHUB,
        entry: "intoto 0.0.2",
        parts: ENVELOPE,
    },
    Published {
        name: "wheel",
        bundle: include_str!("../public/reusable-workflow.sigstore.json"),
        digest: "sha256:49a3aa6075e0f49f82843e74b5baa614ad2a588e6675612bf108a0a008c5ac25",
        identity: "https://github.com/github/artifact-attestations-workflows/.github/workflows/\
                   attest.yml@09b495c3f12c7881b3cc17209a327792065c1a1d",
        issuer: GITHUB,
        entry: "dsse 0.0.1",
        parts: ENVELOPE,
    },
];

impl Published {
    fn verify(&self, bundle: &str) -> Result<Verified, VerifyError> {
        let bundle = UnverifiedBundle::parse(bundle.as_bytes()).unwrap();
        let artifact = match self.digest {
            "" => Artifact::read(&include_bytes!("../public/a.txt")[..], &bundle).unwrap(),
            digest => digest.parse().unwrap(),
        };
        let policy = Policy::new(Pattern::exact(self.identity), Pattern::exact(self.issuer));
        verifier().verify(&bundle, &artifact, &policy)
    }

    /// Verifies the bundle with the text at a place replaced.
    fn with(
        &self,
        place: &str,
        change: impl FnOnce(&str) -> String,
    ) -> Result<Verified, VerifyError> {
        let mut bundle: Value = serde_json::from_str(self.bundle).unwrap();
        let text = bundle.pointer_mut(place).unwrap();
        *text = change(text.as_str().unwrap()).into();
        self.verify(&bundle.to_string())
    }
}

fn verifier() -> Verifier {
    Verifier::new(TrustMaterial::of(&TrustedRoot::parse(ROOT).unwrap()))
}

fn flip(text: &str) -> String {
    let mut bytes = STANDARD.decode(text).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    STANDARD.encode(bytes)
}

#[test]
fn bundles_of_packages_verify_with_the_public_trust_root() {
    for published in ALL {
        let name = published.name;
        let verified = published.verify(published.bundle);
        let verified =
            verified.unwrap_or_else(|error| panic!("{name}: {}: {error}", error.check()));
        assert_eq!(verified.issuer(), published.issuer, "{name}");
        assert_eq!(verified.entries().len(), 1, "{name}");
        assert_eq!(verified.entries()[0].kind(), published.entry);
        assert_eq!(
            verified.times()[0].source(),
            TimeSource::LedgerPromise,
            "{name}"
        );
        assert_eq!(verified.statement().is_some(), !published.digest.is_empty());
    }
}

#[test]
fn one_changed_byte_in_any_part_is_refused() {
    for published in ALL {
        for place in EVERY.iter().chain(published.parts) {
            let refused = published.with(place, flip);
            assert!(
                refused.is_err(),
                "{}: {place} does not matter",
                published.name
            );
        }
        let later = |text: &str| (text.parse::<u64>().unwrap() + 1).to_string();
        for place in ["integratedTime", "logIndex", "inclusionProof/treeSize"] {
            let place = format!("/verificationMaterial/tlogEntries/0/{place}");
            let refused = published.with(&place, later);
            assert!(
                refused.is_err(),
                "{}: {place} does not matter",
                published.name
            );
        }
        let place = "/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint/envelope";
        let refused = published.with(place, |text| text.replacen("rekor", "rekar", 1));
        assert_eq!(
            refused.unwrap_err().check(),
            Check::Checkpoint,
            "{}",
            published.name
        );
    }
}

#[test]
fn another_artifact_identity_or_issuer_is_refused_for_what_it_is() {
    let [_, npm, wheel] = ALL;
    let other = Published {
        digest: wheel.digest,
        ..npm
    };
    let refused = other.verify(other.bundle).unwrap_err();
    assert_eq!(refused.check(), Check::Subject, "{refused}");
    let [artifact, npm, wheel] = ALL;
    let other = Published {
        identity: wheel.identity,
        ..npm
    };
    let refused = other.verify(other.bundle).unwrap_err();
    assert_eq!(refused.check(), Check::Identity, "{refused}");
    let other = Published {
        issuer: GITHUB,
        ..artifact
    };
    let refused = other.verify(other.bundle).unwrap_err();
    assert_eq!(refused.check(), Check::Issuer, "{refused}");
}

#[test]
fn a_promise_without_a_proof_is_enough_in_bundles_of_version_0_1_only() {
    for published in ALL {
        let mut bundle: Value = serde_json::from_str(published.bundle).unwrap();
        let entry = bundle
            .pointer_mut("/verificationMaterial/tlogEntries/0")
            .unwrap();
        entry.as_object_mut().unwrap().remove("inclusionProof");
        let refused = published.verify(&bundle.to_string()).unwrap_err();
        assert_eq!(refused.check(), Check::InclusionProof, "{}", published.name);
    }
    let old = ALL[0].bundle.replace("version=0.2", "version=0.1");
    let mut bundle: Value = serde_json::from_str(&old).unwrap();
    ALL[0].verify(&bundle.to_string()).unwrap();
    let entry = bundle
        .pointer_mut("/verificationMaterial/tlogEntries/0")
        .unwrap();
    entry.as_object_mut().unwrap().remove("inclusionProof");
    ALL[0].verify(&bundle.to_string()).unwrap();
}
