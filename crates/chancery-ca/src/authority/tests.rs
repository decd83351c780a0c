//! Acts whose callers do not wait for them.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_certs::ProfileConfig;
use chancery_identity::{HttpPolicy, IdentityConfig, IssuersOptions};
use chancery_keys::{KeyType, LocalKey};
use chancery_log::clock::{SystemClock, unix_ms};
use chancery_log::guard::FileGuard;
use chancery_log::memory::MemoryStore;
use chancery_log::{LogKeys, LogParts, PoolLimits};
use chancery_tlog::Origin;
use tokio::net::TcpListener;

use super::*;
use crate::ceremony::Ceremony;
use crate::error::Class;
use crate::memory::MemoryUsedTokens;
use crate::possession::PossessionRequest;

fn key(key_type: KeyType) -> LocalKey {
    LocalKey::generate(key_type).unwrap()
}

async fn authority(issuer: &str, folder: &tempfile::TempDir) -> Arc<Authority> {
    let (root, issuing) = (key(KeyType::P384), key(KeyType::P256));
    let now = SystemTime::now();
    let ceremony = Ceremony {
        organization: "test",
        common_name: "test root",
        now,
    };
    let chain = ceremony.perform(&root, &issuing).unwrap();
    let log = LogParts {
        name: "main".to_owned(),
        origin: Origin::parse("localhost/ct/main").unwrap(),
        store: Arc::new(MemoryStore::default()),
        guard: Arc::new(FileGuard::create(&folder.path().join("guard")).unwrap()),
        keys: LogKeys::Issuance {
            signer: Arc::new(key(KeyType::P256)),
            witness_signer: Arc::new(key(KeyType::Ed25519)),
        },
        witnesses: None,
        clock: Arc::new(SystemClock),
        begins_ms: 0,
        limits: PoolLimits::default(),
    };
    let text = format!(
        "oidc-issuers: {{'{issuer}': {{issuer-url: '{issuer}', client-id: sigstore, type: email}}}}"
    );
    let config = IdentityConfig::parse(text.as_bytes(), "test").unwrap();
    let options = IssuersOptions {
        allow_http: HttpPolicy::Allow,
        ..IssuersOptions::default()
    };
    Authority::new(AuthorityParts {
        issuers: Issuers::new(config, options).unwrap(),
        external_log: None,
        profile: Profile::new(ProfileConfig::default()).unwrap(),
        issuer: IssuingCa::new(chain, Arc::new(issuing), now).unwrap(),
        logs: IssuanceLogs::new(vec![Arc::new(Log::open(log).await.unwrap())]),
        clock: Arc::new(SystemClock),
        key_policy: KeyPolicy::default(),
        used_tokens: Arc::new(MemoryUsedTokens::default()),
    })
}

fn request(issuer: &str) -> IssueRequest {
    let encode = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let expires = unix_ms(SystemTime::now() + Duration::from_secs(600)) / 1_000;
    let claims = format!(
        r#"{{"iss":"{issuer}","aud":"sigstore","sub":"x","email":"a@b.test","exp":{expires}}}"#
    );
    let header = encode(r#"{"alg":"ES256","kid":"1"}"#);
    IssueRequest {
        token: format!("{header}.{}.{}", encode(&claims), encode("signature")),
        possession: PossessionRequest::Missing,
    }
}

#[tokio::test]
async fn callers_who_hang_up_leave_no_more_acts_than_there_may_be() {
    // It takes connections, and never answers.
    let issuer = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer_url = format!("http://{}", issuer.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(&issuer_url, &folder).await;
    for _ in 0..MOST_ACTS {
        let hangs_up = authority.issue(request(&issuer_url));
        let moment = Duration::from_micros(1);
        assert!(tokio::time::timeout(moment, hangs_up).await.is_err());
    }
    assert_eq!(authority.acts.len(), MOST_ACTS);
    let refused = authority.issue(request(&issuer_url)).await.unwrap_err();
    assert!(matches!(refused.class(), Class::Unavailable { .. }));
    assert_eq!(refused.code(), "overloaded");
    assert_eq!(authority.acts.len(), MOST_ACTS);
}
