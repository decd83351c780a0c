//! Certificates that carry the SCT of another log alone: proven, checked and verified in the
//! instance's own.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_tests::client::Client;
use chancery_tests::issuer::Issuer;
use serde_json::Value;

use crate::harness::{assert_refused, chancery, update_trust};
use crate::production::{Production, identity, made, write_issuers};

/// Adds a line to a section of the configuration.
fn set(folder: &Path, section: &str, line: &str) {
    let path = folder.join("chancery.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let section = format!("\n{section}:\n");
    assert!(text.contains(&section), "{text}");
    let with = text.replacen(&section, &format!("{section}{line}\n"), 1);
    fs::write(path, with).unwrap();
}

/// Returns the name of an instance's log, and its key in PEM.
async fn log_of(production: &Production) -> (String, String) {
    let root = production.client().bytes("/trusted_root.json").await;
    let root: Value = serde_json::from_slice(&root.unwrap()).unwrap();
    let log = &root["ctlogs"][0];
    let (_, name) = log["baseUrl"].as_str().unwrap().split_once("/ct/").unwrap();
    let der = STANDARD.decode(log["publicKey"]["rawBytes"].as_str().unwrap());
    let key = pem::encode(&pem::Pem::new("PUBLIC KEY", der.unwrap()));
    (name.to_owned(), key)
}

/// Returns the trust root once it lists the external log beside the instance's own.
async fn root_with_both(client: &Client) -> String {
    for _ in 0..1_000 {
        let found = client.get("/trusted_root.json").await.unwrap().body;
        let root: Value = serde_json::from_str(&found).unwrap();
        if root["ctlogs"].as_array().unwrap().len() == 2 {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the external log is not listed");
}

#[tokio::test]
async fn a_certificate_with_another_logs_sct_is_found_by_its_serial_number_and_verified() {
    let issuer = Issuer::start().await.unwrap();
    let urls = [format!("{}/mail", issuer.url())];
    let (ours, elsewhere) = (made(), made());
    for folder in [&ours, &elsewhere] {
        write_issuers(&folder.path().join("identity.yaml"), &urls);
    }
    let chain = fs::read(ours.path().join("ca/chain.pem")).unwrap();
    let root = pem::parse_many(chain).unwrap().pop().unwrap();
    fs::write(elsewhere.path().join("root.pem"), pem::encode(&root)).unwrap();
    set(elsewhere.path(), "log", "  submissions: {roots: root.pem}");
    let elsewhere = Production::start(elsewhere);
    let (name, key) = log_of(&elsewhere).await;
    fs::write(ours.path().join("external.pem"), key).unwrap();
    let url = format!("http://127.0.0.1:{}/ct/{name}", elsewhere.port());
    let without = fs::read_to_string(ours.path().join("chancery.yaml")).unwrap();
    let line = format!("  external-log: {{url: \"{url}\", public-key: external.pem}}");
    set(ours.path(), "ca", &line);

    let production = Production::start(ours);
    let client = production.client();
    for number in 0..3 {
        let answer = client.signing_cert(&identity(&issuer, "/mail").await).await;
        let certificates = answer.unwrap().certificates().unwrap();
        let name = format!("cert{number}.pem");
        fs::write(production.path(name), &certificates[0]).unwrap();
    }
    update_trust(&production.path(""));
    let root = root_with_both(&client).await;
    fs::write(production.path("root.json"), root).unwrap();
    let (name, _) = log_of(&production).await;
    let own = format!("http://127.0.0.1:{}/ct/{name}", production.port());
    let folder = production.path("");
    let run = |arguments: &[&str]| chancery(&folder, &[&["log"], arguments].concat());

    let proven = run(&["prove", "cert1.pem", "--url", &own, "--to", "own"]);
    assert!(proven.status.success(), "{proven:?}");
    let check = |file: &str, certificate: &str| {
        let file = format!("{file}.tlog-proof");
        let root = ["--trusted-root", "root.json"];
        let certificate = ["--certificate", certificate];
        run(&[&["check", &file], &root[..], &certificate[..]].concat())
    };
    let checked = check("own", "cert1.pem");
    assert!(checked.status.success(), "{checked:?}");
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(said.contains("inclusion    entry 1,"), "{said}");
    assert!(
        said.contains("does not rest on an SCT of the log"),
        "{said}"
    );
    let other = check("own", "cert2.pem");
    assert_refused(&other, 4, &["certificate: the entry holds another"]);

    // In the log that did sign the SCT, the SCT tells the place.
    let proven = run(&["prove", "cert1.pem", "--url", &url, "--to", "external"]);
    assert!(proven.status.success(), "{proven:?}");
    let checked = check("external", "cert1.pem");
    assert!(checked.status.success(), "{checked:?}");
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(said.contains("its SCT is the log's"), "{said}");
    assert_refused(&check("external", "cert0.pem"), 4, &["certificate: "]);

    // What was handed out holds an SCT that only the external log's key verifies.
    let folder = production.stop();
    let run = |arguments: &[&str]| chancery(folder.path(), &[&["log"], arguments].concat());
    assert!(run(&["verify"]).status.success());
    fs::write(folder.path().join("chancery.yaml"), without).unwrap();
    assert_refused(&run(&["verify"]), 4, &["3 findings"]);
    let verified = run(&["verify", "--external-log-key", "external.pem"]);
    assert!(verified.status.success(), "{verified:?}");
}
