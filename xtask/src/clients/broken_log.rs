//! ctfsck and `chancery log verify` find the log clean after a thousand issuances, and broken after
//! one byte changed.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::service::{self, Data, Service};
use super::tools::{self, Python};
use super::{check, outside};
use crate::postgres::{Binaries, Cluster};
use crate::process::run;

const ISSUANCES: u32 = 1000;
/// For the log that is copied: so many that a copy takes long enough to be killed within.
const PUBLISHED: u32 = 4000;
/// The entry that is broken, in the middle of the log.
const LEAF_INDEX: u32 = 500;
/// A byte inside its `TBSCertificate`: times, types and key hash before it take 45.
const OFFSET: u32 = 100;

/// On SQLite.
pub(super) fn on_sqlite() -> Result<()> {
    let python = Python::with_sigstore()?;
    let data = Data::new(None)?;
    let database = data.path().join("chancery.db");
    clean_then_broken(&python, data, || {
        let mut script = python.script(&outside().join("change_a_byte.py"));
        script
            .arg(database)
            .args(["--leaf-index", &LEAF_INDEX.to_string()]);
        run(script.args(["--offset", &OFFSET.to_string()]))
    })
}

/// On PostgreSQL.
pub(super) fn on_postgres() -> Result<()> {
    let python = Python::with_sigstore()?;
    let binaries = Binaries::find_or_install()?;
    let cluster = Cluster::start(&binaries)?;
    cluster.psql(&binaries, "postgres", "CREATE DATABASE chancery")?;
    let data = Data::new(Some(cluster.url("chancery")))?;
    clean_then_broken(&python, data, || {
        let sql = format!(
            "UPDATE log_entry
                SET tile_leaf = set_byte(tile_leaf, {OFFSET}, get_byte(tile_leaf, {OFFSET}) # 1)
              WHERE leaf_index = {LEAF_INDEX}
             RETURNING leaf_index"
        );
        let changed = cluster.psql(&binaries, "chancery", &sql)?;
        ensure!(
            changed.trim() == LEAF_INDEX.to_string(),
            "no entry {LEAF_INDEX} to change"
        );
        Ok(())
    })?;
    cluster.stop()
}

/// The log as files: exported beside a running service, and mirrored from it.
pub(super) fn published() -> Result<()> {
    let python = Python::with_sigstore()?;
    let ctfsck = tools::ctfsck()?;
    let data = Data::new(None)?;
    let database = data.database_url();
    let service = Service::start_on(data)?;
    issue(&service, PUBLISHED)?;
    check(&python, "published.py", &service, |command| {
        command.arg("--ctfsck").arg(&ctfsck);
        command.arg("--chancery").arg(service::program("chancery"));
        command.args(["--database", &database]);
    })?;
    service.stop()
}

fn issue(service: &Service, count: u32) -> Result<()> {
    let mut load = Command::new(service::program("chancery-load"));
    load.args(["issue", "--url", service.url(), "--clients", "16"]);
    load.args(["--count", &count.to_string()]);
    run(&mut load).with_context(|| service.log_tail())
}

fn clean_then_broken(
    python: &Python,
    data: Data,
    change_a_byte: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let ctfsck = tools::ctfsck()?;
    let expect = |service: &Service, outcome: &str| {
        check(python, "ctfsck.py", service, |command| {
            command
                .arg("--ctfsck")
                .arg(&ctfsck)
                .args(["--expect", outcome]);
        })
    };
    let service = Service::start_on(data)?;
    issue(&service, ISSUANCES)?;
    expect(&service, "clean")?;
    let data = service.stop_and_keep()?;

    log_verify(&data, 0, "0 findings")?;
    change_a_byte()?;
    log_verify(&data, 4, &format!("entry {LEAF_INDEX}:"))?;
    let service = Service::start_on(data)?;
    expect(&service, "broken")?;
    service.stop()
}

/// Lets `chancery log verify` look at the database, and compares how it ends and what it says.
fn log_verify(data: &Data, code: i32, expected: &str) -> Result<()> {
    let mut command = Command::new(service::program("chancery"));
    command.args(["log", "verify"]).current_dir(data.path());
    let output = command
        .env("CHANCERY_DATABASE", data.database_url())
        .output()
        .context("cannot run chancery log verify")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.code() == Some(code) && said.contains(expected),
        "chancery log verify ended with {} and said:\n{said}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
