//! The presets of `config/issuers`: each can be used as it is written, and makes of a token such as
//! the provider mints the certificate that it promises.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_identity::{
    Explanation, IdentityConfig, Issuers, IssuersOptions, OwnerRule, Reach, Verdict,
};
use serde_json::{Value, json};

/// When the tokens below are valid: none of the checks here depends on the clock.
const NOW: u64 = 1_800_000_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/issuers")
}

/// Takes a preset as `serve` does: owners of shared issuers must be named.
fn preset(name: &str) -> Issuers {
    let path = folder().join(name);
    let document = std::fs::read(&path).unwrap();
    let config = IdentityConfig::parse(&document, name).unwrap();
    assert!(config.warnings().is_empty(), "{:?}", config.warnings());
    let options = IssuersOptions {
        owner_rule: OwnerRule::Require,
        ..IssuersOptions::default()
    };
    Issuers::new(config, options).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn token(mut claims: Value) -> String {
    let times = [("iat", NOW), ("nbf", NOW), ("exp", NOW + 300)];
    let members = claims.as_object_mut().unwrap();
    members.extend(times.map(|(name, time)| (name.to_owned(), json!(time))));
    members.entry("aud").or_insert_with(|| json!("sigstore"));
    members.entry("jti").or_insert_with(|| json!("a-1"));
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = encode(&json!({"alg": "RS256", "kid": "1"}));
    format!("{header}.{}.AAAA", encode(&claims))
}

async fn explained(name: &str, claims: Value) -> Explanation {
    let now: SystemTime = UNIX_EPOCH + Duration::from_secs(NOW);
    preset(name)
        .explain(&token(claims), now, Reach::Offline)
        .await
}

/// A token such as the provider mints, and the name in the certificate.
#[derive(serde::Deserialize)]
struct Case {
    file: String,
    claims: Value,
    name: String,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../presets.json")).unwrap()
}

#[tokio::test]
async fn each_preset_makes_the_name_that_it_promises() {
    for Case { file, claims, name } in cases() {
        let explained = explained(&file, claims).await;
        assert_eq!(
            explained.verdict,
            Verdict::Undecided,
            "{file}: {explained:#?}"
        );
        assert_eq!(explained.certificate.unwrap().name, name, "{file}");
    }
}

#[test]
fn every_file_of_the_folder_is_a_preset_with_a_case() {
    let files = std::fs::read_dir(folder()).unwrap();
    let files: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    let cases: BTreeSet<String> = cases().into_iter().map(|case| case.file).collect();
    assert_eq!(files, cases);
}

#[tokio::test]
async fn strangers_of_a_shared_issuer_are_refused_by_the_preset() {
    for (file, claim) in [
        ("github.yaml", "repository_owner"),
        ("gitlab.yaml", "namespace_path"),
        ("buildkite.yaml", "organization_slug"),
        ("codefresh.yaml", "account_name"),
        ("google.yaml", "hd"),
    ] {
        let mut case = cases().into_iter().find(|case| case.file == file).unwrap();
        case.claims[claim] = json!("stranger");
        let explained = explained(file, case.claims).await;
        assert_eq!(explained.verdict, Verdict::Refused, "{file}");
        let codes: Vec<_> = explained
            .steps
            .iter()
            .filter_map(|step| step.code)
            .collect();
        assert_eq!(codes, ["rule-not-allowed"], "{file}");
    }
}
