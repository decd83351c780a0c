//! The scenarios by name.

mod commits;
mod crash;
mod database;
mod failover;
mod limits;
mod machine;
mod overload;
mod replicas;

use anyhow::{Context, bail};

use super::postgres::{Cluster, Programs};
use super::{Options, Outcome};

/// All scenarios, in the order of what they prove.
pub const NAMES: [&str; 15] = [
    "kill9-sqlite",
    "kill9-postgres",
    "sigterm",
    "replicas",
    "postgres-restart",
    "postgres-paused",
    "failover",
    "lost-commit",
    "slow-database",
    "disk-full",
    "clock-jump",
    "clocks-apart",
    "output-blocked",
    "descriptors",
    "overload",
];

/// Those that are worth a minute in every run of `ci`.
pub const SHORT: [&str; 7] = [
    "kill9-sqlite",
    "kill9-postgres",
    "sigterm",
    "replicas",
    "failover",
    "lost-commit",
    "disk-full",
];

/// Runs the scenario of this name.
pub async fn run(name: &str, options: &Options) -> anyhow::Result<Outcome> {
    if needs_postgres(name) && options.postgres.is_none() {
        return Ok(Outcome::LeftOut("needs PostgreSQL's programs".to_owned()));
    }
    match name {
        "kill9-sqlite" => crash::kill_on_sqlite(options).await,
        "kill9-postgres" => crash::kill_on_postgres(options).await,
        "sigterm" => crash::terminate(options).await,
        "replicas" => replicas::frozen_holder(options).await,
        "postgres-restart" => database::restarted(options).await,
        "postgres-paused" => database::paused(options).await,
        "failover" => failover::lagging_standby(options).await,
        "lost-commit" => commits::lost(options).await,
        "slow-database" => commits::slow(options).await,
        "disk-full" => machine::disk_full(options).await,
        "clock-jump" => machine::clock_jump(options).await,
        "clocks-apart" => machine::clocks_apart(options).await,
        "output-blocked" => limits::output_blocked(options).await,
        "descriptors" => limits::descriptors(options).await,
        "overload" => overload::three_times_the_peak(options).await,
        other => bail!(
            "no scenario is called {other}; there are {}",
            NAMES.join(", ")
        ),
    }
}

fn needs_postgres(name: &str) -> bool {
    matches!(
        name,
        "kill9-postgres"
            | "replicas"
            | "postgres-restart"
            | "postgres-paused"
            | "failover"
            | "lost-commit"
            | "slow-database"
            | "clocks-apart"
    )
}

fn programs(options: &Options) -> anyhow::Result<&Programs> {
    options
        .postgres
        .as_ref()
        .context("needs PostgreSQL's programs")
}

/// Makes a cluster with an empty database for the log.
async fn cluster(options: &Options) -> anyhow::Result<Cluster> {
    let cluster = Cluster::create(programs(options)?).await?;
    cluster
        .execute(&format!("CREATE DATABASE {DATABASE}"))
        .await?;
    Ok(cluster)
}

/// The log's database in a cluster.
const DATABASE: &str = "log";
