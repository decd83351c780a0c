//! ctclient reads a log of three levels of tiles, and verifies what it reads.

use std::process::Command;

use anyhow::{Context, Result};

use super::service::{self, Data, Service};
use super::tools::{self, Python};
use crate::process::run;

/// Certificates that are issued, one or more to a batch.
const ISSUANCES: u32 = 40;

/// More than the first tile of level 1 has below it.
const ENTRIES: u32 = 66_000;

/// Reads heads, roots, entries and proofs.
pub(super) fn check() -> Result<()> {
    let python = Python::with_sigstore()?;
    let ctclient = tools::CTCLIENT.get()?;
    let service = Service::start_on(Data::new(None)?)?;
    let mut load = Command::new(service::program("chancery-load"));
    load.args(["issue", "--url", service.url(), "--clients", "4"]);
    load.args(["--count", &ISSUANCES.to_string()]);
    run(&mut load).with_context(|| service.log_tail())?;
    let data = service.stop_and_keep()?;

    let mut fill = Command::new(service::program("chancery-load"));
    fill.args(["fill", "--database", &data.database_url()]);
    run(fill.args(["--upto", &ENTRIES.to_string()]))?;
    let service = Service::start_on(data)?;
    super::check(&python, "ctclient.py", &service, |command| {
        command.arg("--ctclient").arg(ctclient);
    })?;
    service.stop()
}
