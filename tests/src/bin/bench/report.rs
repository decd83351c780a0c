//! The results: a table on the terminal, JSON, and charts.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use chancery_tests::floor::Floor;
use serde::Serialize;

use crate::chart::{Chart, Scale, Series};
use crate::measure::Measured;
use crate::subject::Kind;

/// Everything that was measured in one run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: String,
    /// Microseconds for one certificate, on one core while the others rest.
    floor_alone_us: f64,
    /// The same while all cores work: before the runs, and after them.
    floor_busy_us: Vec<f64>,
    runs: Vec<Measured>,
}

impl Report {
    pub(crate) fn new(alone: Floor, busy: Floor) -> Self {
        Self {
            machine: machine(),
            floor_alone_us: us(alone.total()),
            floor_busy_us: vec![us(busy.total())],
            runs: Vec::new(),
        }
    }

    pub(crate) fn print_head(&self) {
        println!("{}", self.machine);
        println!(
            "cryptographic floor of one certificate (RS256 token, P-256 proof, three P-256 \
             signatures, hashing): {:.0} us, with all cores busy {:.0} us\n",
            self.floor_alone_us,
            self.floor()
        );
        println!(
            "{:<23}{:>8}{:>9}{:>9}{:>9}{:>9}{:>9}{:>7}{:>8}{:>8}{:>9}{:>8}{:>8}",
            "",
            "clients",
            "certs/s",
            "p50 ms",
            "p90 ms",
            "p99 ms",
            "CPU us",
            "user",
            "system",
            "floor %",
            "DB us",
            "RSS MiB",
            "peak"
        );
    }

    /// Adds a run, and prints it.
    pub(crate) fn add(&mut self, run: Measured) {
        let usage = &run.server.usage;
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        println!(
            "{:<23}{:>8}{:>9.0}{:>9.2}{:>9.2}{:>9.2}{:>9.0}{:>7.0}{:>8.0}{:>8.0}{:>9.0}{:>8.1}{:>8.1}",
            run.kind.name(),
            run.clients,
            run.per_second,
            run.p50 / 1e3,
            run.p90 / 1e3,
            run.p99 / 1e3,
            run.server.cpu,
            usage.user,
            usage.system,
            self.floor() / run.server.cpu * 100.0,
            run.database_cpu,
            mib(usage.resident),
            mib(usage.peak),
        );
        self.runs.push(run);
    }

    /// Takes the floor as it is at the end, and says how the runs compare.
    pub(crate) fn finish(&mut self, busy: Floor) {
        println!(
            "\nfloor at the end, with all cores busy: {:.0} us",
            us(busy.total())
        );
        self.floor_busy_us.push(us(busy.total()));
        for run in &self.runs {
            let fulcio = self
                .runs
                .iter()
                .find(|other| other.kind == Kind::Fulcio && other.clients == run.clients);
            if let Some(fulcio) = fulcio.filter(|_| run.kind != Kind::Fulcio) {
                println!(
                    "{:<23}{:>8} clients: {:.2} times Fulcio's throughput, {:.2} of its processor \
                     time",
                    run.kind.name(),
                    run.clients,
                    run.per_second / fulcio.per_second,
                    run.server.cpu / fulcio.server.cpu,
                );
            }
        }
        println!(
            "floor % = the floor's processor time, all cores busy, over the issuing processes' own \
             for one certificate"
        );
    }

    /// Writes `results.json` and the charts.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder)?;
        let write = |name: &str, contents: String| {
            let path = folder.join(name);
            std::fs::write(&path, contents).with_context(|| path.display().to_string())
        };
        let mut json = serde_json::to_string_pretty(self)?;
        json.push('\n');
        write("results.json", json)?;
        write(
            "throughput.svg",
            self.chart("Certificates a second", Scale::Linear, |run| run.per_second),
        )?;
        write(
            "latency.svg",
            self.chart("Median latency, ms", Scale::Logarithmic, |run| {
                run.p50 / 1e3
            }),
        )?;
        let share = |run: &Measured| self.floor() / run.server.cpu * 100.0;
        let title = "Share of the processor time that is the cryptographic floor, %";
        write("floor.svg", self.chart(title, Scale::Linear, share))
    }

    fn chart(&self, title: &str, scale: Scale, value: impl Fn(&Measured) -> f64) -> String {
        let mut clients: Vec<_> = self.runs.iter().map(|run| run.clients).collect();
        clients.sort_unstable();
        clients.dedup();
        let of = |kind: Kind| {
            let at = |&clients: &usize| {
                let mut runs = self.runs.iter();
                runs.find(|run| run.kind == kind && run.clients == clients)
                    .map(&value)
            };
            Series {
                name: kind.name().to_owned(),
                values: clients.iter().map(at).collect(),
            }
        };
        Chart {
            title: title.to_owned(),
            groups: clients.iter().map(|n| format!("{n} clients")).collect(),
            series: Kind::ALL.into_iter().map(of).collect(),
            scale,
        }
        .to_svg()
    }

    /// The floor that the runs are held against: the mean of those measured so far.
    fn floor(&self) -> f64 {
        self.floor_busy_us.iter().sum::<f64>() / self.floor_busy_us.len() as f64
    }
}

fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Names the machine, as far as Linux tells.
pub(crate) fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{model}, {cores} logical cores, Linux {}", kernel.trim())
}
