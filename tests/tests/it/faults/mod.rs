//! What goes wrong at each step of the act, alone and two in a row, on real databases: nothing that
//! a client holds is missing from the log, and the log never forks.
//!
//! In the manner of Sunlight's `TestSequenceErrors`: after the faults the log is opened again and
//! verified from its published bytes.

mod abort;
mod check;
mod faulty;
mod process;
mod step;
mod world;

use std::path::Path;
use std::sync::{Arc, LazyLock};

use chancery_store::DatabaseUrl;
use chancery_tests::issuer::Issuer;
use chancery_tests::postgres::TestPostgres;
use chancery_tlog::TreeHead;
use tokio::runtime::Runtime;

use process::{Outcome, Process};
use step::{Death, Fault, Faults, all, decisive};
use world::{CaKeys, World, token};

static KEYS: LazyLock<CaKeys> = LazyLock::new(CaKeys::generate);

#[test]
fn every_single_fault_on_sqlite() {
    on_sqlite(singles());
}

#[test]
fn every_single_fault_on_postgres() {
    on_postgres(singles());
}

#[test]
fn two_faults_in_a_row_on_sqlite() {
    on_sqlite(pairs(&decisive()));
}

#[test]
fn two_faults_in_a_row_on_postgres() {
    on_postgres(pairs(&decisive()));
}

/// Takes some minutes: `cargo test -p chancery-tests -- --ignored`.
#[test]
#[ignore = "the steps that decide are in the tests above; this is all of them"]
fn any_two_faults_in_a_row_on_sqlite() {
    on_sqlite(pairs(&all()));
}

fn singles() -> Vec<Vec<Fault>> {
    all().into_iter().map(|fault| vec![fault]).collect()
}

fn pairs(faults: &[Fault]) -> Vec<Vec<Fault>> {
    let with_each = |first: &Fault| faults.iter().map(|second| vec![*first, *second]).collect();
    faults.iter().flat_map::<Vec<_>, _>(with_each).collect()
}

/// What every scenario needs, started once.
struct Outside {
    runtime: Runtime,
    issuer: Issuer,
}

impl Outside {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let issuer = runtime.block_on(Issuer::start()).unwrap();
        Self { runtime, issuer }
    }

    fn found(&self, folder: &Path, database: &str) -> World {
        let database = DatabaseUrl::parse(database).unwrap();
        let keys = KEYS.clone();
        self.runtime.block_on(World::found(
            folder.to_owned(),
            database,
            &self.issuer,
            keys,
        ))
    }
}

fn on_sqlite(scenarios: Vec<Vec<Fault>>) {
    let outside = Outside::start();
    for faults in scenarios {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("chancery.db").display());
        let world = outside.found(folder.path(), &url);
        run(&outside, &world, &faults);
    }
}

fn on_postgres(scenarios: Vec<Vec<Fault>>) {
    let outside = Outside::start();
    for faults in scenarios {
        let Some(database) = outside.runtime.block_on(TestPostgres::create()).unwrap() else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let world = outside.found(folder.path(), database.url());
        run(&outside, &world, &faults);
        outside.runtime.block_on(database.drop()).unwrap();
    }
}

/// Issues, suffers `faults` in their order however often the process must be started for it, and
/// then verifies everything.
fn run(outside: &Outside, world: &World, faults: &[Fault]) {
    let mut history = History {
        outside,
        world,
        heads: Vec::new(),
    };
    let mut process = history.start_whole();
    history.issue_whole(&process);
    assert!(matches!(process.stop(), Outcome::Done(())));

    let faults_to_come = Arc::new(Faults::new(faults, Death::Frozen));
    history.suffer(&faults_to_come);
    assert_eq!(faults_to_come.left(), [], "{faults:?} did not all happen");

    process = history.start_whole();
    history.issue_whole(&process);
    process.check(&history.heads);
    assert!(matches!(process.stop(), Outcome::Done(())));
}

/// A world, and every head that was ever published in it.
struct History<'a> {
    outside: &'a Outside,
    world: &'a World,
    heads: Vec<TreeHead>,
}

impl History<'_> {
    fn start_whole(&self) -> Process {
        match Process::start(self.world, Arc::new(Faults::new(&[], Death::Frozen))) {
            Outcome::Done(process) => process,
            Outcome::Refused(why) => panic!("not started: {why}"),
            Outcome::Died => panic!("died without a fault"),
        }
    }

    fn issue_whole(&mut self, process: &Process) {
        match process.issue(&token(&self.outside.issuer)) {
            Outcome::Done(head) => self.heads.push(head),
            other => panic!("{other:?}"),
        }
    }

    /// Starts processes and asks them for certificates until all faults have happened, for a
    /// bounded number of times.
    fn suffer(&mut self, faults: &Arc<Faults>) {
        for _ in 0..6 {
            let Outcome::Done(process) = Process::start(self.world, Arc::clone(faults)) else {
                continue;
            };
            if self.live(&process) {
                process.stop();
            } else {
                process.die();
            }
            if faults.left().is_empty() {
                return;
            }
        }
    }

    /// Returns whether the process is alive after some requests.
    fn live(&mut self, process: &Process) -> bool {
        for _ in 0..2 {
            match process.issue(&token(&self.outside.issuer)) {
                Outcome::Done(head) => self.heads.push(head),
                Outcome::Refused(_) => {}
                Outcome::Died => return false,
            }
            match process.published() {
                Outcome::Done(head) => self.heads.push(head),
                Outcome::Refused(_) => {}
                Outcome::Died => return false,
            }
        }
        true
    }
}
