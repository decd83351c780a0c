//! `chancery log prove` and `chancery log check`: from a running server to a file that convinces
//! offline, and no other.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use chancery_certs::CertificateDetails;
use chancery_tests::client::Client;
use chancery_tests::issuer::Issuer;
use serde_json::Value;

use crate::harness::{assert_refused, chancery, on_sqlite};
use crate::production::{Production, identity, made, write_issuers};

/// A folder with certificates and a trust root, and the log's URL.
struct Issued {
    folder: tempfile::TempDir,
    log_url: String,
}

impl Issued {
    /// Lets the server issue `count` certificates, the last of which is kept as `cert.pem`.
    async fn by(url: &str, count: usize) -> Self {
        let client = Client::new(url).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..count {
            let identity = client.identity("ada@example.com").await.unwrap();
            let answer = client.signing_cert(&identity).await.unwrap();
            let chain = answer.certificates().unwrap();
            fs::write(folder.path().join("cert.pem"), &chain[0]).unwrap();
        }
        let root = client.bytes("/trusted_root.json").await.unwrap();
        fs::write(folder.path().join("root.json"), root).unwrap();
        Self {
            folder,
            log_url: format!("{url}/ct/dev"),
        }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        chancery(self.folder.path(), arguments)
    }

    fn prove(&self, entry: &str, to: &str) {
        let output = self.run(&["log", "prove", entry, "--url", &self.log_url, "--to", to]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            format!("{to}.tlog-proof\n{to}.rfc6962.json\n")
        );
    }

    fn check(&self, file: &str, more: &[&str]) -> Output {
        let mut arguments = vec!["log", "check", file, "--trusted-root", "root.json"];
        arguments.extend(more);
        self.run(&arguments)
    }

    /// Changes a file as `sed` would, and asserts what is said of it.
    fn assert_broken(&self, from: &str, to: &str, more: &[&str], words: &str) {
        let proof = fs::read_to_string(self.path("good.tlog-proof")).unwrap();
        assert!(proof.contains(from), "{from}");
        fs::write(self.path("bad"), proof.replacen(from, to, 1)).unwrap();
        assert_refused(&self.check("bad", more), 4, &[words]);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn assert_good(output: &Output, lines: usize) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).lines().count(),
        lines
    );
}

#[tokio::test]
async fn a_certificate_is_proven_and_the_proof_holds_offline() {
    let server = on_sqlite().await;
    let issued = Issued::by(server.url(), 5).await;
    issued.prove("cert.pem", "good");
    issued.prove("2", "other");
    server.stop().unwrap();

    assert_good(&issued.check("good.tlog-proof", &[]), 2);
    let with_certificate = ["--certificate", "cert.pem"];
    assert_good(&issued.check("good.tlog-proof", &with_certificate), 3);
    assert_good(&issued.check("other.tlog-proof", &[]), 2);
    let other = issued.check("other.tlog-proof", &with_certificate);
    assert_refused(&other, 4, &["certificate: the entry holds another"]);

    // As other programs write it: without the entry.
    let proof = fs::read_to_string(issued.path("good.tlog-proof")).unwrap();
    let extra = proof.lines().nth(1).unwrap().to_owned() + "\n";
    fs::write(issued.path("bare"), proof.replacen(&extra, "", 1)).unwrap();
    assert_good(&issued.check("bare", &with_certificate), 3);
    assert_refused(&issued.check("bare", &[]), 2, &["--certificate"]);
}

#[tokio::test]
async fn each_part_that_is_changed_is_named_as_what_does_not_hold() {
    let server = on_sqlite().await;
    let issued = Issued::by(server.url(), 5).await;
    issued.prove("cert.pem", "good");
    issued.assert_broken("@v1", "@v9", &[], "file: ");
    issued.assert_broken("index 4", "index 3", &[], "inclusion: ");
    issued.assert_broken(
        "localhost/ct/dev\n5\n",
        "localhost/ct/dev\n6\n",
        &[],
        "checkpoint: ",
    );
    let proof = fs::read_to_string(issued.path("good.tlog-proof")).unwrap();
    let extra = proof.lines().nth(1).unwrap();
    let turned = match extra.as_bytes()[60] {
        b'A' => "B",
        _ => "A",
    };
    let turned = format!("{}{turned}{}", &extra[..60], &extra[61..]);
    issued.assert_broken(extra, &turned, &[], "inclusion: ");

    // Of another log and another CA.
    let elsewhere = on_sqlite().await;
    let stranger = Issued::by(elsewhere.url(), 1).await;
    fs::copy(stranger.path("cert.pem"), issued.path("stranger.pem")).unwrap();
    let foreign = issued.check("good.tlog-proof", &["--certificate", "stranger.pem"]);
    assert_refused(&foreign, 4, &["certificate: "]);
    fs::copy(stranger.path("root.json"), issued.path("root.json")).unwrap();
    let untrusted = issued.check("good.tlog-proof", &[]);
    assert_refused(&untrusted, 4, &["checkpoint: none of the 1 CT logs"]);
}

#[tokio::test]
async fn what_a_trust_root_does_not_trust_at_the_time_is_refused() {
    let server = on_sqlite().await;
    let issued = Issued::by(server.url(), 1).await;
    issued.prove("0", "good");
    let root = fs::read(issued.path("root.json")).unwrap();
    let mut root: Value = serde_json::from_slice(&root).unwrap();
    let window = serde_json::json!({ "start": "2100-01-01T00:00:00Z" });
    root["ctlogs"][0]["publicKey"]["validFor"] = window;
    fs::write(issued.path("root.json"), root.to_string()).unwrap();
    let refused = issued.check("good.tlog-proof", &[]);
    assert_refused(&refused, 4, &["entry: ", "does not trust the log then"]);
}

#[tokio::test]
async fn what_is_too_large_or_too_deep_is_refused_and_not_read() {
    let server = on_sqlite().await;
    let issued = Issued::by(server.url(), 1).await;
    issued.prove("0", "good");
    let proof = fs::read_to_string(issued.path("good.tlog-proof")).unwrap();
    let (head, checkpoint) = proof.split_once("\n\n").unwrap();
    let hash = format!("{}=\n", "A".repeat(43));
    let many = format!("{head}\n{}\n{checkpoint}", hash.repeat(80_000));
    assert!(many.len() < 4 << 20, "{}", many.len());
    fs::write(issued.path("many"), &many).unwrap();
    assert_refused(&issued.check("many", &[]), 4, &["file: "]);
    fs::write(issued.path("long"), many.repeat(2)).unwrap();
    assert_refused(&issued.check("long", &[]), 1, &["more than 4194304 bytes"]);
    let long = ["--certificate", "long"];
    let refused = issued.check("good.tlog-proof", &long);
    assert_refused(&refused, 1, &["more than 1048576 bytes"]);

    let huge = fs::File::create(issued.path("root.json")).unwrap();
    huge.set_len(1 << 40).unwrap();
    let refused = issued.check("good.tlog-proof", &[]);
    assert_refused(&refused, 3, &["root.json", "more than 16777216 bytes"]);
    let deep = "{\"ctlogs\":".repeat(200_000) + &"[".repeat(200_000);
    for root in [deep, "[".repeat(1 << 20)] {
        fs::write(issued.path("root.json"), root).unwrap();
        let refused = issued.check("good.tlog-proof", &[]);
        assert_refused(&refused, 3, &["root.json: it is no trusted_root.json"]);
    }
}

#[tokio::test]
async fn nothing_is_overwritten_and_what_is_not_there_is_said() {
    let server = on_sqlite().await;
    let issued = Issued::by(server.url(), 1).await;
    issued.prove("0", "good");
    let before = fs::read(issued.path("good.tlog-proof")).unwrap();
    let url = &issued.log_url;
    let again = issued.run(&["log", "prove", "0", "--url", url, "--to", "good"]);
    assert_refused(&again, 1, &["good.tlog-proof"]);
    assert_eq!(fs::read(issued.path("good.tlog-proof")).unwrap(), before);
    let beyond = issued.run(&["log", "prove", "1", "--url", url]);
    assert_refused(&beyond, 1, &["has 1 entries, and none at 1"]);
    let no_log = format!("{}/ct/none", server.url());
    let none = issued.run(&["log", "prove", "0", "--url", &no_log]);
    assert_refused(&none, 1, &["has no checkpoint"]);
    let nothing = issued.run(&["log", "prove", "zz", "--url", url]);
    assert_refused(&nothing, 2, &["neither a file"]);
}

#[tokio::test]
async fn a_serial_number_is_found_in_the_instances_database() {
    let issuer = Issuer::start().await.unwrap();
    let folder = made();
    let urls = [format!("{}/mail", issuer.url())];
    write_issuers(&folder.path().join("identity.yaml"), &urls);
    let production = Production::start(folder);
    let client = production.client();
    for _ in 0..3 {
        let identity = identity(&issuer, "/mail").await;
        let answer = client.signing_cert(&identity).await.unwrap();
        let certificate = &answer.certificates().unwrap()[0];
        fs::write(production.path("cert.pem"), certificate).unwrap();
    }
    let root = client.bytes("/trusted_root.json").await.unwrap();
    fs::write(production.path("root.json"), &root).unwrap();
    let root: Value = serde_json::from_slice(&root).unwrap();
    let published = root["ctlogs"][0]["baseUrl"].as_str().unwrap();
    let (_, path) = published.split_once("/ct/").unwrap();
    let url = format!("http://127.0.0.1:{}/ct/{path}", production.port());

    let pem = pem::parse(fs::read(production.path("cert.pem")).unwrap()).unwrap();
    let serial = CertificateDetails::from_der(pem.contents()).unwrap().serial;
    let folder = production.path("");
    let prove = |serial: &str| {
        let arguments = ["log", "prove", serial, "--url", &url, "--to", "proof"];
        chancery(&folder, &arguments)
    };
    let unknown = prove("0123456789abcdef0123");
    assert_refused(
        &unknown,
        1,
        &["no log of this instance", "0123456789abcdef0123"],
    );
    let proven = prove(&serial.to_string().to_uppercase());
    let said = String::from_utf8_lossy(&proven.stderr);
    assert!(proven.status.success(), "{said}");
    let check = [
        "log",
        "check",
        "proof.tlog-proof",
        "--trusted-root",
        "root.json",
    ];
    let check = [&check[..], &["--certificate", "cert.pem"]].concat();
    assert_good(&chancery(&folder, &check), 3);
}
