//! What `serve` and `init` refuse: one clear line and exit code 3.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::harness::{assert_refused, chancery, init};

/// Makes an instance, spoils it, and asserts what `serve` says.
#[track_caller]
fn spoilt(spoil: impl FnOnce(&Path), words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path());
    spoil(folder.path());
    assert_refused(&chancery(folder.path(), &["serve"]), 3, words);
}

fn edit(folder: &Path, from: &str, to: &str) {
    let path = folder.join("chancery.yaml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

/// Makes a second instance and takes one of its files.
fn take_from_another(folder: &Path, files: &[&str]) {
    let other = tempfile::tempdir().unwrap();
    init(other.path());
    for file in files {
        fs::copy(other.path().join(file), folder.join(file)).unwrap();
    }
}

#[test]
fn a_missing_configuration_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = chancery(folder.path(), &["serve"]);
    assert_refused(&output, 3, &["chancery.yaml", "chancery init"]);
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "serve made something"
    );
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest() {
    spoilt(
        |f| edit(f, "admin-listen:", "admin-lissen:"),
        &["did you mean `admin-listen`?"],
    );
}

#[test]
fn a_missing_database_is_refused_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path());
    fs::remove_file(folder.path().join("chancery.db")).unwrap();
    assert_refused(&chancery(folder.path(), &["serve"]), 3, &["chancery.db"]);
    assert!(!folder.path().join("chancery.db").exists());
}

#[test]
fn a_missing_guard_is_refused_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path());
    fs::remove_file(folder.path().join("guard")).unwrap();
    assert_refused(&chancery(folder.path(), &["serve"]), 3, &["guard"]);
    assert!(!folder.path().join("guard").exists());
}

#[test]
fn another_guard_is_refused() {
    spoilt(
        |f| take_from_another(f, &["guard"]),
        &["the guard is not the one"],
    );
}

#[test]
fn another_log_key_is_refused() {
    spoilt(
        |f| {
            fs::remove_file(f.join("log/log.key.pem")).unwrap();
            fs::copy(f.join("ca/issuing.key.pem"), f.join("log/log.key.pem")).unwrap();
        },
        &["the log's key is not the one"],
    );
}

#[test]
fn a_key_that_does_not_fit_its_certificate_is_refused() {
    spoilt(
        |f| {
            fs::remove_file(f.join("ca/issuing.key.pem")).unwrap();
            fs::copy(f.join("log/log.key.pem"), f.join("ca/issuing.key.pem")).unwrap();
        },
        &["the CA key does not fit"],
    );
}

#[test]
fn another_instances_ca_is_refused() {
    let files = [
        "ca/chain.pem",
        "ca/issuing.key.pem",
        "log/log.key.pem",
        "log/witness.key.pem",
        "tsa/chain.pem",
        "tsa/tsa.key.pem",
        "secrets/passphrase",
    ];
    spoilt(
        |f| take_from_another(f, &files),
        &["is not the one that this database was made with"],
    );
}

#[test]
fn a_chain_that_ends_before_its_root_is_refused() {
    spoilt(
        |f| {
            let path = f.join("ca/chain.pem");
            let text = fs::read_to_string(&path).unwrap();
            let end = text.find("-----END CERTIFICATE-----").unwrap();
            fs::write(
                &path,
                format!("{}-----END CERTIFICATE-----\n", &text[..end]),
            )
            .unwrap();
        },
        &["chain.pem"],
    );
}

#[test]
fn an_expired_ca_is_refused() {
    spoilt(
        |f| write_expired_chain(&f.join("ca/chain.pem")),
        &["expired at"],
    );
}

/// Writes a chain whose certificates have expired; its keys never come into it.
fn write_expired_chain(path: &Path) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    fs::write(path, params.self_signed(&key).unwrap().pem()).unwrap();
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    spoilt(
        |f| {
            let permissions = fs::Permissions::from_mode(0o644);
            fs::set_permissions(f.join("ca/issuing.key.pem"), permissions).unwrap();
        },
        &["issuing.key.pem", "chmod 600"],
    );
}

#[test]
fn a_wrong_passphrase_is_refused() {
    spoilt(
        |f| fs::write(f.join("secrets/passphrase"), "wrong\n").unwrap(),
        &["passphrase"],
    );
}

#[test]
fn an_identity_configuration_without_issuers_is_refused() {
    spoilt(
        |f| fs::write(f.join("identity.yaml"), "oidc-issuers: {}\n").unwrap(),
        &["identity.yaml"],
    );
}

#[test]
fn an_issuer_over_plain_http_is_refused() {
    spoilt(
        |f| {
            let text = "oidc-issuers:\n  http://login.example.org:\n    issuer-url: \
                        http://login.example.org\n    client-id: sigstore\n    type: email\n";
            fs::write(f.join("identity.yaml"), text).unwrap();
        },
        &["http://login.example.org", "allow-http"],
    );
}

#[test]
fn another_origin_is_refused() {
    spoilt(
        |f| edit(f, "origin: ca.example.org", "origin: ca.example.com"),
        &[
            "log.origin is \"ca.example.com/ct/",
            "it is \"ca.example.org/ct/",
        ],
    );
}

#[test]
fn a_development_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path());
    edit(
        folder.path(),
        "sqlite:chancery.db",
        "sqlite:dev/chancery.db",
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let data = runtime.block_on(async {
        let (_, data) = crate::harness::on_sqlite().await.stop().unwrap();
        data
    });
    fs::rename(data.path().join("instance"), folder.path().join("dev")).unwrap();
    assert_refused(&chancery(folder.path(), &["serve"]), 3, &["`chancery dev`"]);
}

#[test]
fn init_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path());
    let before = fs::read(folder.path().join("ca/chain.pem")).unwrap();
    let again = [
        "init",
        "--url",
        "https://ca.example.org",
        "--log-read",
        "open",
    ];
    assert_refused(
        &chancery(folder.path(), &again),
        3,
        &["chancery.yaml", "exists"],
    );
    fs::remove_file(folder.path().join("chancery.yaml")).unwrap();
    assert!(!chancery(folder.path(), &again).status.success());
    assert_eq!(
        fs::read(folder.path().join("ca/chain.pem")).unwrap(),
        before
    );
}

#[test]
fn init_asks_who_may_read() {
    let folder = tempfile::tempdir().unwrap();
    let output = chancery(folder.path(), &["init", "--url", "https://ca.example.org"]);
    assert_refused(&output, 2, &["--log-read", "cannot be erased"]);
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "init made something"
    );
}

#[test]
fn a_replica_joins_with_the_instances_own_files_only() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path());
    fs::rename(
        folder.path().join("chancery.yaml"),
        folder.path().join("first.yaml"),
    )
    .unwrap();
    fs::rename(
        folder.path().join("guard"),
        folder.path().join("shared-guard"),
    )
    .unwrap();
    let join = |read| {
        let url = "https://ca.example.org";
        let guard = "shared-guard";
        let arguments = [
            "init",
            "--join",
            "--url",
            url,
            "--log-read",
            read,
            "--guard",
            guard,
        ];
        chancery(folder.path(), &arguments)
    };
    let without = [
        "init",
        "--join",
        "--url",
        "https://ca.example.org",
        "--log-read",
        "open",
    ];
    assert_refused(&chancery(folder.path(), &without), 2, &["--guard"]);
    assert_refused(&join("restricted"), 3, &["log.read is not the one"]);
    let output = join("open");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );

    fs::remove_file(folder.path().join("chancery.yaml")).unwrap();
    take_from_another(folder.path(), &["guard"]);
    fs::rename(
        folder.path().join("guard"),
        folder.path().join("shared-guard"),
    )
    .unwrap();
    assert_refused(&join("open"), 3, &["the guard is not the one"]);
    assert!(!folder.path().join("chancery.yaml").exists());
}

#[test]
fn opening_a_restricted_log_by_editing_is_refused() {
    spoilt(
        |f| edit(f, "read: open", "read: restricted"),
        &["log.read is not the one"],
    );
}

#[test]
fn a_lost_witness_key_is_refused() {
    spoilt(
        |f| fs::remove_file(f.join("log/witness.key.pem")).unwrap(),
        &["witness.key.pem"],
    );
}

#[test]
fn a_password_in_the_configuration_is_refused() {
    let url = "database: postgres://chancery:hunter2@127.0.0.1/none";
    spoilt(
        |f| edit(f, "database: sqlite:chancery.db", url),
        &["database-file", "password"],
    );
}

#[test]
fn a_database_that_does_not_answer_is_a_failure_and_no_fault_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path());
    let port = chancery_tests::server::free_port().unwrap();
    let url = format!("postgres://chancery@127.0.0.1:{port}/none");
    let output = chancery(folder.path(), &["serve", "--database", &url]);
    assert_refused(&output, 1, &["127.0.0.1"]);
}

#[test]
fn init_takes_a_relative_database_where_it_was_typed() {
    let folder = tempfile::tempdir().unwrap();
    let url = "https://ca.example.org";
    let arguments = [
        "init",
        "--url",
        url,
        "--log-read",
        "open",
        "--dir",
        "d",
        "--database",
        "sqlite:x.db",
    ];
    let output = chancery(folder.path(), &arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(folder.path().join("x.db").exists());
    // The next refusal is about issuers: the database was found.
    let output = chancery(folder.path(), &["serve", "--config", "d/chancery.yaml"]);
    assert_refused(&output, 3, &["identity.yaml"]);
}

#[test]
fn init_refuses_what_would_be_published_or_unreadable() {
    let folder = tempfile::tempdir().unwrap();
    let init = |more: &[&str]| {
        let arguments = [&["init", "--log-read", "open"], more].concat();
        chancery(folder.path(), &arguments)
    };
    for url in [
        "https://user:secret@ca.example.org",
        "https://ca.example.org/x",
        "ca.example.org",
    ] {
        assert_refused(&init(&["--url", url]), 3, &["url"]);
    }
    let url = "https://ca.example.org";
    for organization in ["", "a\nb", &"x".repeat(65)] {
        let output = init(&["--url", url, "--organization", organization]);
        assert_refused(&output, 2, &["--organization"]);
    }
    assert_refused(
        &init(&["--url", url, "--log-name", "a/b"]),
        2,
        &["--log-name"],
    );
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "init made something"
    );
}

#[test]
fn a_configuration_without_end_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = chancery(folder.path(), &["serve", "--config", "/dev/zero"]);
    assert_refused(&output, 3, &["/dev/zero", "larger than 1 MiB"]);
}
