//! One log of an instance, seen as if it were the only one: for commands that work on one at a time.

use chancery_store::{Instance, RecordedLog};

use crate::config::{Config, ShardConfig};
use crate::failure::Failure;

/// A log, with configuration and record of an instance that has no other. Guard and guard id are the
/// log's own.
pub(crate) struct Alone {
    pub(crate) config: Config,
    pub(crate) instance: Instance,
    pub(crate) log: RecordedLog,
}

/// Sees a log alone.
pub(crate) fn alone(
    config: &Config,
    instance: &Instance,
    log: &RecordedLog,
) -> Result<Alone, Failure> {
    let mut config = config.clone();
    if config.log.name != log.name {
        let shard = ShardConfig::load(&config, &log.name)?.ok_or_else(|| {
            Failure::configuration(format!(
                "there is no {}, which says where the guard of the log {:?} is",
                config.shard_file(&log.name).display(),
                log.name
            ))
        })?;
        (config.log, config.guard) = (shard.log, shard.guard);
    }
    let instance = Instance {
        guard_id: log.guard_of(instance).to_owned(),
        logs: vec![log.clone()],
        ..instance.clone()
    };
    Ok(Alone {
        config,
        instance,
        log: log.clone(),
    })
}

/// Sees each log alone that still takes entries, or may be short of some: not those whose final
/// checkpoint is kept, and holds them for good.
pub(crate) fn each_alone(config: &Config, instance: &Instance) -> Result<Vec<Alone>, Failure> {
    let logs = instance.logs.iter();
    let unfrozen = logs.filter(|log| log.final_checkpoint.is_none());
    unfrozen.map(|log| alone(config, instance, log)).collect()
}

/// Chooses the log of that name, or the newest.
pub(crate) fn choose<'i>(
    instance: &'i Instance,
    name: Option<&str>,
) -> Result<&'i RecordedLog, Failure> {
    let mut newest_first = instance.logs.iter().rev();
    let chosen = newest_first.find(|log| name.is_none_or(|name| log.name == name));
    chosen.ok_or_else(|| match name {
        Some(name) => Failure::usage(format!("this instance has no log named {name:?}")),
        None => Failure::configuration("the instance has no log"),
    })
}
