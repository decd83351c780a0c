//! A timestamp authority, and one with the same key whose root has expired.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use chancery_keys::{HashAlgorithm, KeyType, LocalKey, OwnCertificate};
use chancery_log::clock::FixedClock;
use chancery_tsa::{
    Imprint, SIGSTORE_POLICY, TimestampAuthority, TimestampAuthorityParts, TimestampRequest,
    TsaCeremony, TsaChain,
};
use serde_json::Value;

use super::authority::chain;
use super::{at, key};

const ORGANIZATION: &str = "Test";
const DAY: u64 = 24 * 60 * 60;

pub(super) struct StampingAuthority {
    uri: String,
    name: String,
    root: LocalKey,
    leaf: LocalKey,
    chain: TsaChain,
}

impl StampingAuthority {
    pub(super) fn new(number: usize) -> Self {
        let (root, leaf) = (key(KeyType::P256), key(KeyType::P256));
        let name = format!("stamps {number}");
        let ceremony = TsaCeremony {
            organization: ORGANIZATION,
            common_name: &name,
            now: at(-30 * 86_400),
        };
        let chain = ceremony.perform(&root, None, &leaf).unwrap();
        Self {
            uri: format!("https://tsa{number}.test"),
            name,
            root,
            leaf,
            chain,
        }
    }

    /// Returns the member of the trusted root.
    pub(super) fn trusted(&self) -> Value {
        let ders: Vec<_> = self.chain.ders().iter().collect();
        self.named(chain(&ders))
    }

    /// Returns the member with another certificate of the same root, which ended a day before.
    pub(super) fn trusted_and_expired(&self) -> Value {
        let root = OwnCertificate {
            organization: ORGANIZATION,
            common_name: &format!("{} root", self.name),
            now: at(-2 * 86_400),
            lifetime: Duration::from_secs(DAY),
        };
        let root = root.issuer_params(0).self_signed(&self.root).unwrap();
        self.named(chain(&[&self.chain.ders()[0], &root.der().to_vec()]))
    }

    /// Stamps data at so many seconds after the certificates begin.
    pub(super) fn stamp(&self, data: &[u8], seconds: i64) -> Vec<u8> {
        let authority = TimestampAuthority::new(TimestampAuthorityParts {
            chain: self.chain.clone(),
            signer: Arc::new(self.leaf.clone()),
            clock: Arc::new(FixedClock::at(at(seconds))),
            check: None,
            floor: UNIX_EPOCH,
            policy: SIGSTORE_POLICY,
        });
        let request = TimestampRequest::new(Imprint::of(HashAlgorithm::Sha256, data));
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.build().unwrap();
        let stamped = runtime.block_on(authority.unwrap().stamp(&request));
        stamped.unwrap().into_response()
    }

    fn named(&self, mut member: Value) -> Value {
        member["uri"] = self.uri.clone().into();
        member
    }
}
