//! A process that aborts at a step, for real: in a process of its own, started for it.

use std::process::{Command, ExitStatus};
use std::sync::{Arc, LazyLock};

use chancery_store::DatabaseUrl;
use serde::{Deserialize, Serialize};

use super::process::{Outcome, Process};
use super::step::{Death, Fault, Faults, Mishap};
use super::world::{CaKeys, World, token};
use super::{History, KEYS, Outside, TestPostgres, all};

/// Tells the child what it is to do.
const TASK_VARIABLE: &str = "CHANCERY_TEST_ABORT";

/// The keys in files, encrypted once: that is meant to be slow.
static SAVED_KEYS: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    KEYS.save(folder.path());
    folder
});

/// What a child does: certificates with these tokens, until a fault ends it.
#[derive(Deserialize, Serialize)]
struct Task {
    keys: std::path::PathBuf,
    folder: std::path::PathBuf,
    database: String,
    issuer: String,
    tokens: Vec<String>,
    faults: Vec<Fault>,
}

#[test]
fn a_process_that_aborts_at_any_step_on_sqlite() {
    let outside = Outside::start();
    for fault in deadly() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("chancery.db").display());
        let world = outside.found(folder.path(), &url);
        abort_and_recover(&outside, &world, &url, fault);
    }
}

#[test]
fn a_process_that_aborts_at_any_step_on_postgres() {
    let outside = Outside::start();
    for fault in deadly() {
        let Some(database) = outside.runtime.block_on(TestPostgres::create()).unwrap() else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let world = outside.found(folder.path(), database.url());
        abort_and_recover(&outside, &world, database.url(), fault);
        outside.runtime.block_on(database.drop()).unwrap();
    }
}

fn deadly() -> impl Iterator<Item = Fault> {
    let ends = |mishap| matches!(mishap, Mishap::DiesBefore | Mishap::DiesAfter);
    all().into_iter().filter(move |(_, mishap)| ends(*mishap))
}

fn abort_and_recover(outside: &Outside, world: &World, database: &str, fault: Fault) {
    let task = Task {
        keys: SAVED_KEYS.path().to_owned(),
        folder: world.folder.clone(),
        database: database.to_owned(),
        issuer: world.issuer.clone(),
        tokens: (0..3).map(|_| token(&outside.issuer)).collect(),
        faults: vec![fault],
    };
    let ended = run_child(&task);
    // Aborted, not failed.
    assert_eq!(ended.code(), None, "{fault:?}: {ended}");

    let mut history = History {
        outside,
        world,
        heads: Vec::new(),
    };
    let process = history.start_whole();
    history.issue_whole(&process);
    process.check(&history.heads);
    assert!(matches!(process.stop(), Outcome::Done(())));
}

fn run_child(task: &Task) -> ExitStatus {
    let this_test = std::env::current_exe().unwrap();
    Command::new(this_test)
        .args([
            "faults::abort::the_child",
            "--exact",
            "--ignored",
            "--quiet",
        ])
        .env(TASK_VARIABLE, serde_json::to_string(task).unwrap())
        .output()
        .unwrap()
        .status
}

#[test]
#[ignore = "it is the child that the tests above start"]
#[expect(clippy::disallowed_methods, reason = "its task is there")]
fn the_child() {
    let Ok(task) = std::env::var(TASK_VARIABLE) else {
        return;
    };
    let task: Task = serde_json::from_str(&task).unwrap();
    let world = World {
        keys: CaKeys::load(&task.keys),
        folder: task.folder,
        database: DatabaseUrl::parse(&task.database).unwrap(),
        issuer: task.issuer,
    };
    let faults = Arc::new(Faults::new(&task.faults, Death::Abort));
    let Outcome::Done(process) = Process::start(&world, faults) else {
        panic!("it refused to start");
    };
    for token in task.tokens {
        process.issue(&token);
    }
    process.stop();
}
