//! `chancery ledger new`: makes the ledger that `chancery.yaml` names, once.

use chancery_keys::Passphrase;
use chancery_store::Store;

use crate::cli::InstanceArgs;
use crate::commands::serve::put_database;
use crate::config::Config;
use crate::failure::Failure;
use crate::report::say;
use crate::{connecting, ledgers, opening};

pub(crate) async fn run(args: &InstanceArgs) -> Result<(), Failure> {
    let mut config = Config::load(&args.config)?;
    put_database(&mut config, args.database.clone())?;
    if config.ledger.is_none() {
        return Err(Failure::configuration(
            "chancery.yaml has no section ledger; say at least origin, key and guard there, and \
             this command makes them",
        ));
    }
    let passphrase = opening::passphrase(&config)?;
    let store = connecting::current(&connecting::database_url(&config)?).await?;
    let made = make(&config, &passphrase, &store).await;
    store.close().await;
    made
}

async fn make(config: &Config, passphrase: &Passphrase, store: &Store) -> Result<(), Failure> {
    let guard_id = ledgers::record(config, passphrase, store).await?;
    // Before what may fail: the ledger is recorded with this guard.
    if config
        .ledger
        .as_ref()
        .is_some_and(|ledger| !ledger.guard.says_which())
    {
        say(format_args!(
            "Write its guard's id into chancery.yaml: ledger.guard.id: {guard_id}\n"
        ));
    }
    ledgers::begin_recorded(config, &guard_id, passphrase, store).await?;
    if let Some(ledger) = &config.ledger {
        say(format_args!("Made the ledger {}.\n", ledger.origin));
    }
    Ok(())
}
