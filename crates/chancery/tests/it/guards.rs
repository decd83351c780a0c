//! Guards that are no files: made by `init`, used by `serve` and by replicas, and right about an
//! older database.
//!
//! The one in an object store runs where `CHANCERY_TEST_S3` names the endpoint of a server that takes
//! any credentials; see `cargo xtask clients s3-guard`.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Output;

use chancery_tests::client::Identity;
use chancery_tests::issuer::Issuer;
use chancery_tests::postgres::TestPostgres;
use tempfile::TempDir;

use crate::harness::{SERVE, assert_refused, chancery, init_with};
use crate::production::{Production, identity, write_issuers};

fn said(output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr];
    texts.map(|text| String::from_utf8_lossy(text)).join("\n")
}

/// Writes a file that its owner alone may read.
fn write_secret(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new();
    let file = file.create_new(true).write(true).mode(0o600).open(path);
    file.unwrap().write_all(text.as_bytes()).unwrap();
}

/// Returns `guard.id` of a folder's configuration.
fn guard_id(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("chancery.yaml")).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("id: "));
    line.unwrap().trim_matches('\'').to_owned()
}

/// Makes an instance with a guard by the arguments of `init`, joins a replica to it, and puts an
/// older database back.
async fn guarded(folder: TempDir, arguments: &[&str]) -> TempDir {
    init_with(folder.path(), arguments);
    assert!(!folder.path().join("guard").exists());
    let checked = chancery(folder.path(), &["config", "check"]);
    assert!(checked.status.success(), "{}", said(&checked));
    let shown = chancery(folder.path(), &["config", "show"]);
    assert!(said(&shown).contains(&guard_id(folder.path())));
    join(folder.path(), arguments);

    let issuer = Issuer::start().await.unwrap();
    let url = format!("{}/a", issuer.url());
    write_issuers(&folder.path().join("identity.yaml"), &[url]);
    let who = identity(&issuer, "/a").await;
    let folder = issue(folder, &who, 2).await;
    let database = folder.path().join("chancery.db");
    let backup = fs::read(&database).unwrap();
    let folder = issue(folder, &who, 3).await;

    fs::write(&database, backup).unwrap();
    let refused = chancery(folder.path(), &SERVE);
    assert_refused(&refused, 3, &["rolled back", "size 2 root", "size 5 root"]);
    another_guard_is_refused(folder.path());
    folder
}

/// Configures a replica in a folder of its own; with the wrong guard's id, nothing comes of it.
fn join(first: &Path, arguments: &[&str]) {
    let folder = first.join("replica");
    fs::create_dir(&folder).unwrap();
    let copy = |room: &str| {
        let copied = std::process::Command::new("cp")
            .arg("-a")
            .args([first.join(room), folder.join(room)])
            .status();
        assert!(copied.unwrap().success());
    };
    for room in ["ca", "log", "secrets"] {
        copy(room);
    }
    let database = format!("sqlite:{}", first.join("chancery.db").display());
    let join = |id: &str| {
        let first_arguments = [
            "init",
            "--join",
            "--dir",
            "replica",
            "--url",
            "https://ca.example.org",
            "--log-read",
            "open",
            "--passphrase-file",
            "secrets/passphrase",
            "--database",
            &database,
            "--guard-id",
            id,
        ];
        chancery(first, &[&first_arguments, arguments].concat())
    };
    // It would serve unsigned what the first one serves signed.
    let refused = join(&guard_id(first));
    assert_refused(&refused, 3, &["no section trust", "copy trust/"]);
    copy("trust");
    let refused = join("00000000000000000000000000000000");
    assert_refused(&refused, 3, &["00000000000000000000000000000000"]);
    assert!(!folder.join("chancery.yaml").exists());
    let joined = join(&guard_id(first));
    assert!(joined.status.success(), "{}", said(&joined));
    let config = fs::read_to_string(folder.join("chancery.yaml")).unwrap();
    assert!(config.contains("\ntrust:\n"), "{config}");
    assert_eq!(guard_id(&folder), guard_id(first));
}

/// A guard of some other log, in the same place, has not seen this log.
fn another_guard_is_refused(folder: &Path) {
    let path = folder.join("chancery.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let other = "0123456789abcdef0123456789abcdef";
    fs::write(&path, text.replace(&guard_id(folder), other)).unwrap();
    assert_refused(&chancery(folder, &SERVE), 3, &[other]);
    fs::write(&path, text).unwrap();
}

/// Serves, issues and stops.
async fn issue(folder: TempDir, who: &Identity, count: usize) -> TempDir {
    let production = Production::start(folder);
    for _ in 0..count {
        assert_eq!(production.status(who).await, 200);
    }
    production.stop()
}

#[tokio::test]
async fn an_older_database_is_refused_by_a_guard_in_another_file() {
    let folder = tempfile::tempdir().unwrap();
    guarded(folder, &["--guard-database", "sqlite:guards.db"]).await;
}

#[tokio::test]
async fn an_older_database_is_refused_by_a_guard_on_postgres() {
    let Some(database) = TestPostgres::create().await.unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    write_secret(&folder.path().join("guard-url"), database.url());
    guarded(folder, &["--guard-database-file", "guard-url"]).await;
    database.drop().await.unwrap();
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "where the tests' server is")]
async fn an_older_database_is_refused_by_a_guard_in_an_object() {
    let Ok(endpoint) = std::env::var("CHANCERY_TEST_S3") else {
        assert!(std::env::var("CHANCERY_REQUIRE_S3").is_err());
        println!("left out: needs an S3 server, see `cargo xtask clients s3-guard`");
        return;
    };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let bucket = format!("{}/chancery-binary", endpoint.trim_end_matches('/'));
    let made = client.put(bucket).send().await.unwrap();
    made.error_for_status().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let credentials = "# of a test\nAWS_ACCESS_KEY_ID=test\nAWS_SECRET_ACCESS_KEY=hunter2\n";
    write_secret(&folder.path().join("credentials"), credentials);
    let folder = guarded(
        folder,
        &[
            "--guard-objects",
            "s3://chancery-binary/guards",
            "--guard-endpoint",
            &endpoint,
            "--guard-region",
            "us-east-1",
            "--guard-credentials-file",
            "credentials",
        ],
    )
    .await;
    let shown = chancery(folder.path(), &["config", "show"]);
    assert!(!said(&shown).contains("hunter2"), "{}", said(&shown));
}

#[tokio::test]
async fn a_guard_in_another_database_of_the_same_server_is_warned_of() {
    let (Some(database), Some(guards)) = (
        TestPostgres::create().await.unwrap(),
        TestPostgres::create().await.unwrap(),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    write_secret(&folder.path().join("url"), database.url());
    write_secret(&folder.path().join("guard-url"), guards.url());
    let arguments = ["--database-file", "url", "--guard-database-file"];
    init_with(
        folder.path(),
        &[arguments.as_slice(), &["guard-url"]].concat(),
    );
    let checked = chancery(folder.path(), &["config", "check"]);
    assert!(checked.status.success(), "{}", said(&checked));
    assert!(
        said(&checked).contains("warning  guard"),
        "{}",
        said(&checked)
    );
    database.drop().await.unwrap();
    guards.drop().await.unwrap();
}

#[test]
fn what_cannot_be_a_guard_is_refused_before_there_is_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let init = |more: &[&str]| {
        let arguments = [
            "init",
            "--url",
            "https://ca.example.org",
            "--log-read",
            "open",
        ];
        chancery(folder.path(), &[&arguments, more].concat())
    };
    let refused = init(&["--guard-database", "postgres://u:hunter2@localhost/d"]);
    assert_refused(&refused, 2, &["--guard-database-file"]);
    assert!(!said(&refused).contains("hunter2"), "{}", said(&refused));
    let refused = init(&["--guard-database", "sqlite:chancery.db"]);
    assert_refused(&refused, 3, &["is the database that is to be guarded"]);
    assert!(!folder.path().join("chancery.yaml").exists());
    assert!(!folder.path().join("ca/issuing.key.pem").exists());
    let refused = init(&["--join", "--guard-database", "sqlite:guards.db"]);
    assert_refused(&refused, 2, &["--guard-id"]);
    assert!(!folder.path().join("guards.db").exists());
}
