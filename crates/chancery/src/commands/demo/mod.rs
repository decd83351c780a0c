//! `chancery demo`: the main job from beginning to end, each step said aloud and timed.

mod keep;
mod ledger;
mod login;
mod outsider;
mod stamp;
mod trust;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chancery_keys::{KeyType, LocalKey, Signer};
use chancery_tlog::TreeHead;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use crate::cli::DemoArgs;
use crate::commands::dev::Development;
use crate::failure::Failure;
use crate::layout::Layout;
use crate::reload::{Hangup, Reloader};
use crate::scrubbing::Scrubbing;
use crate::serving::{Listeners, Watch};
use crate::{logging, serving};

const WHO: &str = "ada@example.com";
const ARTIFACT: &[u8] = b"a release";

/// The answer of `POST /api/v2/signingCert`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SigningCertResponse {
    signed_certificate_embedded_sct: EmbeddedSct,
}

#[derive(Deserialize)]
struct EmbeddedSct {
    chain: Chain,
}

#[derive(Deserialize)]
struct Chain {
    certificates: Vec<String>,
}

pub(crate) async fn run(args: DemoArgs) -> Result<(), Failure> {
    logging::start("warn");
    let keep = args.keep.as_deref().map(keep::Folder::make).transpose()?;
    let mut say = Narrator::begin();

    let temporary = tempfile::tempdir().map_err(Failure::from_error)?;
    let listener = serving::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let listen = listener.local_addr().map_err(Failure::from_error)?;
    let development = Development {
        layout: Layout::new(&temporary.path().join("instance")),
        listen,
        identity_config: None,
        database: None,
    };
    let instance = development.open().await?;
    let url = development.url();
    let root = pinned_root(&development.layout)?;
    let stop = serving::stop_on_signal()?;
    let watch = Watch {
        reloader: Reloader::new(Vec::new(), None, Arc::clone(&instance.app.metrics)),
        hangup: Hangup::take()?,
        stop: stop.clone(),
    };
    let listeners = Listeners {
        public: listener,
        grpc: None,
        tls: None,
        admin: None,
    };
    let scrubbing = Scrubbing::new(&instance.app.metrics, Some(0), &stop);
    let rotation = instance.following.of(instance.opened.shards, scrubbing);
    let closing = instance.opened.closing;
    let server = serving::run(closing, instance.app, listeners, watch, rotation);
    let server = tokio::spawn(server);
    say.step(&format!(
        "started a throw-away CA with its own log at {url}"
    ));
    say.fact("TUF root", &format!("SHA-256 {}", hex::encode(root)));

    let shown = show(&url, &root, &mut say, keep.as_ref()).await;
    stop.cancel();
    let stopped = server.await.map_err(Failure::from_error)?;
    shown?;
    stopped?;
    say.end();
    Ok(())
}

/// Returns the SHA-256 of the root that the CA was founded with: what its operator would tell people.
fn pinned_root(layout: &Layout) -> Result<[u8; 32], Failure> {
    let root = std::fs::read(layout.trusted_root()).map_err(Failure::from_error)?;
    Ok(Sha256::digest(root).into())
}

/// Does what a signing client does, then what a careful outsider does.
async fn show(
    url: &str,
    root: &[u8; 32],
    say: &mut Narrator,
    keep: Option<&keep::Folder>,
) -> Result<(), Failure> {
    let http = http_client()?;
    let trust = trust::take(&http, url, root).await?;
    say.step(&format!(
        "took the trust root through TUF, from version {} of root.json, SHA-256 {}",
        trust.version,
        hex::encode(root)
    ));

    let token = login::log_in(&http, url, WHO).await?;
    say.step(&format!("logged in as {WHO} (authorization code and PKCE)"));

    let key = Arc::new(LocalKey::generate(KeyType::P256).map_err(Failure::from_error)?);
    say.step("made a P-256 key, which never leaves this process");

    let certificates = request_certificate(&http, url, &token, &key).await?;
    say.step("asked for a certificate and got one, with its chain");

    let evidence = outsider::Evidence::fetch(&http, trust.trusted_root, certificates).await?;
    say.step("fetched checkpoint and tiles, as an outsider would");
    let verified = evidence.verify(&key, say)?;

    say.certificate(&verified);

    let signature = key.sign(ARTIFACT).await.map_err(Failure::from_error)?;
    let stamped = stamp::stamp(&http, &evidence.trusted_root, &signature).await?;
    say.step("had a signature stamped, and verified its timestamp with the trust root alone");
    say.fact("stamped", &OffsetDateTime::from(stamped).to_string());

    let signed = ledger::Signed {
        artifact: ARTIFACT,
        signature: &signature,
        certificate: &outsider::leaf_der(&evidence.certificates)?,
    };
    let entered = ledger::enter(&http, url, &evidence.trusted_root, &signed).await?;
    say.step("entered it in the ledger, and verified entry and proof with the trust root alone");
    say.fact("entry index", &entered.leaf_index.to_string());
    say.tree("ledger", &entered.tree);
    if let Some(folder) = keep {
        folder.fill(&evidence, &entered, &key)?;
        say.step(&format!("left the evidence in {}", folder.path().display()));
    }
    Ok(())
}

async fn request_certificate(
    http: &reqwest::Client,
    url: &str,
    token: &str,
    key: &LocalKey,
) -> Result<Vec<String>, Failure> {
    let proof = key
        .sign(WHO.as_bytes())
        .await
        .map_err(Failure::from_error)?;
    let public = pem::encode(&pem::Pem::new("PUBLIC KEY", key.public_key().spki_der()));
    let body = json!({
        "publicKeyRequest": {
            "publicKey": { "algorithm": "ECDSA", "content": public },
            "proofOfPossession": STANDARD.encode(proof),
        }
    });
    let response = http
        .post(format!("{url}/api/v2/signingCert"))
        .bearer_auth(token)
        .body(body.to_string())
        .send()
        .await
        .map_err(Failure::from_error)?;
    let status = response.status();
    let text = response.text().await.map_err(Failure::from_error)?;
    if status != 200 {
        return Err(Failure::failed(format!("the CA answered {status}: {text}")));
    }
    let answer: SigningCertResponse = serde_json::from_str(&text).map_err(Failure::from_error)?;
    Ok(answer.signed_certificate_embedded_sct.chain.certificates)
}

/// Makes a client that follows no redirect: a login's code is in one.
fn http_client() -> Result<reqwest::Client, Failure> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(10))
        .build()
        .map_err(Failure::from_error)
}

/// Says what happened and how long it took.
pub(crate) struct Narrator {
    begun: Instant,
    last: Instant,
    steps: u32,
}

impl Narrator {
    fn begin() -> Self {
        println!("Chancery demo: from a login to a logged certificate and signature\n");
        let now = Instant::now();
        Self {
            begun: now,
            last: now,
            steps: 0,
        }
    }

    /// Says a step that has just been done.
    pub(crate) fn step(&mut self, what: &str) {
        self.steps += 1;
        let took = self.last.elapsed();
        self.last = Instant::now();
        println!(
            "{:>2}. {:>7.1} ms  {what}",
            self.steps,
            took.as_secs_f64() * 1e3
        );
    }

    fn fact(&self, name: &str, value: &str) {
        println!("      {name:>12}: {value}");
    }

    fn certificate(&self, verified: &outsider::Verified) {
        let details = &verified.details;
        self.fact("identity", details.identity.as_str());
        self.fact("issuer", &details.extensions.issuer);
        self.fact("certified by", &details.issuer_name);
        self.fact("serial", &details.serial.to_string());
        self.fact(
            "valid until",
            &OffsetDateTime::from(details.not_after).to_string(),
        );
        self.fact("log index", &verified.leaf_index.to_string());
        self.tree("tree", &verified.tree);
    }

    fn tree(&self, name: &str, tree: &TreeHead) {
        let (size, root) = (tree.tree_size, tree.root_hash);
        self.fact(name, &format!("{size} entries, root {root}"));
    }

    fn end(&self) {
        println!(
            "\nEvery check held. {:.2} s in all.",
            self.begun.elapsed().as_secs_f64()
        );
        println!("Next: `chancery dev` keeps such a CA running for cosign and curl.");
    }
}
