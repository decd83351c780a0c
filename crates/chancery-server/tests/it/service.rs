//! A whole service on loopback: authority, log in memory, guard file, development issuer, and both
//! routers behind the real listener.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chancery_ca::ceremony::Ceremony;
use chancery_ca::memory::MemoryUsedTokens;
use chancery_ca::{Authority, AuthorityParts, IssuanceLogs, IssuingCa, KeyPolicy};
use chancery_certs::{Profile, ProfileConfig};
use chancery_identity::{HttpPolicy, IdentityConfig, Issuers, IssuersOptions};
use chancery_keys::{KeyType, LocalKey, Signer as _};
use chancery_log::clock::FixedClock;
use chancery_log::guard::FileGuard;
use chancery_log::memory::MemoryStore;
use chancery_log::{Log, LogKeys, LogParts, PoolLimits};
use chancery_server::dev_oidc::{DEV_IDENTITY_GRANT, DevOidc, DevOidcConfig};
use chancery_server::{
    AdminState, AppState, CorsPolicy, Ledgers, LogRead, Logs, Metrics, RequestLimits, ServeLimits,
    ServedLog, Tls, TrustDocuments, admin_router, public_routers, serve,
};
use chancery_submissions::Submissions;
use chancery_tlog::Origin;
use chancery_trust::documents::{CtLog, Instance, LoginIssuer, Window};
use chancery_tsa::TimestampAuthority;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::{Url, form_urlencoded};

/// Where what was pruned of the logs is.
pub(crate) const PUBLISHED: &str = "https://files.example";

/// A service that runs until it is dropped.
pub(crate) struct Service {
    pub(crate) url: String,
    pub(crate) client: Client,
    /// Where development codes and tokens get their time.
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) store: MemoryStore,
    pub(crate) log: Arc<Log>,
    /// Which logs take entries.
    pub(crate) authority: Arc<Authority>,
    /// Which are served.
    pub(crate) logs: Logs,
    /// Makes `/readyz` fail.
    pub(crate) draining: CancellationToken,
    /// The port that speaks gRPC only.
    pub(crate) grpc_url: String,
    /// The port that speaks TLS, if there is one.
    pub(crate) tls_url: String,
    admin_url: String,
    stop: CancellationToken,
    pub(crate) folder: tempfile::TempDir,
}

/// What differs from one service to another.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) cors: CorsPolicy,
    pub(crate) fulcio_names: bool,
    pub(crate) log_read: LogRead,
    pub(crate) ledgers: Ledgers,
    /// What the issuer's entry says besides the usual, an object.
    pub(crate) entry: Value,
    pub(crate) limits: RequestLimits,
    pub(crate) serve: ServeLimits,
    pub(crate) submissions: Option<Arc<Submissions>>,
    pub(crate) log_begins_ms: u64,
    /// Stamps hashes.
    pub(crate) timestamps: Option<Arc<TimestampAuthority>>,
    /// A third port serves everything over TLS.
    pub(crate) tls: Option<Tls>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    pub(crate) async fn start_with(setup: Setup) -> Self {
        let public = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let grpc = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen = public.local_addr().unwrap();
        let url = format!("http://localhost:{}", listen.port());
        let (folder, store) = (tempfile::tempdir().unwrap(), MemoryStore::default());
        let clock = Arc::new(FixedClock::at(SystemTime::now()));
        let issuers = issuers(&format!("{url}/dev-oidc"), &setup.entry);
        let authority = authority(issuers, &folder, store.clone(), setup.log_begins_ms).await;
        let log = first(&authority);
        let base = Url::parse(&url).unwrap();
        let dev_oidc = dev_oidc(&base, listen, Arc::clone(&clock));
        let metrics = Arc::new(if setup.fulcio_names {
            Metrics::with_fulcio_names("0.0.0-test")
        } else {
            Metrics::new("0.0.0-test")
        });
        let (stop, draining) = (CancellationToken::new(), CancellationToken::new());
        let logs = Logs::new(vec![served(&authority, setup.log_read)]).published_at(PUBLISHED);
        let app = AppState {
            submissions: setup.submissions,
            timestamps: setup.timestamps.clone(),
            ledgers: setup.ledgers.clone(),
            documents: Arc::new(ArcSwap::from_pointee(documents(&base, &authority))),
            url: url.as_str().into(),
            logs: logs.clone(),
            cors: setup.cors,
            limits: setup.limits,
            metrics: Arc::clone(&metrics),
            dev_oidc: Some(dev_oidc),
            unlisted_issuer: None,
            authority: Arc::clone(&authority),
        };
        let grpc_url = format!("http://{}", grpc.local_addr().unwrap());
        let admin_url = format!("http://{}", admin.local_addr().unwrap());
        let watched = AdminState {
            authority: Arc::clone(&authority),
            timestamps: setup.timestamps,
            documents: Arc::clone(&app.documents),
            ledgers: setup.ledgers,
            metrics,
            draining: draining.clone(),
        };
        let secure = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tls_url = format!("https://localhost:{}", secure.local_addr().unwrap().port());
        let routers = public_routers(app);
        let run = |listener, router, tls| {
            tokio::spawn(serve(
                listener,
                router,
                setup.serve.clone(),
                tls,
                stop.clone(),
            ));
        };
        if let Some(tls) = setup.tls {
            run(secure, routers.all.clone(), Some(tls));
        }
        run(grpc, routers.grpc, None);
        run(public, routers.all, None);
        run(admin, admin_router(watched), None);
        let client = Client::builder().redirect(reqwest::redirect::Policy::none());
        let client = client.build().unwrap();
        Self {
            url,
            client,
            clock,
            store,
            log,
            authority,
            logs,
            draining,
            grpc_url,
            tls_url,
            admin_url,
            stop,
            folder,
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub(crate) async fn get_admin(&self, path: &str) -> Answer {
        Answer::of(self.client.get(format!("{}{path}", self.admin_url))).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        Answer::of(self.request(Method::POST, path).body(body)).await
    }

    pub(crate) async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post(path, encoded(fields)).await
    }

    /// Returns a token for an e-mail address.
    pub(crate) async fn token(&self, email: &str) -> String {
        let fields = [("grant_type", DEV_IDENTITY_GRANT), ("email", email)];
        let answer = self.post_form("/dev-oidc/token", &fields).await;
        answer.json()["id_token"].as_str().unwrap().to_owned()
    }

    /// Returns the body of a request for a certificate, for a new key.
    pub(crate) async fn certificate_request(&self, email: &str) -> Value {
        let key = LocalKey::generate(KeyType::P256).unwrap();
        let proof = key.sign(email.as_bytes()).await.unwrap();
        let spki = STANDARD.encode(key.public_key().spki_der());
        json!({
            "credentials": { "oidcIdentityToken": self.token(email).await },
            "publicKeyRequest": {
                "publicKey": {
                    "algorithm": "whatever",
                    "content": format!(
                        "-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----"
                    ),
                },
                "proofOfPossession": STANDARD.encode(proof),
            },
        })
    }

    /// Asks for a certificate and gets it.
    pub(crate) async fn issue(&self, email: &str) -> Answer {
        let request = self.certificate_request(email).await;
        let answer = self.post("/api/v2/signingCert", request.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer
    }
}

/// An answer that was read whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    headers: reqwest::header::HeaderMap,
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self {
            status,
            headers,
            body: response.bytes().await.unwrap().to_vec(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Asserts an error in the form that Fulcio's clients read, and returns its message.
    pub(crate) fn error(&self, status: u16, code: u8) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        let body = self.json();
        let message = body["message"].as_str().unwrap().to_owned();
        assert_eq!(
            body,
            json!({ "code": code, "message": message, "details": [] })
        );
        message
    }
}

pub(crate) fn encoded(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// Returns the log, also if it has not begun.
fn first(authority: &Authority) -> Arc<Log> {
    Arc::clone(&authority.logs().all()[0])
}

fn served(authority: &Authority, read: LogRead) -> ServedLog {
    serving(authority, first(authority), read)
}

/// Serves a log that began long ago.
pub(crate) fn serving(authority: &Authority, log: Arc<Log>, read: LogRead) -> ServedLog {
    let root = authority.trust_bundle().ders().last().cloned();
    ServedLog {
        log,
        read,
        begins: SystemTime::UNIX_EPOCH,
        ends: None,
        frozen: false,
        roots: root.map(Bytes::from).into_iter().collect(),
    }
}

async fn authority(
    issuers: Issuers,
    folder: &tempfile::TempDir,
    store: MemoryStore,
    begins_ms: u64,
) -> Arc<Authority> {
    let now = SystemTime::now();
    let (root, issuing) = (key(KeyType::P384), key(KeyType::P256));
    let ceremony = Ceremony {
        organization: "test",
        common_name: "test root",
        now,
    };
    let chain = ceremony.perform(&root, &issuing).unwrap();
    let clock: Arc<dyn chancery_log::clock::Clock> = Arc::new(chancery_log::clock::SystemClock);
    let log = open_log(folder.path(), "main", store, begins_ms).await;
    Authority::new(AuthorityParts {
        issuers,
        external_log: None,
        profile: Profile::new(ProfileConfig::default()).unwrap(),
        issuer: IssuingCa::new(chain, Arc::new(issuing), now).unwrap(),
        logs: IssuanceLogs::new(vec![log]),
        clock,
        key_policy: KeyPolicy::default(),
        used_tokens: Arc::new(MemoryUsedTokens::default()),
    })
}

/// Opens a log with keys of its own.
pub(crate) async fn open_log(
    folder: &Path,
    name: &str,
    store: MemoryStore,
    begins_ms: u64,
) -> Arc<Log> {
    let log = LogParts {
        name: name.to_owned(),
        origin: Origin::parse(&format!("localhost/ct/{name}")).unwrap(),
        store: Arc::new(store),
        guard: Arc::new(FileGuard::create(&folder.join(format!("{name}.guard"))).unwrap()),
        keys: LogKeys::Issuance {
            signer: Arc::new(key(KeyType::P256)),
            witness_signer: Arc::new(key(KeyType::Ed25519)),
        },
        witnesses: None,
        clock: Arc::new(chancery_log::clock::SystemClock),
        begins_ms,
        limits: PoolLimits::default(),
    };
    Arc::new(Log::open(log).await.unwrap())
}

fn issuers(issuer: &str, more: &Value) -> Issuers {
    let mut entry = json!({ "IssuerURL": issuer, "ClientID": "sigstore", "Type": "email" });
    for (name, value) in more.as_object().into_iter().flatten() {
        entry[name] = value.clone();
    }
    let config = json!({ "OIDCIssuers": { issuer: entry } });
    let config = IdentityConfig::parse(config.to_string().as_bytes(), "test").unwrap();
    let options = IssuersOptions {
        allow_http: HttpPolicy::Allow,
        ..IssuersOptions::default()
    };
    Issuers::new(config, options).unwrap()
}

fn documents(url: &Url, authority: &Authority) -> TrustDocuments {
    let window = Window::between(SystemTime::now(), None);
    let documents = chancery_trust::documents::TrustDocuments::of(&Instance {
        organization: "test".to_owned(),
        operator: "test".to_owned(),
        authorities: vec![chancery_trust::documents::Authority {
            url: url.clone(),
            chain: authority.trust_bundle().ders().to_vec(),
            window,
        }],
        logs: vec![CtLog {
            key: first(authority).public_key().clone(),
            url: url.join("/ct/main").unwrap(),
            window,
        }],
        ledgers: Vec::new(),
        timestamp_authorities: Vec::new(),
        stamps: false,
        login: vec![LoginIssuer::at(url.join("/dev-oidc").unwrap(), window).unwrap()],
    });
    TrustDocuments::unsigned(documents.unwrap())
}

fn key(key_type: KeyType) -> LocalKey {
    LocalKey::generate(key_type).unwrap()
}

/// RSA keys take long to make; one is enough.
fn dev_oidc(url: &Url, listen: SocketAddr, clock: Arc<FixedClock>) -> DevOidc {
    let config = DevOidcConfig {
        url,
        listen,
        key: rsa_key(),
        clock,
    };
    DevOidc::new(config).unwrap()
}

fn rsa_key() -> Arc<dyn chancery_keys::Signer> {
    static KEY: OnceLock<Arc<LocalKey>> = OnceLock::new();
    Arc::clone(KEY.get_or_init(|| Arc::new(key(KeyType::Rsa2048)))) as _
}
