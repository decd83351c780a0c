//! `chancery log mirror` and `chancery log verify --directory` of logs that mean harm.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use chancery_tlog::{Hash, TreeHead};

use crate::fake_log::{FakeLog, Served};
use crate::harness::{BINARY, assert_refused, chancery};

/// What a mirror may have of memory at once, in bytes.
const MEMORY: u64 = 200_000_000;

fn arguments(url: &str) -> Vec<&str> {
    vec![
        "log", "mirror", url, "--key", "log.der", "--to", "copy", "--once",
    ]
}

fn certificate(place: u64) -> Vec<u8> {
    format!("certificate {place}").into_bytes()
}

/// The sizes of the checkpoints that a copy keeps as evidence.
fn evidence(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder.join("copy/evidence")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut sizes: Vec<_> = names
        .map(|name| name.split('-').next().unwrap().into())
        .collect();
    sizes.sort();
    sizes
}

#[test]
fn a_log_that_went_back_shrank_or_forked_is_not_followed_and_both_heads_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let log = FakeLog::new();
    log.write_key(&folder.join("log.der"));
    let before = log.files(300, certificate);
    let served = Served::begin(before.clone());
    let mirror = || chancery(folder, &arguments(&served.url));
    assert!(mirror().status.success());

    let smaller = log.files(280, certificate);
    served.replace(smaller.clone());
    assert_refused(&mirror(), 4, &["WENT BACK", "size 300 ", "size 280 "]);
    assert_eq!(evidence(folder), ["280", "300"]);
    // Signed after the larger one: no cache explains it.
    let mut files = smaller;
    let other = log.files(279, certificate);
    let head = chancery_tlog::SignedNote::parse(&other["checkpoint"]).unwrap();
    let head = chancery_tlog::Checkpoint::parse(head.text()).unwrap().head;
    files.insert("checkpoint".to_owned(), log.checkpoint(head, 1_000));
    served.replace(files);
    assert_refused(&mirror(), 4, &["SHRANK", "size 300 ", "size 279 "]);
    assert_eq!(evidence(folder), ["279", "280", "300"]);

    let other = |place: u64| certificate(if place == 7 { 8 } else { place });
    for size in [300, 700] {
        served.replace(log.files(size, other));
        let now = format!("size {size} ");
        assert_refused(&mirror(), 4, &["FORKED", "size 300 ", &now]);
    }
    assert_eq!(evidence(folder), ["279", "280", "300", "300", "700"]);
    // The copy is what it was, and the log can be followed where it is itself again.
    assert_eq!(
        fs::read(folder.join("copy/checkpoint")).unwrap(),
        before["checkpoint"]
    );
    served.replace(log.files(700, certificate));
    assert!(mirror().status.success());
}

#[test]
fn a_url_that_is_none_is_refused_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    for url in ["https://ada:hunter2@[", "https://ada:hunter2@log.example:x"] {
        let refused = chancery(folder.path(), &arguments(url));
        assert_refused(&refused, 2, &["the log's URL"]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn memory_is_bounded_however_large_tiles_are() {
    let folder = tempfile::tempdir().unwrap();
    let log = FakeLog::new();
    log.write_key(&folder.path().join("log.der"));
    // As large as is read at all; and before them some that can be read together.
    let large = |place: u64| {
        let length = if place < 1_024 { 8_000 } else { 131_000 };
        vec![u8::try_from(place % 251).unwrap(); length]
    };
    let served = Served::begin(log.files(10 * 256, large));
    let mut child = Command::new(BINARY)
        .args(arguments(&served.url))
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut most = 0;
    let status = loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id()));
        most = status
            .ok()
            .and_then(|text| resident(&text))
            .unwrap_or(0)
            .max(most);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "{status}");
    assert!((1..MEMORY).contains(&most), "it had {most} bytes");
}

/// Returns the most memory that a process has had, in bytes (`proc(5)`).
fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[test]
fn a_checkpoint_of_a_trillion_entries_over_nothing_is_given_up_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let log = FakeLog::new();
    log.write_key(&folder.join("log.der"));
    let verify = |copy: &str| {
        let arguments = ["log", "verify", "--directory", copy, "--key", "log.der"];
        chancery(folder, &[&arguments[..], &["--any-entries"]].concat())
    };
    let head = |tree_size| TreeHead {
        tree_size,
        root_hash: Hash::EMPTY_ROOT,
    };
    let empty = folder.join("empty");
    fs::create_dir(&empty).unwrap();
    fs::write(empty.join("checkpoint"), log.checkpoint(head(1 << 40), 0)).unwrap();
    let refused = verify("empty");
    assert_refused(&refused, 4, &["findings in log log.example.org/fake"]);
    let said = String::from_utf8(refused.stdout).unwrap();
    let first = said.lines().next().unwrap();
    assert!(first.contains("tiles in a row are missing"), "{first}");
    assert!(first.contains("of 1099511627776 entries"), "{first}");

    fs::write(
        empty.join("checkpoint"),
        log.checkpoint(head((1 << 40) + 1), 0),
    )
    .unwrap();
    let refused = verify("empty");
    assert_refused(&refused, 4, &["1 finding in empty"]);
    let said = String::from_utf8(refused.stdout).unwrap();
    assert!(
        said.contains("no log of tiles has more than 1099511627776"),
        "{said}"
    );

    // A few that are missing do not keep the others from being looked at.
    let whole = log.files(60 * 256, certificate);
    for (name, bytes) in whole {
        let place = name.rsplit('/').next().and_then(|name| name.parse().ok());
        let level = name.split('/').nth(1).unwrap_or_default();
        if level != "1" && matches!(place, Some(10..=39)) {
            continue;
        }
        let file = folder.join("gaps").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
    let said = String::from_utf8(verify("gaps").stdout).unwrap();
    assert!(said.contains("15360 entries"), "{said}");
}
