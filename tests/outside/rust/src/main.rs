//! sigstore-rust as a verifier: `BUNDLE FILE IDENTITY ISSUER`, with `trusted_root.json` beside them.

use std::error::Error;

use sigstore_trust_root::TrustedRoot;
use sigstore_types::Bundle;
use sigstore_verify::{VerificationPolicy, verify};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bundle, file, identity, issuer] = &arguments[..] else {
        return Err("BUNDLE FILE IDENTITY ISSUER".into());
    };
    let root = TrustedRoot::from_file("trusted_root.json")?;
    let bundle = Bundle::from_json(&std::fs::read_to_string(bundle)?)?;
    let artifact = std::fs::read(file)?;
    let policy = VerificationPolicy::default()
        .require_identity(identity.as_str())
        .require_issuer(issuer.as_str());
    let verified = verify(&artifact, &bundle, &policy, &root)?;
    match verified.success {
        true => Ok(()),
        false => Err(format!("{:?}", verified.warnings).into()),
    }
}
