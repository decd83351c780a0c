//! Identity configurations: one that can be read makes issuers or an error with the file's name, the
//! same each time, and takes its own place.

use chancery_identity::{
    HttpPolicy, IdentityConfig, Issuers, IssuersOptions, OwnerRule, Reach, Verdict,
};
use serde_json::json;

use crate::genuine::{NOW, base64url, block_on, now};

const SOURCE: &str = "fuzzed.yaml";

/// Reads a configuration. An input is the file.
pub fn run(input: &[u8]) {
    // Whatever files there are on this machine, and however long it takes to read them, is not meant.
    if input.windows(5).any(|part| part == b"-file") {
        return;
    }
    let read = || IdentityConfig::parse(input, SOURCE);
    let config = match read() {
        Ok(config) => config,
        Err(error) => return named(&error.to_string()),
    };
    assert_eq!(
        format!("{config:?}"),
        format!("{:?}", read().expect("as before"))
    );
    let options = IssuersOptions {
        allow_http: HttpPolicy::Allow,
        owner_rule: OwnerRule::Warn,
        ..IssuersOptions::default()
    };
    let strict = Issuers::new(config.clone(), IssuersOptions::default());
    match Issuers::new(config.clone(), options) {
        Ok(issuers) => trusted(&issuers, config),
        Err(error) => {
            named(&error.to_string());
            assert!(strict.is_err(), "the strict options took it");
        }
    }
}

fn named(error: &str) {
    assert!(error.contains(SOURCE), "{error}");
    assert!(error.len() < 16 << 10, "an error of {} octets", error.len());
}

fn trusted(issuers: &Issuers, config: IdentityConfig) {
    let configured = issuers.configured();
    assert!(!configured.is_empty());
    for one in &*configured {
        assert!(!one.audience.is_empty() && one.audiences.contains(&one.audience));
        let chancery_identity::IssuerAddress::Url(address) = &one.address else {
            continue;
        };
        let claims = json!({
            "iss": address, "aud": one.audience, "exp": NOW + 600, "iat": NOW, "jti": "1",
            "sub": "alice", "email": "alice@example.test", "email_verified": true,
        });
        let payload = base64url(claims.to_string().as_bytes());
        let token = format!(
            "{}.{payload}.{}",
            base64url(br#"{"alg":"RS256"}"#),
            base64url(&[0; 256])
        );
        let told = block_on(issuers.explain(&token, now(), Reach::Offline));
        assert_ne!(told.verdict, Verdict::Accepted);
        assert_eq!(told.steps.len(), 8);
    }
    issuers.replace(config).expect("it is in force already");
    assert_eq!(issuers.configured(), configured);
}
