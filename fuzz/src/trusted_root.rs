//! Trusted roots: whatever one says, reading it and verifying with it ends.

use chancery_client::bundle::UnverifiedBundle;
use chancery_client::trust::TrustMaterial;
use chancery_client::verify::{Artifact, Pattern, Policy, Verifier};
use chancery_trust::documents::TrustedRoot;

const BUNDLE: &[u8] =
    include_bytes!("../../crates/chancery-client/tests/vectors/artifact.txt.sigstore.json");
const ARTIFACT: &[u8] = include_bytes!("../../crates/chancery-client/tests/vectors/artifact.txt");

/// Reads an input as a trusted root, and verifies the vectors' bundle with it.
pub fn run(input: &[u8]) {
    let Ok(root) = TrustedRoot::parse(input) else {
        return;
    };
    let bundle = UnverifiedBundle::parse(BUNDLE).expect("the vectors have a bundle");
    let artifact = Artifact::read(ARTIFACT, &bundle).expect("bytes can be read");
    let any = || Pattern::matching(".*").expect("it is an expression");
    let verifier = Verifier::new(TrustMaterial::of(&root));
    let _ = verifier.verify(&bundle, &artifact, &Policy::new(any(), any()));
}
