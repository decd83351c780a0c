//! External logs that are away, lie, or are right.

use std::io;

use chancery_certs::{
    FulcioExtensions, Precertificate, Profile, ProfileConfig, SerialNumber, SubjectAlternativeName,
    Term, precert_tbs_of_final,
};
use chancery_keys::{KeyType, LocalKey, Signer};
use chancery_log::clock::{SystemClock, unix_ms};
use chancery_log::guard::FileGuard;
use chancery_log::memory::MemoryStore;
use chancery_log::{Log, LogKeys, LogParts, PoolLimits};
use chancery_tlog::Origin;
use chancery_tlog::ct::{DigitallySigned, parse_sct_list};

use super::*;
use crate::ceremony::Ceremony;
use crate::issuer::IssuingCa;

/// What the other log does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Conduct {
    Right,
    Away,
    SignsWithAnotherKey,
    SignsAnotherEntry,
    IsAheadOfTime,
    IsBehindTheCertificate,
}

#[derive(Debug)]
struct OtherLog {
    conduct: Conduct,
    key: LocalKey,
}

#[async_trait]
impl ExternalLog for OtherLog {
    async fn add_pre_chain(
        &self,
        chain: &[&[u8]],
    ) -> Result<SignedCertificateTimestamp, ExternalLogError> {
        let [precertificate, issuer, ..] = chain else {
            panic!("a chain of {}", chain.len());
        };
        let now = unix_ms(SystemTime::now());
        let time = match self.conduct {
            Conduct::Away => {
                let cause = io::Error::other("nobody there");
                return Err(ExternalLogError::Away(Box::new(cause)));
            }
            Conduct::IsAheadOfTime => now + 60_000,
            Conduct::IsBehindTheCertificate => now - 86_400_000,
            _ => now,
        };
        let mut tbs = precert_tbs_of_final(precertificate).unwrap();
        if self.conduct == Conduct::SignsAnotherEntry {
            tbs.push(0);
        }
        let spki = chancery_certs::signed_parts(issuer).unwrap().spki_der;
        let issuer_key = PublicKey::from_spki_der(spki).unwrap().sha256();
        let entry = PrecertEntry::new(issuer_key, tbs, vec![1], vec![]).unwrap();
        // As of a log that knows no leaf index.
        let input = Entry::Precert(entry).sct_input(time, &[]);
        let other = LocalKey::generate(KeyType::P256).unwrap();
        let signer = match self.conduct {
            Conduct::SignsWithAnotherKey => &other,
            _ => &self.key,
        };
        let signature = signer.sign(&input).await.unwrap();
        let signature = DigitallySigned::sha256_ecdsa(signature).unwrap();
        let log_id = LogId::of_spki(self.key.public_key().spki_der());
        Ok(SignedCertificateTimestamp::from_parts(log_id, time, vec![], signature).unwrap())
    }
}

/// Issues with an external log, and returns the final certificate's one SCT.
async fn issue(
    conduct: Conduct,
    when_away: WhenAway,
) -> Result<(SignedCertificateTimestamp, LogId), ExternalLogError> {
    let key = LocalKey::generate(KeyType::P256).unwrap();
    let external = ExternalLogging {
        key: key.public_key().clone(),
        log: Arc::new(OtherLog { conduct, key }),
        when_away,
    };
    let (ca, precertificate) = precertificate().await;
    let folder = tempfile::tempdir().unwrap();
    let log = log(&folder).await;
    let entry = ca.entry(&precertificate).unwrap();
    let sequenced = log.append(Box::new(entry.clone()), vec![]).await.unwrap();
    let sct = log.sign_sct(&sequenced).await.unwrap();
    let (chain, validity) = (ca.chain().ders(), precertificate.validity());
    let receipt = external
        .receipt(sct, entry, chain, validity, SystemTime::now())
        .await?;
    let certificate = ca.sign_final(precertificate, &receipt).await.unwrap();
    let details = chancery_certs::CertificateDetails::from_der(certificate.der()).unwrap();
    let [sct] = &*parse_sct_list(&details.sct_list.unwrap()).unwrap() else {
        panic!("more than one SCT");
    };
    Ok((sct.clone(), *log.log_id()))
}

async fn log(folder: &tempfile::TempDir) -> Log {
    Log::open(LogParts {
        name: "main".to_owned(),
        origin: Origin::parse("localhost/ct/main").unwrap(),
        store: Arc::new(MemoryStore::default()),
        guard: Arc::new(FileGuard::create(&folder.path().join("guard")).unwrap()),
        keys: LogKeys::Issuance {
            signer: Arc::new(LocalKey::generate(KeyType::P256).unwrap()),
            witness_signer: Arc::new(LocalKey::generate(KeyType::Ed25519).unwrap()),
        },
        begins_ms: 0,
        witnesses: None,
        clock: Arc::new(SystemClock),
        limits: PoolLimits::default(),
    })
    .await
    .unwrap()
}

async fn precertificate() -> (IssuingCa, Precertificate) {
    let key = |key_type| LocalKey::generate(key_type).unwrap();
    let (root, issuing) = (key(KeyType::P384), key(KeyType::P256));
    let now = SystemTime::now();
    let ceremony = Ceremony {
        organization: "test",
        common_name: "test root",
        now,
    };
    let chain = ceremony.perform(&root, &issuing).unwrap();
    let ca = IssuingCa::new(chain, Arc::new(issuing), now).unwrap();
    let tbs = Profile::new(ProfileConfig::default()).unwrap().certify(
        ca.certificate(),
        &SubjectAlternativeName::email("ada@example.com").unwrap(),
        &FulcioExtensions::of_issuer("https://login.example.com"),
        key(KeyType::P256).public_key().spki_der(),
        SerialNumber::from_random(rand::random()),
        Term {
            begin: now,
            lifetime: None,
        },
    );
    let precertificate = ca.sign_precertificate(tbs.unwrap()).await.unwrap();
    (ca, precertificate)
}

#[tokio::test]
async fn the_external_logs_sct_stands_in_the_place_of_ours() {
    let (sct, own) = issue(Conduct::Right, WhenAway::Refuse).await.unwrap();
    assert_ne!(*sct.log_id(), own);
    assert!(sct.extensions().is_empty());
}

#[tokio::test]
async fn without_a_good_sct_nothing_is_issued_unless_ours_may_stand_in() {
    for conduct in [
        Conduct::Away,
        Conduct::SignsWithAnotherKey,
        Conduct::SignsAnotherEntry,
        Conduct::IsAheadOfTime,
        Conduct::IsBehindTheCertificate,
    ] {
        let refused = issue(conduct, WhenAway::Refuse).await.unwrap_err();
        let is_away = matches!(refused, ExternalLogError::Away(_));
        assert_eq!(is_away, conduct == Conduct::Away, "{conduct:?}: {refused}");
        let (sct, own) = issue(conduct, WhenAway::OwnSct).await.unwrap();
        assert_eq!(*sct.log_id(), own, "{conduct:?}");
    }
}
