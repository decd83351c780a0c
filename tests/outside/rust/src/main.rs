//! Signs or verifies a file with sigstore-rust: `sign|attest|verify BUNDLE FILE IDENTITY ISSUER`, with
//! the trusted root, the signing configuration, the token and the statement beside them.

use std::error::Error;
use std::fs;

use sigstore_oidc::IdentityToken;
use sigstore_sign::{SigningContext, SigningServices};
use sigstore_trust_root::{SigningConfig, TrustedRoot};
use sigstore_types::Bundle;
use sigstore_verify::{VerificationPolicy, verify};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, bundle, file, identity, issuer] = &arguments[..] else {
        return Err("sign|attest|verify BUNDLE FILE IDENTITY ISSUER".into());
    };
    if what == "verify" {
        return verify_file(bundle, file, identity, issuer);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let made = runtime.block_on(sign(what == "attest", file))?;
    Ok(fs::write(bundle, made.to_json()?)?)
}

async fn sign(attest: bool, file: &str) -> Result<Bundle> {
    let config = SigningConfig::from_file("signing_config.v0.2.json")?;
    let services = SigningServices::from_signing_config(&config)?;
    let token = IdentityToken::from_jwt(fs::read_to_string("token")?.trim())?;
    let signer = SigningContext::new(services).signer(token);
    Ok(match attest {
        true => {
            signer
                .sign_raw_statement(&fs::read("statement.json")?)
                .await?
        }
        false => signer.sign(fs::read(file)?.as_slice()).await?,
    })
}

fn verify_file(bundle: &str, file: &str, identity: &str, issuer: &str) -> Result<()> {
    let root = TrustedRoot::from_file("trusted_root.json")?;
    let bundle = Bundle::from_json(&fs::read_to_string(bundle)?)?;
    let artifact = fs::read(file)?;
    let policy = VerificationPolicy::new(identity, issuer);
    verify(artifact.as_slice(), &bundle, &policy, &root)?;
    Ok(())
}
