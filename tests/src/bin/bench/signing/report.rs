//! The results of ledgers and timestamps: tables on the terminal, and JSON.

use std::path::Path;

use anyhow::Context;
use chancery_tests::floor::Floor;
use serde::Serialize;

use super::{Sample, Service, peers};
use crate::report::machine;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    machine: String,
    /// Microseconds with all cores busy, before the runs and after them: two P-256 signatures
    /// verified, the entry's and the certificate's, and hashes.
    ledger_floor_us: Vec<f64>,
    /// One P-256 signature.
    timestamp_floor_us: Vec<f64>,
    /// Processes that could run, when the runs were over: more than the machine's cores means that
    /// others worked, too.
    load_average: String,
    rows: Vec<Row>,
}

/// One server with a number of clients, in every round.
#[derive(Debug, Serialize)]
struct Row {
    service: Service,
    name: String,
    clients: usize,
    samples: Vec<Sample>,
}

impl Row {
    fn median(&self, value: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().map(value).collect())
    }

    /// Compares round by round, so that both had the same machine, and takes the median. One that
    /// was measured once is compared with its round.
    fn over(&self, other: &Self, value: impl Fn(&Sample) -> f64) -> f64 {
        let pairs = self.samples.iter().zip(&other.samples);
        median(
            pairs
                .map(|(ours, theirs)| value(ours) / value(theirs))
                .collect(),
        )
    }

    fn is_peer(&self) -> bool {
        [peers::REKOR, peers::EAGER_REKOR, peers::TIMESTAMPS].contains(&&*self.name)
    }
}

impl Report {
    pub(super) fn new(floor: Floor) -> Self {
        let mut report = Self {
            machine: machine(),
            ledger_floor_us: Vec::new(),
            timestamp_floor_us: Vec::new(),
            load_average: String::new(),
            rows: Vec::new(),
        };
        report.take_floor(floor);
        println!("{}", report.machine);
        report
    }

    fn take_floor(&mut self, floor: Floor) {
        let us = |time: std::time::Duration| time.as_secs_f64() * 1e6;
        let ledger = us(2 * floor.proof + floor.hashing);
        let timestamp = us(floor.signatures / 3);
        println!(
            "cryptographic floor, all cores busy: {ledger:.0} us for an entry (two P-256 signatures \
             verified, hashing), {timestamp:.0} us for a timestamp (one P-256 signature)"
        );
        self.ledger_floor_us.push(ledger);
        self.timestamp_floor_us.push(timestamp);
    }

    pub(super) fn add(&mut self, service: Service, name: &str, clients: usize, sample: Sample) {
        let same =
            |row: &&mut Row| row.service == service && row.name == name && row.clients == clients;
        match self.rows.iter_mut().find(same) {
            Some(row) => row.samples.push(sample),
            None => self.rows.push(Row {
                service,
                name: name.to_owned(),
                clients,
                samples: vec![sample],
            }),
        }
    }

    /// Prints the medians, and how they compare.
    pub(super) fn finish(&mut self, floor: Floor) {
        self.take_floor(floor);
        self.load_average = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        self.load_average
            .truncate(self.load_average.trim_end().len());
        println!("load of the machine: {}", self.load_average);
        self.rows
            .sort_by_key(|row| (row.service == Service::Timestamps, row.clients));
        for (service, unit) in [
            (Service::Ledger, "entries"),
            (Service::Timestamps, "stamps"),
        ] {
            self.print(service, unit);
        }
    }

    fn print(&self, service: Service, unit: &str) {
        println!(
            "\n{:<22}{:>8}{:>7}{:>11}{:>10}{:>10}{:>9}{:>8}{:>8}{:>10}{:>9}",
            "",
            "clients",
            "runs",
            format!("{unit}/s"),
            "p50 ms",
            "p99 ms",
            "CPU us",
            "floor %",
            "DB us",
            "client us",
            "RSS MiB"
        );
        for row in self.rows.iter().filter(|row| row.service == service) {
            println!(
                "{:<22}{:>8}{:>7}{:>11.1}{:>10.2}{:>10.2}{:>9.0}{:>8.0}{:>8.0}{:>10.0}{:>9.1}",
                row.name,
                row.clients,
                row.samples.len(),
                row.median(|s| s.per_second),
                row.median(|s| s.p50) / 1e3,
                row.median(|s| s.p99) / 1e3,
                row.median(|s| s.cpu),
                self.floor(service) / row.median(|s| s.cpu) * 100.0,
                row.median(|s| s.database_cpu),
                row.median(|s| s.client_cpu),
                row.median(|s| s.resident as f64) / f64::from(1 << 20),
            );
        }
        println!();
        let of_service = || self.rows.iter().filter(|row| row.service == service);
        for ours in of_service().filter(|row| !row.is_peer()) {
            let same = |row: &&Row| row.is_peer() && row.clients == ours.clients;
            for peer in of_service().filter(same) {
                println!(
                    "{} at {} clients: {:.1} times the {unit}/s of {}, {:.3} of its p50, {:.1} \
                     times the {unit} for the same processor time",
                    ours.name,
                    ours.clients,
                    ours.over(peer, |s| s.per_second),
                    peer.name,
                    ours.over(peer, |s| s.p50),
                    1.0 / ours.over(peer, |s| s.cpu + s.database_cpu),
                );
            }
        }
    }

    fn floor(&self, service: Service) -> f64 {
        let floors = match service {
            Service::Ledger => &self.ledger_floor_us,
            Service::Timestamps => &self.timestamp_floor_us,
        };
        floors.iter().sum::<f64>() / floors.len() as f64
    }

    /// Writes `signing.json`.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join("signing.json");
        let mut json = serde_json::to_string_pretty(self)?;
        json.push('\n');
        std::fs::write(&path, json).with_context(|| path.display().to_string())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
