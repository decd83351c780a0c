//! What clients trust, from `init` to a new root: signed by operators, served as it was signed.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::{SERVE, assert_refused, chancery, init};
use crate::recovery::{Instance, Kind};

const SIGN: [&str; 4] = [
    "--key",
    "offline/tuf-targets.key.pem",
    "--passphrase-file",
    "offline/root.passphrase",
];

fn version(folder: &Path) -> Value {
    let root = fs::read(folder.join("trust/root.json")).unwrap();
    serde_json::from_slice::<Value>(&root).unwrap()["signed"]["version"].clone()
}

/// Runs a command that has to succeed beside what serves `folder`, and returns what it says.
#[track_caller]
fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = chancery(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Caches may keep what never changes, and nothing else; what is not there is exactly 404.
async fn assert_served_for_clients(url: &str) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let forever = "public, max-age=604800, immutable";
    for (name, status, cache) in [
        ("1.root.json", 200, forever),
        ("1.targets.json", 200, forever),
        ("1.snapshot.json", 200, forever),
        ("root.json", 200, "no-cache"),
        ("timestamp.json", 200, "no-cache"),
        ("2.root.json", 404, "no-cache"),
        ("targets.json", 404, "no-cache"),
        ("targets/trusted_root.json", 404, "no-cache"),
        ("..%2fchancery.yaml", 404, "no-cache"),
    ] {
        let asked = http.get(format!("{url}/tuf/{name}")).send();
        let answer = asked.await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{name}");
        let kept = answer.headers()["cache-control"].to_str().unwrap();
        assert_eq!(kept, cache, "{name}");
    }
    // The document that is served is the one that is signed.
    let get = async |path: &str| {
        let answer = http.get(format!("{url}/{path}")).send().await.unwrap();
        answer.bytes().await.unwrap()
    };
    let targets: Value = serde_json::from_slice(&get("tuf/1.targets.json").await).unwrap();
    let hash = &targets["signed"]["targets"]["trusted_root.json"]["hashes"]["sha256"];
    let path = format!("tuf/targets/{}.trusted_root.json", hash.as_str().unwrap());
    assert_eq!(get(&path).await, get("trusted_root.json").await);
}

/// Nobody signs without the root that he trusts, nor what does not come from it.
fn assert_no_forged_plan_is_signed(folder: &Path) {
    let sign = |more: &[&str]| chancery(folder, &[&["trust", "sign"], more, &SIGN].concat());
    assert_refused(&sign(&["plan.json"]), 2, &["--root FILE"]);
    let said = succeed(folder, &["trust", "sign", "plan.json"]);
    assert!(said.contains("This may be false"), "{said}");

    let other = tempfile::tempdir().unwrap();
    init(other.path());
    let other = other.path().join("offline/root.json");
    let refused = sign(&["plan.json", "--root", other.to_str().unwrap()]);
    assert_refused(&refused, 4, &["what it shows may be false; do not sign"]);
    let plan = fs::read_to_string(folder.join("plan.json")).unwrap();
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["root"]["signatures"], Value::Array(Vec::new()));
}

/// As a replica does that did not publish the second root itself.
fn moves_its_own_pin_forward(instance: &mut Instance) {
    let folder = instance.path().to_owned();
    succeed(&folder, &["trust", "export", "--to", "exported"]);
    fs::copy(
        folder.join("exported/1.root.json"),
        folder.join("trust/root.json"),
    )
    .unwrap();
    assert_eq!(version(&folder), 1);
    let production = instance.serve();
    instance.stop(production);
    assert_eq!(version(&folder), 2);
}

fn serves_no_other_root_than_the_pinned_one(folder: &Path) {
    let root = fs::read(folder.join("trust/root.json")).unwrap();
    let mut root: Value = serde_json::from_slice(&root).unwrap();
    root["signed"]["expires"] = "2099-01-01T00:00:00Z".into();
    let other = root.to_string();
    fs::write(folder.join("trust/root.json"), other).unwrap();
    assert_refused(
        &chancery(folder, &SERVE),
        3,
        &["not the one that is trusted here"],
    );
    let checked = chancery(folder, &["config", "check", "--format", "json"]);
    assert_eq!(checked.status.code(), Some(3));
    let found = String::from_utf8(checked.stdout).unwrap();
    assert!(
        found.contains("not the one that is trusted here"),
        "{found}"
    );
    fs::remove_file(folder.join("trust/root.json")).unwrap();
    let checked = chancery(folder, &["config", "check", "--no-database"]);
    let found = String::from_utf8(checked.stdout).unwrap();
    assert!(found.contains("trust.root"), "{found}");
    assert_eq!(checked.status.code(), Some(3), "{found}");
}

#[tokio::test]
async fn a_plan_is_signed_apart_and_published_while_the_instance_serves() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let Some(mut instance) = Instance::on(kind).await else {
            continue;
        };
        let folder = instance.path().to_owned();
        let production = instance.serve();
        let client = production.client();
        let signed = client.get("/tuf/1.root.json").await.unwrap();
        assert_eq!(signed.status, 200);
        assert_eq!(client.get("/tuf/2.root.json").await.unwrap().status, 404);

        assert_served_for_clients(&format!("http://127.0.0.1:{}", production.port())).await;

        let metrics = production.metrics().await;
        for role in ["root", "targets", "snapshot", "timestamp"] {
            let line = format!("chancery_trust_metadata_expires_seconds{{role=\"{role}\"}} ");
            assert!(metrics.contains(&line), "{line} is not in {metrics}");
        }

        let key = [
            "trust",
            "key",
            "new.pem",
            "--passphrase-file",
            "offline/root.passphrase",
        ];
        succeed(&folder, &key);
        let rotate = [
            "trust",
            "plan",
            "--role-key",
            "root=new.pem.pub",
            "--out",
            "plan.json",
        ];
        let said = succeed(&folder, &rotate);
        assert!(said.contains("+ root key"), "{said}");
        let unsigned = chancery(&folder, &["trust", "publish", "plan.json"]);
        assert_refused(&unsigned, 4, &["signatures are missing"]);
        assert_no_forged_plan_is_signed(&folder);
        for key in ["new.pem", "offline/tuf-root.key.pem"] {
            let passphrase = "offline/root.passphrase";
            let sign = [
                "trust",
                "sign",
                "plan.json",
                "--root",
                "offline/root.json",
                "--key",
                key,
                "--passphrase-file",
                passphrase,
            ];
            succeed(&folder, &sign);
        }
        succeed(&folder, &["trust", "publish", "plan.json"]);
        assert_eq!(version(&folder), 2);
        let again = succeed(&folder, &["trust", "publish", "plan.json"]);
        assert!(again.contains("published already"), "{again}");
        let nothing = succeed(&folder, &[&["trust", "update"][..], &SIGN].concat());
        assert!(nothing.contains("Nothing is to be changed"), "{nothing}");
        instance.stop(production);
        moves_its_own_pin_forward(&mut instance);

        serves_no_other_root_than_the_pinned_one(&folder);
    }
}

#[test]
fn keys_that_the_root_does_not_count_are_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path());
    let path = |name: &str| folder.path().join(format!("trust/{name}.key.pem"));
    fs::copy(path("timestamp"), path("snapshot")).unwrap();
    let refused = chancery(folder.path(), &SERVE);
    assert_refused(
        &refused,
        3,
        &["trust.snapshot-key", "the published root wants"],
    );
}

/// A server that stops forgets nothing: an older database is noticed although root is the same, and
/// what comes next is newer than all that clients have seen.
#[tokio::test]
async fn an_older_database_is_refused_until_something_newer_than_the_lost_is_published() {
    let mut instance = Instance::on(Kind::Sqlite).await.unwrap();
    let folder = instance.path().to_owned();
    succeed(&folder, &["backup", "--to", "older.db"]);
    let config = fs::read_to_string(folder.join("chancery.yaml")).unwrap();
    let login = "\ntrust:\n  login: [https://login.example.org]\n";
    let config = config.replace("\ntrust:\n", login);
    fs::write(folder.join("chancery.yaml"), config).unwrap();
    succeed(&folder, &[&["trust", "update"][..], &SIGN].concat());
    let production = instance.serve();
    instance.stop(production);

    instance.use_database(&format!("sqlite:{}", folder.join("restored.db").display()));
    succeed(&folder, &["restore", "--from", "older.db"]);
    let refused = chancery(&folder, &SERVE);
    let words = [
        "version 1 of targets",
        "version 2 was published",
        "`chancery trust plan` draws up a version after it",
    ];
    assert_refused(&refused, 3, &words);
    let checked = chancery(&folder, &["config", "check"]);
    assert_eq!(checked.status.code(), Some(3));
    let said = succeed(&folder, &[&["trust", "update"][..], &SIGN].concat());
    assert!(said.contains("targets, version 3 after 1"), "{said}");
    assert!(
        said.contains("! versions from 2 to 2 are left out"),
        "{said}"
    );
    let production = instance.serve();
    instance.stop(production);

    // Where only what the server signs was lost, it signs something newer by itself.
    let seen = r#"{"root":1,"targets":3,"snapshot":50,"timestamp":90}"#;
    fs::write(folder.join("trust/seen.json"), seen).unwrap();
    let production = instance.serve();
    let published = succeed(&folder, &["trust", "show"]);
    for newer in ["snapshot  version 51,", "timestamp version 91,"] {
        assert!(published.contains(newer), "{published}");
    }
    instance.stop(production);
}
