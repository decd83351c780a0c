//! A clock of its own for a process, by libfaketime.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::process::Launch;

/// Where Debian and Fedora put the library.
const PLACES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
];

/// The clock of one process.
#[derive(Debug)]
pub(crate) struct FakeClock {
    file: PathBuf,
}

impl FakeClock {
    /// Gives a process a clock of its own that shows the time, or nothing where there is no
    /// libfaketime.
    pub(crate) fn for_launch(launch: &mut Launch) -> anyhow::Result<Option<Self>> {
        let Some(library) = PLACES.into_iter().find(|path| Path::new(path).exists()) else {
            return Ok(None);
        };
        let clock = Self {
            file: launch.folder.join("clock"),
        };
        clock.shift(0)?;
        let mut set = |name: &str, value: OsString| launch.environment.push((name.into(), value));
        set("LD_PRELOAD", library.into());
        set("FAKETIME_TIMESTAMP_FILE", clock.file.clone().into());
        set("FAKETIME_NO_CACHE", "1".into());
        set("FAKETIME_DONT_FAKE_MONOTONIC", "1".into());
        Ok(Some(clock))
    }

    /// Puts the clock this many seconds before or after the machine's.
    pub(crate) fn shift(&self, seconds: i64) -> anyhow::Result<()> {
        // In one step: the process reads it at each look at the clock.
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{seconds:+}"))?;
        Ok(fs::rename(new, &self.file)?)
    }
}
