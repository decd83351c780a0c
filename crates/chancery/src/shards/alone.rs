//! One log of an instance, seen as if it were the only one: for commands that work on one at a time.

use chancery_store::{Instance, LogKind, RecordedLog};

use crate::config::{Config, ShardConfig};
use crate::failure::Failure;
use crate::ledgers;

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
    if log.kind == LogKind::Ledger {
        config = of_ledger(config, log)?;
    } else if config.log.name != log.name {
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

/// Makes a configuration whose log is a ledger, which must be one that it names.
fn of_ledger(mut config: Config, log: &RecordedLog) -> Result<Config, Failure> {
    let named = config.ledger.take();
    let ledger = named.and_then(|ledger| ledger.find(&log.origin));
    let ledger = ledger.ok_or_else(|| {
        Failure::configuration(format!(
            "chancery.yaml has no section ledger, nor one in ledger.former, for {}, which says where the \
             guard of that ledger is",
            log.origin
        ))
    })?;
    let mut config = ledgers::with_guard(&config, &ledger)?;
    config.log.name.clone_from(&log.name);
    config.log.origin.clone_from(&log.origin);
    config.log.key.clone_from(&ledger.key);
    config.log.witness_key.clone_from(&ledger.key);
    config.ledger = Some(ledger);
    Ok(config)
}

/// Sees each log alone that still takes entries, or may be short of some: not those whose final
/// checkpoint is kept, and holds them for good.
pub(crate) fn each_alone(config: &Config, instance: &Instance) -> Result<Vec<Alone>, Failure> {
    let unfrozen = instance
        .every_log()
        .filter(|log| log.final_checkpoint.is_none());
    unfrozen.map(|log| alone(config, instance, log)).collect()
}

/// Chooses the log of that name, also a ledger, or the newest log of certificates.
pub(crate) fn choose<'i>(
    instance: &'i Instance,
    name: Option<&str>,
) -> Result<&'i RecordedLog, Failure> {
    let chosen = match name {
        Some(name) => instance.every_log().find(|log| log.name == name),
        None => instance.logs.last(),
    };
    chosen.ok_or_else(|| match name {
        Some(name) => Failure::usage(format!("this instance has no log named {name:?}")),
        None => Failure::configuration("the instance has no log"),
    })
}
