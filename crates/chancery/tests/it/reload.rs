//! Configuration that changes while serving goes on.

use std::fs;
use std::os::unix::fs::symlink;

use chancery_keys::{KeyType, LocalKey, Signer};
use chancery_tests::client::{Identity, request_body};
use chancery_tests::issuer::Issuer;
use sha2::{Digest, Sha256};

use crate::production::{Production, WHO, identity, made, replace, write_issuers};

const GOOD: &str = "chancery_config_last_reload_successful";

struct Bench {
    issuer: Issuer,
    production: Production,
}

impl Bench {
    /// Serves an instance that knows the issuer at `/one`.
    async fn start() -> Self {
        let issuer = Issuer::start().await.unwrap();
        let folder = made();
        let url = format!("{}/one", issuer.url());
        write_issuers(&folder.path().join("identity.yaml"), &[url]);
        let production = Production::start(folder);
        Self { issuer, production }
    }

    fn write(&self, paths: &[&str]) {
        let url = |path: &&str| format!("{}{path}", self.issuer.url());
        let urls: Vec<_> = paths.iter().map(url).collect();
        write_issuers(&self.production.path("identity.yaml"), &urls);
    }

    async fn status(&self, path: &str) -> u16 {
        let identity = identity(&self.issuer, path).await;
        self.production.status(&identity).await
    }
}

#[tokio::test]
async fn a_changed_file_comes_into_force_by_itself_and_what_changed_is_said() {
    let bench = Bench::start().await;
    assert_eq!(
        (bench.status("/one").await, bench.status("/two").await),
        (200, 400)
    );
    bench.write(&["/one", "/two"]);
    let said = bench.production.wait_for(&["reloaded"]);
    assert_eq!(
        said,
        format!(
            "identity configuration: reloaded: added {}/two",
            bench.issuer.url()
        )
    );
    assert_eq!(
        (bench.status("/one").await, bench.status("/two").await),
        (200, 200)
    );
    bench.write(&["/two"]);
    bench.production.wait_for(&["removed", "/one"]);
    assert_eq!(
        (bench.status("/one").await, bench.status("/two").await),
        (400, 200)
    );
}

#[tokio::test]
async fn a_bad_file_is_refused_by_name_and_the_old_one_stays_in_force() {
    let bench = Bench::start().await;
    let path = bench.production.path("identity.yaml");
    let good = fs::read_to_string(&path).unwrap();
    let metric = || bench.production.metric(GOOD);
    assert_eq!(metric().await, "1");

    replace(&path, &good.replace("type: email", "type: emale"));
    bench
        .production
        .wait_for(&["ERROR", "identity.yaml", "emale", "stays in force"]);
    assert_eq!((bench.status("/one").await, &*metric().await), (200, "0"));

    fs::remove_file(&path).unwrap();
    bench
        .production
        .wait_for(&["ERROR", "identity.yaml", "No such file"]);
    assert_eq!((bench.status("/one").await, &*metric().await), (200, "0"));

    fs::write(&path, good).unwrap();
    bench.production.wait_for(&["good again"]);
    assert_eq!((bench.status("/one").await, &*metric().await), (200, "1"));
}

#[tokio::test]
async fn a_shared_issuer_without_owner_is_refused_at_a_reload_as_at_a_start() {
    let bench = Bench::start().await;
    let shared = "https://token.actions.githubusercontent.com".to_owned();
    write_issuers(&bench.production.path("identity.yaml"), &[shared]);
    bench
        .production
        .wait_for(&["ERROR", "githubusercontent", "any-owner"]);
    assert_eq!(bench.status("/one").await, 200);
}

#[tokio::test]
async fn a_volume_of_kubernetes_swaps_a_link() {
    let issuer = Issuer::start().await.unwrap();
    let folder = made();
    let at = |name: &str| folder.path().join(name);
    for (volume, path) in [("v1", "/one"), ("v2", "/two")] {
        fs::create_dir(at(volume)).unwrap();
        let url = format!("{}{path}", issuer.url());
        write_issuers(&at(volume).join("identity.yaml"), &[url]);
    }
    symlink("v1", at("..data")).unwrap();
    fs::remove_file(at("identity.yaml")).unwrap();
    symlink("..data/identity.yaml", at("identity.yaml")).unwrap();

    let production = Production::start(folder);
    let status = async |path| production.status(&identity(&issuer, path).await).await;
    assert_eq!((status("/one").await, status("/two").await), (200, 400));
    symlink("v2", production.path("..data_tmp")).unwrap();
    fs::rename(production.path("..data_tmp"), production.path("..data")).unwrap();
    production.wait_for(&["reloaded", "added", "removed"]);
    assert_eq!((status("/one").await, status("/two").await), (400, 200));
}

#[tokio::test]
async fn keys_in_a_file_of_their_own_are_followed_also_where_they_were_missing() {
    let bench = Bench::start().await;
    let production = &bench.production;
    let keys = |name| format!("{{\"keys\": [{}]}}", bench.issuer.jwk(name).unwrap());
    // Nobody is asked at this URL: its keys are in the file alone.
    let url = format!("{}/given", bench.issuer.url());
    let entry = |file: &str| {
        format!(
            "oidc-issuers:\n  {url}:\n    issuer-url: {url}\n    client-id: sigstore\n    type: \
             email\n    allow-http: true\n    jwks-file: {file}\n"
        )
    };
    replace(&production.path("one.json"), &keys("rs256"));
    replace(&production.path("identity.yaml"), &entry("one.json"));
    production.wait_for(&["reloaded", "added", "/given"]);
    assert_eq!(bench.status("/given").await, 200);

    replace(&production.path("one.json"), &keys("es256"));
    production.wait_for(&["reloaded", "changed", "/given"]);
    assert_eq!(bench.status("/given").await, 400);

    replace(&production.path("identity.yaml"), &entry("two.json"));
    production.wait_for(&["ERROR", "two.json"]);
    assert_eq!(bench.status("/given").await, 400);
    replace(&production.path("two.json"), &keys("rs256"));
    production.wait_for(&["reloaded", "changed", "/given"]);
    assert_eq!(bench.status("/given").await, 200);
}

#[tokio::test]
async fn a_hangup_reads_everything_and_names_what_needs_a_restart() {
    let bench = Bench::start().await;
    let production = &bench.production;
    bench.write(&["/one", "/two"]);
    let path = production.path("chancery.yaml");
    let settings = fs::read_to_string(&path).unwrap();
    let changed = settings.replace("certificate-lifetime-s: 600", "certificate-lifetime-s: 300");
    assert_ne!(settings, changed);
    replace(&path, &changed);
    production.hang_up();
    let said = production.wait_for(&["WARN", "needs a restart"]);
    assert!(said.contains("ca.certificate-lifetime-s"), "{said}");
    assert!(!said.contains("listen"), "{said}");
    production.wait_for(&["reloaded", "added"]);
    assert_eq!(bench.status("/two").await, 200);

    replace(&path, "url: [");
    production.hang_up();
    production.wait_for(&["ERROR", "chancery.yaml", "next start"]);
    production.wait_for(&["identity configuration: unchanged"]);
    assert_eq!(production.metric(GOOD).await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_lost_while_configuration_changes() {
    let bench = Bench::start().await;
    let ada = identity(&bench.issuer, "/one").await;
    let (issued, mut answers) = tokio::sync::mpsc::channel(1);
    let askers = [(); 4].map(|()| {
        let (client, ada, issued) = (bench.production.client(), ada.clone(), issued.clone());
        tokio::spawn(async move {
            loop {
                let answer = client.signing_cert(&ada).await.unwrap();
                assert_eq!(answer.status, 200, "{}", answer.body);
                if issued.send(()).await.is_err() {
                    return;
                }
            }
        })
    });
    for round in 0..10 {
        let paths: [&[&str]; 2] = [&["/one"], &["/one", "/two"]];
        bench.write(paths[1 - round % 2]);
        bench.production.hang_up();
        for _ in 0..8 {
            answers.recv().await.unwrap();
        }
        tokio::task::block_in_place(|| bench.production.wait_for(&["reloaded"]));
    }
    drop(answers);
    for asker in askers {
        asker.await.unwrap();
    }
}

#[tokio::test]
async fn a_key_that_is_added_to_the_block_list_gets_no_certificate() {
    let issuer = Issuer::start().await.unwrap();
    let folder = made();
    let url = format!("{}/one", issuer.url());
    write_issuers(&folder.path().join("identity.yaml"), &[url]);
    let settings = folder.path().join("chancery.yaml");
    let text = fs::read_to_string(&settings).unwrap() + "key-block-list: blocked\n";
    fs::write(settings, text).unwrap();
    fs::write(folder.path().join("blocked"), "# none yet\n").unwrap();

    let production = Production::start(folder);
    let key = LocalKey::generate(KeyType::P256).unwrap();
    let ada = Identity {
        body: request_body(&key, WHO).await.unwrap(),
        ..identity(&issuer, "/one").await
    };
    assert_eq!(production.status(&ada).await, 200);
    let digest = Sha256::digest(key.public_key().spki_der());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    replace(&production.path("blocked"), &digest);
    production.wait_for(&["key-block-list: reloaded: 1 blocked key"]);
    assert_eq!(production.status(&ada).await, 400);
    replace(&production.path("blocked"), "nonsense");
    production.wait_for(&["ERROR", "key-block-list", "line 1"]);
    assert_eq!(production.status(&ada).await, 400);
}
