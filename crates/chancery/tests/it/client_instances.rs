//! `chancery client` beside a running instance: from nothing to trusted by name, and on through a
//! change of the root, an instance that is away, and a file that is damaged.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::{BINARY, assert_refused, chancery};
use crate::production::Production;
use crate::recovery::{Instance, Kind};

/// Somebody's machine, with the instance's folder at hand for the operator's part.
struct Machine {
    folder: tempfile::TempDir,
    url: String,
}

impl Machine {
    fn beside(production: &Production) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            url: format!("http://127.0.0.1:{}", production.port()),
        }
    }

    fn client(&self, arguments: &[&str]) -> Output {
        chancery(
            self.folder.path(),
            &[&["client"], arguments, &["--home", "home"]].concat(),
        )
    }

    #[track_caller]
    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.client(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn show(&self) -> Value {
        let shown = self.succeed(&["show", "--format", "json"]);
        serde_json::from_str(&shown).unwrap()
    }
}

fn checksum(folder: &Path) -> String {
    let said = chancery(folder, &["trust", "root-checksum"]);
    let said = String::from_utf8(said.stdout).unwrap();
    said.split_whitespace().next().unwrap().to_owned()
}

/// Replaces the root key.
fn rotate(folder: &Path) {
    let succeed = |arguments: &[&str]| {
        let output = chancery(folder, arguments);
        assert!(output.status.success(), "{output:?}");
    };
    let passphrase = ["--passphrase-file", "offline/root.passphrase"];
    succeed(&[&["trust", "key", "new.pem"][..], &passphrase].concat());
    let plan = [
        "trust",
        "plan",
        "--role-key",
        "root=new.pem.pub",
        "--out",
        "plan.json",
    ];
    succeed(&plan);
    let keys = [
        "--root",
        "offline/root.json",
        "--key",
        "new.pem",
        "--key",
        "offline/tuf-root.key.pem",
    ];
    succeed(&[&["trust", "sign", "plan.json"][..], &keys, &passphrase].concat());
    succeed(&["trust", "publish", "plan.json"]);
}

#[tokio::test]
async fn an_instance_is_trusted_by_name_through_a_new_root_and_while_it_is_away() {
    let mut instance = Instance::on(Kind::Sqlite).await.unwrap();
    let folder = instance.path().to_owned();
    let production = instance.serve();
    let machine = Machine::beside(&production);
    let nothing = machine.client(&["show"]);
    assert_eq!(nothing.status.code(), Some(3));
    let said = String::from_utf8(nothing.stderr).unwrap();
    assert!(
        said.contains("chancery client setup URL --root-checksum"),
        "{said}"
    );

    let checksum = checksum(&folder);
    let setup = ["setup", &machine.url, "--root-checksum"];
    let other = "0".repeat(64);
    let refused = machine.client(&[&setup[..], &[&other]].concat());
    assert_refused(&refused, 4, &[&checksum, &other]);
    let named = [&setup[..], &[&*checksum, "--name", "ours"]].concat();
    let said = machine.succeed(&named);
    assert!(said.contains("It is the default"), "{said}");
    let said = machine.succeed(&[&setup[..], &[&*checksum, "--name", "again"]].concat());
    assert!(said.contains("chancery client use again"), "{said}");
    let listed = machine.succeed(&["list"]);
    assert_eq!(listed, format!("  again  {0}\n* ours   {0}\n", machine.url));

    let shown = machine.show();
    assert_eq!(shown["root-version"], 1);
    assert_eq!(shown["root-checksum"], *checksum);
    assert_eq!(shown["certificate-logs"].as_array().unwrap().len(), 1);
    rotate(&folder);
    // Not before it is asked, which may be hours from now.
    assert_eq!(machine.show()["root-version"], 1);
    wait_for_version(&machine, 2).await;

    two_at_once(&machine);

    instance.stop(production);
    assert_eq!(machine.show()["root-version"], 2);
    let away = machine.client(&["refresh"]);
    assert_eq!(away.status.code(), Some(1));
    let said = String::from_utf8(away.stderr).unwrap();
    assert!(
        said.contains("could not be refreshed, and is good until"),
        "{said}"
    );
    assert!(said.contains(&machine.url), "{said}");

    machine.succeed(&["use", "again"]);
    machine.succeed(&["remove", "again"]);
    assert_refused(
        &machine.client(&["show"]),
        3,
        &["chancery client use NAME", "ours"],
    );
    assert_refused(&machine.client(&["show", "again"]), 3, &["there are ours"]);
    machine.succeed(&["show", "ours"]);
}

/// The server takes up what was published within a second.
async fn wait_for_version(machine: &Machine, version: u64) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let shown = machine.succeed(&["refresh", "ours", "--format", "json"]);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        if shown["root-version"] == version {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{shown}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

fn two_at_once(machine: &Machine) {
    let refresh = || {
        let mut command = Command::new(BINARY);
        command.args(["client", "refresh", "ours", "--home", "home"]);
        command.current_dir(machine.folder.path());
        command.stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let mut both = [refresh(), refresh()];
    for one in &mut both {
        assert!(one.wait().unwrap().success());
    }
    machine.show();
}

#[tokio::test]
async fn what_is_kept_counts_only_as_it_was_signed() {
    let mut instance = Instance::on(Kind::Sqlite).await.unwrap();
    let folder = instance.path().to_owned();
    let production = instance.serve();
    let machine = Machine::beside(&production);
    let checksum = checksum(&folder);
    let url = &*machine.url;
    machine.succeed(&["setup", url, "--root-checksum", &checksum, "--name", "ours"]);
    // As if this machine had seen the version of a later day.
    let record = machine.folder.path().join("home/instances/ours.json");
    let kept = fs::read_to_string(&record).unwrap();
    let mut later: Value = serde_json::from_str(&kept).unwrap();
    let timestamp = later["files"]["timestamp.json"].as_str().unwrap();
    let newer = timestamp.replace("\"version\": 1", "\"version\": 2");
    later["files"]["timestamp.json"] = newer.into();
    fs::write(&record, later.to_string()).unwrap();
    // What is kept was changed, so it does not count: the instance is asked, and is well.
    machine.succeed(&["show"]);

    fs::write(&record, &kept[..kept.len() / 2]).unwrap();
    assert_refused(&machine.client(&["show"]), 1, &["is damaged", "ours.json"]);
    instance.stop(production);
}

#[test]
fn every_shell_gets_its_completion_and_wrong_urls_are_refused_before_they_are_asked() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let said = chancery(folder.path(), &["completion", shell]);
        assert!(said.status.success());
        let script = String::from_utf8(said.stdout).unwrap();
        assert!(script.contains("root-checksum"), "{shell}");
    }
    let zeros = "0".repeat(64);
    for url in [
        "http://ca.example.org",
        "ca.example.org",
        "https://me:s3cret@ca.example.org",
    ] {
        let arguments = ["client", "setup", url, "--root-checksum", &zeros];
        let refused = chancery(folder.path(), &arguments);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        let told = String::from_utf8(refused.stderr).unwrap();
        assert!(!told.contains("s3cret"), "{told}");
    }
}
