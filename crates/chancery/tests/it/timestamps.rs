//! Timestamps of a whole instance: what OpenSSL says of them, and what `serve` refuses.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use chancery_tests::postgres::TestPostgres;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::harness::{SERVE, assert_refused, chancery, init_with, on_sqlite, update_trust};
use crate::production::{Production, made};

fn openssl(folder: &Path, arguments: &str) -> Output {
    Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap()
}

/// Asks for a timestamp of `data`, leaves request, answer and certificates in `folder`, and returns
/// the status.
async fn stamp(url: &str, folder: &Path) -> u16 {
    fs::write(folder.join("data"), "a signature").unwrap();
    openssl(folder, "ts -query -data data -sha256 -cert -out request");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = http
        .post(format!("{url}/api/v1/timestamp"))
        .header("content-type", "application/timestamp-query")
        .body(fs::read(folder.join("request")).unwrap());
    let answer = asked.send().await.unwrap();
    let status = answer.status().as_u16();
    fs::write(folder.join("answer"), answer.bytes().await.unwrap()).unwrap();
    let chain = http.get(format!("{url}/api/v1/timestamp/certchain"));
    let chain = chain.send().await.unwrap().text().await.unwrap();
    fs::write(folder.join("chain.pem"), chain).unwrap();
    status
}

#[tokio::test]
async fn openssl_accepts_a_timestamp_under_the_served_chain() {
    let server = on_sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(stamp(server.url(), folder.path()).await, 200);
    let verify = "ts -verify -queryfile request -in answer -CAfile chain.pem";
    let verified = openssl(folder.path(), verify);
    assert!(verified.status.success(), "{verified:?}");
    fs::write(folder.path().join("data"), "another signature").unwrap();
    let other = "ts -verify -data data -in answer -CAfile chain.pem";
    assert!(!openssl(folder.path(), other).status.success());
}

#[tokio::test]
async fn a_production_instance_stamps_and_counts() {
    let production = Production::start(made());
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{}", production.port());
    assert_eq!(stamp(&url, folder.path()).await, 200);
    let metrics = production.metrics().await;
    for line in [
        "chancery_timestamp_stamped_total 1",
        "chancery_timestamp_certificate_expires_seconds",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    assert!(!metrics.contains("clock_ahead_seconds "), "{metrics}");
}

#[test]
fn without_timestamps_there_is_no_authority() {
    let folder = tempfile::tempdir().unwrap();
    init_with(folder.path(), &["--no-timestamps"]);
    let settings = fs::read_to_string(folder.path().join("chancery.yaml")).unwrap();
    assert!(!settings.contains("timestamps"), "{settings}");
    assert!(!folder.path().join("tsa").exists());
}

#[test]
fn a_key_of_another_chain_is_refused() {
    let folder = made();
    let at = |path: &str| folder.path().join(path);
    fs::copy(at("log/log.key.pem"), at("tsa/tsa.key.pem")).unwrap();
    for command in [&["serve"][..], &["config", "check"]] {
        let refused = chancery(folder.path(), command);
        let said = String::from_utf8_lossy(&refused.stdout).into_owned();
        assert_refused(&refused, 3, &[]);
        let said = said + &String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains("not the key of the timestamp"), "{said}");
    }
}

#[test]
fn a_chain_that_cannot_stamp_is_refused() {
    let folder = made();
    let at = |path: &str| folder.path().join(path);
    fs::copy(at("ca/chain.pem"), at("tsa/chain.pem")).unwrap();
    let refused = chancery(folder.path(), &["serve"]);
    assert_refused(&refused, 3, &["tsa/chain.pem", "cannot sign timestamps"]);
}

#[tokio::test]
async fn nothing_is_stamped_while_nobody_confirms_the_time() {
    let folder = made();
    let settings = folder.path().join("chancery.yaml");
    // No one answers on this port: it is TCP's discard service's.
    let ntp = "  ntp: {servers: ['127.0.0.1:9'], limit-ms: 500}\n";
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(
        &settings,
        text.replace("timestamps:\n", &format!("timestamps:\n{ntp}")),
    )
    .unwrap();
    let production = Production::start(folder);
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{}", production.port());
    assert_eq!(stamp(&url, folder.path()).await, 503);
    let metrics = production.metrics().await;
    let line = r#"chancery_timestamp_refused_total{reason="timeNotAvailable"} 1"#;
    assert!(metrics.contains(line), "{metrics}");
}

/// Answers NTP requests with a time that is an hour later than this machine's.
fn wrong_time_server() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut request = [0; 48];
        while let Ok((_, client)) = socket.recv_from(&mut request) {
            // Seconds since 1900, and a fraction of which nothing is said.
            let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
            let later = u32::try_from(now + 2_208_988_800 + 3_600).unwrap();
            let mut answer = [0; 48];
            answer[0] = 0x24; // version 4, server
            answer[1] = 1;
            answer[24..32].copy_from_slice(&request[40..48]);
            answer[32..36].copy_from_slice(&later.to_be_bytes());
            answer[40..44].copy_from_slice(&later.to_be_bytes());
            let _ = socket.send_to(&answer, client);
        }
    });
    address
}

#[tokio::test]
async fn nothing_is_stamped_while_the_clock_is_apart_from_ntp_servers() {
    let folder = made();
    let settings = folder.path().join("chancery.yaml");
    let ntp = format!("  ntp: {{servers: ['{}']}}\n", wrong_time_server());
    let text = fs::read_to_string(&settings).unwrap();
    let with_ntp = text.replace("timestamps:\n", &format!("timestamps:\n{ntp}"));
    fs::write(&settings, with_ntp).unwrap();
    let production = Production::start(folder);
    let is_behind = |metrics: &str| {
        metrics.contains("chancery_timestamp_clock_ahead_seconds{} -35")
            || metrics.contains("chancery_timestamp_clock_ahead_seconds{} -36")
    };
    let mut metrics = production.metrics().await;
    for _ in 0..600 {
        if is_behind(&metrics) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        metrics = production.metrics().await;
    }
    assert!(is_behind(&metrics), "{metrics}");
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{}", production.port());
    assert_eq!(stamp(&url, folder.path()).await, 503);
    assert_eq!(
        production.client().get("/healthz").await.unwrap().status,
        200
    );
}

/// Has a new key and certificate made and recorded, in `tsa/new`.
#[track_caller]
fn renew(folder: &Path) -> String {
    let renewed = chancery(folder, &renewal("offline/tsa-root.key.pem", "tsa/new"));
    assert!(renewed.status.success(), "{renewed:?}");
    String::from_utf8(renewed.stdout).unwrap()
}

fn renewal<'a>(key: &'a str, into: &'a str) -> [&'a str; 8] {
    [
        "timestamps",
        "renew",
        "--issuer-key",
        key,
        "--issuer-passphrase-file",
        "offline/root.passphrase",
        "--into",
        into,
    ]
}

/// Has the configuration name what is in `tsa/new`.
fn stamp_with_new(folder: &Path) {
    let settings = folder.join("chancery.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    let text = text
        .replace("chain: tsa/chain.pem", "chain: tsa/new/chain.pem")
        .replace("key: tsa/tsa.key.pem", "key: tsa/new/tsa.key.pem");
    fs::write(&settings, text).unwrap();
}

/// Returns the windows' ends of the timestamp authorities that clients trust.
async fn ends(production: &Production) -> Vec<Option<String>> {
    let root = production.client().get("/trusted_root.json").await.unwrap();
    let root: Value = serde_json::from_str(&root.body).unwrap();
    let authorities = root["timestampAuthorities"].as_array().unwrap();
    let end = |authority: &Value| authority["validFor"]["end"].as_str().map(str::to_owned);
    authorities.iter().map(end).collect()
}

/// Asks until timestamps get an answer of this status.
async fn wait_for_status(url: &str, folder: &Path, expected: u16) {
    for _ in 0..600 {
        if stamp(url, folder).await == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no answer had the status {expected}");
}

#[tokio::test]
async fn a_renewed_certificate_takes_over_and_the_old_one_stays_trusted_for_a_while() {
    let production = Production::start(made());
    let refused = renewal("offline/root.key.pem", "tsa/wrong");
    let refused = chancery(&production.path(""), &refused);
    assert_refused(&refused, 3, &["not the key of the second certificate"]);
    let said = renew(&production.path(""));
    assert!(said.contains("chancery trust update"), "{said}");
    update_trust(&production.path(""));
    let folder = production.stop();

    stamp_with_new(folder.path());
    let production = Production::start(folder);
    assert_eq!(ends(&production).await, [None, None]);
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{}", production.port());
    assert_eq!(stamp(&url, folder.path()).await, 200);
    let verify = "ts -verify -queryfile request -in answer -CAfile chain.pem";
    assert!(openssl(folder.path(), verify).status.success());
    let served = fs::read(folder.path().join("chain.pem")).unwrap();
    let new = fs::read(production.path("tsa/new/chain.pem")).unwrap();
    assert_eq!(served, new);

    let folder = production.stop();
    update_trust(folder.path());
    let production = Production::start(folder);
    let [None, Some(end)] = &ends(&production).await[..] else {
        panic!("the chain in use is not first, or the other does not end");
    };
    let end = OffsetDateTime::parse(end, &Rfc3339).unwrap();
    let left = end - OffsetDateTime::now_utc();
    let expected = time::Duration::minutes(30)..=time::Duration::minutes(60);
    assert!(expected.contains(&left), "{left}");

    // Who has not heard of it finds out when it starts.
    let folder = production.stop();
    let settings = folder.path().join("chancery.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("tsa/new/", "tsa/")).unwrap();
    let refused = chancery(folder.path(), &SERVE);
    assert_refused(&refused, 3, &["tsa/chain.pem", "count until"]);
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    let mut copying = Command::new("cp");
    let copied = copying.arg("-a").arg(from.join(".")).arg(to).status();
    assert!(copied.unwrap().success());
}

#[test]
fn a_chain_that_nobody_recorded_is_refused_until_somebody_does() {
    let folder = Production::start(made()).stop();
    let other = tempfile::tempdir().unwrap();
    copy(folder.path(), other.path());
    renew(other.path());
    fs::create_dir(folder.path().join("tsa/new")).unwrap();
    copy(
        &other.path().join("tsa/new"),
        &folder.path().join("tsa/new"),
    );
    stamp_with_new(folder.path());
    let words = [
        "tsa/new/chain.pem",
        "stamps with another one",
        "timestamps record",
    ];
    assert_refused(&chancery(folder.path(), &SERVE), 3, &words);
    let checked = chancery(folder.path(), &["config", "check"]);
    assert_eq!(checked.status.code(), Some(3), "{checked:?}");
    let record = ["timestamps", "record", "--chain", "tsa/new/chain.pem"];
    let recorded = chancery(folder.path(), &record);
    assert!(recorded.status.success(), "{recorded:?}");
    Production::start(folder);
}

#[tokio::test]
async fn a_chain_that_is_given_an_end_stamps_no_more_and_for_ever() {
    let production = Production::start(made());
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{}", production.port());
    assert_eq!(stamp(&url, folder.path()).await, 200);
    let record = |until: &str| {
        let record = [
            "timestamps",
            "record",
            "--chain",
            "tsa/chain.pem",
            "--until",
            until,
        ];
        chancery(&production.path(""), &record)
    };
    // The last is in a year that trust documents cannot write, once it is rounded up.
    for until in ["2020-01-01T00:00:00Z", "9999-12-31T23:59:59.5Z"] {
        assert_refused(&record(until), 2, &["--until"]);
    }
    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap();
    let recorded = record(&now);
    assert!(recorded.status.success(), "{recorded:?}");
    wait_for_status(&url, folder.path(), 503).await;
    production.wait_for(&["nothing is stamped after"]);
    let instance = production.stop();
    let refused = chancery(instance.path(), &SERVE);
    assert_refused(
        &refused,
        3,
        &["tsa/chain.pem", "count until", "timestamps renew"],
    );

    // Signers are told of the one that takes its place, before it has stamped.
    renew(instance.path());
    update_trust(instance.path());
    let export = chancery(instance.path(), &["trust", "export", "--to", "exported"]);
    assert!(export.status.success(), "{export:?}");
    let exported = fs::read_dir(instance.path().join("exported/targets")).unwrap();
    let mut exported = exported.map(|entry| entry.unwrap().path());
    let signing =
        exported.find(|path| path.to_string_lossy().ends_with("signing_config.v0.2.json"));
    let signing: Value = serde_json::from_slice(&fs::read(signing.unwrap()).unwrap()).unwrap();
    let told = &signing["tsaUrls"][0]["validFor"];
    assert!(told["start"].is_string() && told["end"].is_null(), "{told}");
}

#[tokio::test]
async fn a_replica_notices_that_another_one_took_over() {
    let Some(database) = TestPostgres::create().await.unwrap() else {
        return;
    };
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let url = one.path().join("database-url");
    fs::write(&url, database.url()).unwrap();
    fs::set_permissions(&url, fs::Permissions::from_mode(0o600)).unwrap();
    let guard = tempfile::tempdir().unwrap();
    let guard = guard.path().join("guard");
    let guard = ["--guard", guard.to_str().unwrap()];
    init_with(
        one.path(),
        &[&["--database-file", "database-url"], &guard[..]].concat(),
    );
    let one = Production::start(one);
    renew(&one.path(""));
    copy(&one.path(""), two.path());
    stamp_with_new(two.path());
    let two = Production::start(two);
    one.wait_for(&["another chain has taken the place"]);
    // Its turn to be restarted comes within the hour.
    for replica in [&one, &two] {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("http://127.0.0.1:{}", replica.port());
        assert_eq!(stamp(&url, folder.path()).await, 200);
    }
    let refused = chancery(one.stop().path(), &SERVE);
    assert_refused(&refused, 3, &["tsa/chain.pem", "count until"]);
    drop(two);
    database.drop().await.unwrap();
}
