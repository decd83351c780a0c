//! Processors of their own for a server and for whoever loads it, as on two machines.

use std::process::{Command, Stdio};
use std::thread::available_parallelism;

use anyhow::ensure;

use super::process::Process;

/// Gives the server the first half of the processors and this process the rest, until dropped.
/// Where there is one only, they share it.
pub(crate) struct Apart {
    all: usize,
}

impl Apart {
    pub(crate) fn keep(server: &Process) -> anyhow::Result<Self> {
        let all = available_parallelism()?.get();
        if all > 1 {
            pin(server.pid(), 0, all / 2 - 1)?;
            pin(std::process::id(), all / 2, all - 1)?;
        }
        Ok(Self { all })
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // Other scenarios have more to do; if it fails, they are slower.
        let _ = pin(std::process::id(), 0, self.all - 1);
    }
}

/// Pins all threads of a process; new ones stay where their parents are.
fn pin(pid: u32, first: usize, last: usize) -> anyhow::Result<()> {
    let pinned = Command::new("taskset")
        .args(["-apc", &format!("{first}-{last}"), &pid.to_string()])
        .stdout(Stdio::null())
        .status()?;
    ensure!(pinned.success(), "taskset cannot pin {pid}");
    Ok(())
}
