//! What processes use: processor time by thread and mode, and memory, as the kernel counts them.

use std::collections::BTreeMap;
use std::ops::{AddAssign, Sub};
use std::time::Duration;

use serde::Serialize;

/// What some processes have used since they began.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Usage {
    /// Processor time in microseconds, by the name of the thread. Exact.
    pub threads: BTreeMap<String, f64>,
    /// Processor time spent in the program itself, in microseconds; counted in ticks of 10 ms.
    pub user: f64,
    /// Processor time spent in the kernel, in microseconds; counted in ticks of 10 ms.
    pub system: f64,
    /// Memory that is resident now, in bytes.
    pub resident: u64,
    /// The most that ever was.
    pub peak: u64,
}

impl Usage {
    /// Reads what `pids` have used. Processes that have ended count for nothing.
    pub fn of(pids: &[u32]) -> Self {
        let mut sum = Self::default();
        for &pid in pids {
            sum += Self::of_one(pid).unwrap_or_default();
        }
        sum
    }

    /// Returns the processor time of all threads.
    pub fn cpu(&self) -> Duration {
        Duration::from_secs_f64(self.threads.values().sum::<f64>() / 1e6)
    }

    /// Returns the share of one of `count`; memory stays what it is.
    #[must_use]
    pub fn for_each_of(mut self, count: f64) -> Self {
        for time in self.threads.values_mut() {
            *time /= count;
        }
        self.user /= count;
        self.system /= count;
        self
    }

    fn of_one(pid: u32) -> Option<Self> {
        const TICK_US: f64 = 10_000.0;
        let mut usage = Self::default();
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).ok()? {
            let task = task.ok()?.path();
            let read = |name| std::fs::read_to_string(task.join(name)).unwrap_or_default();
            let nanoseconds: f64 = read("schedstat").split(' ').next()?.parse().unwrap_or(0.0);
            *usage
                .threads
                .entry(read("comm").trim().to_owned())
                .or_default() += nanoseconds / 1e3;
        }
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // After the name, which may hold anything: fields 14 and 15 of proc(5) are the times.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut times = fields.split_whitespace().skip(11).map(str::parse::<f64>);
        usage.user = times.next()?.ok()? * TICK_US;
        usage.system = times.next()?.ok()? * TICK_US;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let kib = |name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        usage.resident = kib("VmRSS:")? * 1024;
        usage.peak = kib("VmHWM:")? * 1024;
        Some(usage)
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        for (name, time) in other.threads {
            *self.threads.entry(name).or_default() += time;
        }
        self.user += other.user;
        self.system += other.system;
        self.resident += other.resident;
        self.peak += other.peak;
    }
}

impl Sub<&Self> for Usage {
    type Output = Self;

    /// What was used since `before`; memory as it is now.
    fn sub(mut self, before: &Self) -> Self {
        for (name, time) in &mut self.threads {
            *time -= before.threads.get(name).copied().unwrap_or(0.0);
        }
        self.user -= before.user;
        self.system -= before.system;
        self
    }
}
