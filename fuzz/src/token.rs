//! Tokens: only what the one genuine key signed is accepted, the explanation agrees with what then
//! happens, and it shows nothing of a signature.

use std::sync::LazyLock;

use chancery_identity::{
    CODES, Explanation, IdentityConfig, Issuers, IssuersOptions, OwnerRule, Reach, Verdict,
};

use crate::genuine::{block_on, jwk, now, token};

static ISSUERS: LazyLock<Issuers> = LazyLock::new(|| {
    let config = include_str!("token/identity.yaml").replace("GENUINE", &jwk().to_string());
    let config = IdentityConfig::parse(config.as_bytes(), "identity.yaml").expect("well-formed");
    let options = IssuersOptions {
        owner_rule: OwnerRule::Warn,
        ..IssuersOptions::default()
    };
    Issuers::new(config, options).expect("all entries are right")
});

/// Reads a token. An input is `signed`, a line feed and the claims; or `header`, a line feed, the
/// header, a line feed and the claims; both then get a good signature. Any other is the token itself.
pub fn run(input: &[u8]) {
    if let Some(payload) = input.strip_prefix(b"signed\n") {
        signed(&token(br#"{"alg":"EdDSA","kid":"genuine"}"#, payload));
    } else if let Some(rest) = input.strip_prefix(b"header\n") {
        let mut parts = rest.splitn(2, |&octet| octet == b'\n');
        let (header, payload) = (parts.next(), parts.next());
        signed(&token(
            header.unwrap_or_default(),
            payload.unwrap_or_default(),
        ));
    } else if let Ok(text) = std::str::from_utf8(input) {
        assert_ne!(judge(text), Verdict::Accepted, "nobody signed it");
    }
}

/// Judges a token with a good signature, and the same with a bad one.
fn signed(token: &str) {
    if judge(token) != Verdict::Accepted {
        return;
    }
    let (rest, signature) = token.rsplit_once('.').expect("it was accepted");
    let turned: String = signature
        .char_indices()
        .map(|(at, letter)| match (at, letter) {
            (40, 'A') => 'B',
            (40, _) => 'A',
            _ => letter,
        })
        .collect();
    assert_ne!(judge(&format!("{rest}.{turned}")), Verdict::Accepted);
}

/// Returns what becomes of a token, if all that is said of it agrees.
fn judge(token: &str) -> Verdict {
    let offline = block_on(ISSUERS.explain(token, now(), Reach::Offline));
    let online = block_on(ISSUERS.explain(token, now(), Reach::Online));
    for told in [&offline, &online] {
        assert_eq!(told.steps.len(), 8);
        silent_on_the_signature(told, token);
    }
    assert_ne!(
        offline.verdict,
        Verdict::Accepted,
        "not without a look at the signature"
    );
    match block_on(ISSUERS.authenticate(token, now())) {
        Ok(principal) => {
            assert_eq!(online.verdict, Verdict::Accepted);
            assert_eq!(offline.verdict, Verdict::Undecided);
            assert!(!principal.name().is_empty() && !principal.san().as_str().is_empty());
            let certificate = online.certificate.as_ref().expect("it was accepted");
            assert_eq!(certificate.name, principal.san().to_string());
            assert_eq!(offline.certificate, online.certificate);
        }
        Err(error) => {
            assert_eq!(online.verdict, Verdict::Refused, "{error}");
            let code = error.code();
            assert!(CODES.iter().any(|(known, _)| *known == code), "{code}");
            let codes: Vec<_> = online.steps.iter().filter_map(|step| step.code).collect();
            assert!(codes.contains(&code), "{code} is not among {codes:?}");
            assert!(error.to_string().len() < 16 << 10);
        }
    }
    online.verdict
}

fn silent_on_the_signature(told: &Explanation, token: &str) {
    let signature = token
        .rsplit_once('.')
        .map_or("", |(_, signature)| signature);
    // A shorter one might stand in a claim by chance.
    if signature.len() >= 32 {
        assert!(
            !format!("{told:?}").contains(signature),
            "it shows the signature"
        );
    }
}
