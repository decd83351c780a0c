//! Running the binary.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use chancery_tests::postgres::TestPostgres;
use chancery_tests::server::Server;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_chancery");

/// Runs the binary to its end, in `folder`.
pub(crate) fn chancery(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(BINARY)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .env_remove("CHANCERY_DATABASE")
        .output()
        .unwrap()
}

/// Publishes what the instance is, with the operators' key.
#[track_caller]
pub(crate) fn update_trust(folder: &Path) {
    let update = [
        "trust",
        "update",
        "--key",
        "offline/tuf-targets.key.pem",
        "--passphrase-file",
        "offline/root.passphrase",
    ];
    let said = chancery(folder, &update);
    assert!(said.status.success(), "{said:?}");
}

/// Asserts that the binary failed with `code` and one line that holds all of `words`.
#[track_caller]
pub(crate) fn assert_refused(output: &Output, code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "it said: {said}");
    let line = said.lines().last().unwrap_or_default();
    assert!(
        line.starts_with("chancery: "),
        "no line for the operator: {said}"
    );
    for word in words {
        assert!(line.contains(word), "{word:?} is not in: {line}");
    }
}

/// Serves what stands in the folder, on free ports.
pub(crate) const SERVE: [&str; 5] = [
    "serve",
    "--listen",
    "127.0.0.1:0",
    "--admin-listen",
    "127.0.0.1:0",
];

/// Makes a production instance in `folder` and says whose tokens it takes.
pub(crate) fn init(folder: &Path) {
    init_with(folder, &[]);
}

/// As [`init`], with more arguments.
pub(crate) fn init_with(folder: &Path, more: &[&str]) {
    let arguments = [
        "init",
        "--url",
        "https://ca.example.org",
        "--log-read",
        "open",
    ];
    let output = chancery(folder, &[&arguments, more].concat());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let identity = "oidc-issuers:\n  https://login.example.org:\n    issuer-url: \
                    https://login.example.org\n    client-id: sigstore\n    type: email\n";
    std::fs::write(folder.join("identity.yaml"), identity).unwrap();
}

/// Starts a development server on SQLite.
pub(crate) async fn on_sqlite() -> Server {
    Server::start(Path::new(BINARY), None).await.unwrap()
}

/// Starts a development server on SQLite that also takes tokens as `configuration` says.
pub(crate) async fn dev_with_identity_config(configuration: &str) -> Server {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("identity.yaml");
    std::fs::write(&path, configuration).unwrap();
    let arguments = ["--identity-config".as_ref(), path.as_os_str()];
    Server::start_with(Path::new(BINARY), None, data, &arguments)
        .await
        .unwrap()
}

/// Starts a development server on PostgreSQL, where the tests have one.
pub(crate) async fn on_postgres() -> Option<(Server, TestPostgres)> {
    let database = TestPostgres::create().await.unwrap()?;
    let server = Server::start(Path::new(BINARY), Some(database.url()))
        .await
        .unwrap();
    Some((server, database))
}
