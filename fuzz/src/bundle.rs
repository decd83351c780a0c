//! Bundles: what is read is written again and read as the same, and nothing verifies but what the
//! vectors' signer signed.

use std::sync::LazyLock;

use chancery_client::bundle::{LedgerEntry, UnverifiedBundle};
use chancery_client::trust::TrustMaterial;
use chancery_client::verify::{Artifact, Pattern, Policy, Verifier};
use chancery_trust::documents::TrustedRoot;

const ROOT: &[u8] = include_bytes!("../../crates/chancery-client/tests/vectors/trusted_root.json");
const ARTIFACT: &[u8] = include_bytes!("../../crates/chancery-client/tests/vectors/artifact.txt");

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let root = TrustedRoot::parse(ROOT).expect("the vectors have a trusted root");
    Verifier::new(TrustMaterial::of(&root))
});

/// Reads an input as a bundle and as an entry, and verifies it with fixed trust: certificate,
/// timestamps, entries and statement are read whatever they hold.
pub fn run(input: &[u8]) {
    let _ = LedgerEntry::parse(input);
    let Ok(bundle) = UnverifiedBundle::parse(input) else {
        return;
    };
    let written = bundle.to_json().expect("what was read is written");
    let again = UnverifiedBundle::parse(&written).expect("what is written is read");
    assert_eq!(again.to_json().ok().as_ref(), Some(&written));
    let any = || Pattern::matching(".*").expect("it is an expression");
    let policy = Policy::new(any(), any());
    let artifact = Artifact::read(ARTIFACT, &bundle).expect("bytes can be read");
    if let Ok(verified) = VERIFIER.verify(&bundle, &artifact, &policy) {
        assert_eq!(verified.identity().as_str(), "alice@chancery.test");
    }
    let other = Artifact::read(&b"other data"[..], &bundle).expect("bytes can be read");
    assert!(VERIFIER.verify(&bundle, &other, &policy).is_err());
}
