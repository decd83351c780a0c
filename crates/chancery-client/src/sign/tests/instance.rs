//! An instance as a session meets it: an authority with a log of certificates, and a timestamp
//! authority, all by one clock that a test sets.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_ca::ceremony::Ceremony;
use chancery_certs::{
    CertificateChain, FulcioExtensions, Profile, ProfileConfig, SerialNumber,
    SubjectAlternativeName,
};
use chancery_keys::{KeyType, LocalKey, Signer as _};
use chancery_log::clock::{Clock as _, FixedClock, unix_ms};
use chancery_tlog::ct::{
    DigitallySigned, Entry, LeafIndex, LogId, PrecertEntry, SignedCertificateTimestamp, sct_list,
};
use chancery_trust::documents::{
    Authority, CtLog, Instance as Described, TimestampAuthority as Stamping, TrustedRoot, Window,
};
use chancery_tsa::{
    SIGSTORE_POLICY, TimestampAuthority, TimestampAuthorityParts, TimestampRequest, TsaCeremony,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::super::{SigningServices, SigningSession};
use crate::token::IdentityToken;

/// How long certificates are valid.
pub(super) const LIFETIME: Duration = Duration::from_mins(1);

/// What is asked of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Asked {
    Certificate,
    Timestamp,
    /// Which it has none of.
    Entry,
}

pub(super) struct Instance {
    pub(super) url: String,
    pub(super) clock: Arc<FixedClock>,
    /// What was asked, in this order.
    asked: Mutex<Vec<Asked>>,
    /// What happens to the time of each timestamp; the clock's, where nothing is said.
    stamping: Mutex<VecDeque<Time>>,
    issuing: LocalKey,
    chain: CertificateChain,
    log: LocalKey,
    tsa: TimestampAuthority,
    tsa_clock: Arc<FixedClock>,
}

/// The time of a timestamp.
#[derive(Clone, Copy, Debug)]
pub(super) enum Time {
    /// The authority takes so long for it.
    After(Duration),
    /// The authority's clock is behind.
    Behind(Duration),
}

fn key() -> LocalKey {
    LocalKey::generate(KeyType::P256).unwrap()
}

impl Instance {
    /// 2026-11-01, when it begins.
    pub(super) fn beginning() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_793_491_200)
    }

    pub(super) async fn serve() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let begun = Self::beginning() - Duration::from_hours(1);
        let (issuing, tsa_key) = (key(), key());
        let ceremony = Ceremony {
            organization: "test",
            common_name: "CA",
            now: begun,
        };
        let tsa_ceremony = TsaCeremony {
            organization: "test",
            common_name: "TSA",
            now: begun,
        };
        let tsa_clock = Arc::new(FixedClock::at(Self::beginning()));
        let parts = TimestampAuthorityParts {
            chain: tsa_ceremony.perform(&key(), None, &tsa_key).unwrap(),
            signer: Arc::new(tsa_key),
            clock: Arc::clone(&tsa_clock) as _,
            check: None,
            floor: UNIX_EPOCH,
            policy: SIGSTORE_POLICY,
        };
        let instance = Arc::new(Self {
            url,
            clock: Arc::new(FixedClock::at(Self::beginning())),
            asked: Mutex::default(),
            stamping: Mutex::default(),
            chain: ceremony.perform(&key(), &issuing).unwrap(),
            issuing,
            log: key(),
            tsa: TimestampAuthority::new(parts).unwrap(),
            tsa_clock,
        });
        tokio::spawn(accept(listener, Arc::clone(&instance)));
        instance
    }

    /// Begins a session with a token that ends after so long.
    pub(super) fn session(&self, services: SigningServices, token: Duration) -> SigningSession {
        self.session_that_trusts(self.trusted_root(), services, token)
    }

    pub(super) fn session_that_trusts(
        &self,
        trusted: TrustedRoot,
        services: SigningServices,
        token: Duration,
    ) -> SigningSession {
        let ends = unix_ms(Self::beginning() + token) / 1000;
        let claims = format!(r#"{{"iss":"i","sub":"s","aud":"sigstore","exp":{ends}}}"#);
        let token = format!("e30.{}.c2VjcmV0", URL_SAFE_NO_PAD.encode(claims));
        let token = IdentityToken::parse(&token).unwrap();
        let session = SigningSession::begin(services, trusted, token, "sigstore");
        let mut session = session.unwrap();
        session.clock = Arc::clone(&self.clock) as _;
        session
    }

    /// Its services: it has a ledger in name only.
    pub(super) fn services(&self) -> SigningServices {
        SigningServices {
            authority: self.url.clone(),
            ledgers: Vec::new(),
            timestamps: vec![format!("{}/timestamp", self.url)],
            login: None,
        }
    }

    pub(super) fn trusted_root(&self) -> TrustedRoot {
        let url = self.url.parse::<url::Url>().unwrap();
        let described = Described {
            organization: "test".to_owned(),
            operator: "test".to_owned(),
            authorities: vec![Authority {
                url: url.clone(),
                chain: self.chain.ders().to_vec(),
                window: Window::default(),
            }],
            logs: vec![CtLog {
                url: url.clone(),
                key: self.log.public_key().clone(),
                window: Window::default(),
            }],
            ledgers: Vec::new(),
            timestamp_authorities: vec![Stamping {
                url,
                chain: self.tsa.chain().ders().to_vec(),
                window: Window::default(),
            }],
            stamps: true,
            login: Vec::new(),
        };
        described.trusted_root().unwrap()
    }

    pub(super) fn pass(&self, time: Duration) {
        self.clock.set(self.clock.now() + time);
    }

    pub(super) fn stamp(&self, times: impl IntoIterator<Item = Time>) {
        lock(&self.stamping).extend(times);
    }

    /// Returns how often it was asked for this.
    pub(super) fn asked(&self, what: Asked) -> usize {
        let asked = lock(&self.asked);
        asked.iter().filter(|asked| **asked == what).count()
    }

    async fn answer(&self, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let what = match path {
            "/api/v2/signingCert" => Asked::Certificate,
            "/timestamp" => Asked::Timestamp,
            _ => Asked::Entry,
        };
        lock(&self.asked).push(what);
        match what {
            Asked::Certificate => (201, self.issue(body).await.to_string().into_bytes()),
            Asked::Timestamp => (201, self.stamp_now(body).await),
            Asked::Entry => (400, Vec::new()),
        }
    }

    async fn issue(&self, request: &[u8]) -> Value {
        let request: Value = serde_json::from_slice(request).unwrap();
        let key = request["publicKeyRequest"]["publicKey"]["content"].as_str();
        let key = pem::parse(key.unwrap()).unwrap().into_contents();
        let (now, number) = (self.clock.now(), self.asked(Asked::Certificate));
        let profile = Profile::new(ProfileConfig::of_lifetime(LIFETIME)).unwrap();
        let tbs = profile.certify(
            self.chain.issuing(),
            &SubjectAlternativeName::uri("https://issuer.test/s").unwrap(),
            &FulcioExtensions::of_issuer("https://issuer.test"),
            &key,
            SerialNumber::from_random([u8::try_from(number).unwrap(); 20]),
            now,
        );
        let tbs = tbs.unwrap();
        let signature = self.issuing.sign(tbs.signed_part()).await.unwrap();
        let precertificate = tbs.assemble(&signature);
        let entry = Entry::Precert(
            PrecertEntry::new(
                precertificate.issuer_key_hash(),
                precertificate.tbs_for_log().to_vec(),
                precertificate.der().to_vec(),
                Vec::new(),
            )
            .unwrap(),
        );
        let index = LeafIndex::new(number as u64).unwrap();
        let input = entry.sct_input(unix_ms(now), &index.to_extensions());
        let signature = self.log.sign(&input).await.unwrap();
        let sct = SignedCertificateTimestamp::new(
            LogId::of_spki(self.log.public_key().spki_der()),
            unix_ms(now),
            index,
            DigitallySigned::sha256_ecdsa(signature).unwrap(),
        );
        let tbs = precertificate.embed(&sct_list(&[&sct]).unwrap()).unwrap();
        let signature = self.issuing.sign(tbs.signed_part()).await.unwrap();
        let certificate = tbs.assemble(&signature).unwrap();
        json!({"signedCertificateEmbeddedSct": {"chain": {"certificates": [certificate.pem()]}}})
    }

    async fn stamp_now(&self, request: &[u8]) -> Vec<u8> {
        let time = lock(&self.stamping).pop_front();
        let behind = match time {
            Some(Time::After(time)) => {
                self.pass(time);
                Duration::ZERO
            }
            Some(Time::Behind(by)) => by,
            None => Duration::ZERO,
        };
        self.tsa_clock.set(self.clock.now() - behind);
        let request = TimestampRequest::parse_der(request).unwrap();
        self.tsa.stamp(&request).await.unwrap().into_response()
    }
}

fn lock<T>(what: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, instance: Arc<Instance>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, Arc::clone(&instance)));
    }
}

async fn answer(mut stream: TcpStream, instance: Arc<Instance>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.split("content-length: ").nth(1).unwrap();
    let length = length.split("\r\n").next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let path = head.split(' ').nth(1).unwrap();
    let (status, body) = instance.answer(path, &body).await;
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    // Who was told by another service that it is over hangs up.
    let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
}
