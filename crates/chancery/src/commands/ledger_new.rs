//! `chancery ledger new`: makes the ledger that `chancery.yaml` names, once.

use crate::cli::InstanceArgs;
use crate::commands::serve::put_database;
use crate::config::{Config, GuardPlace};
use crate::failure::Failure;
use crate::report::say;
use crate::{connecting, ledgers, opening};

pub(crate) async fn run(args: &InstanceArgs) -> Result<(), Failure> {
    let mut config = Config::load(&args.config)?;
    put_database(&mut config, args.database.clone())?;
    let Some(ledger) = &config.ledger else {
        return Err(Failure::configuration(
            "chancery.yaml has no section ledger; say at least origin, key and guard there, and \
             this command makes them",
        ));
    };
    let passphrase = opening::passphrase(&config)?;
    let store = connecting::current(&connecting::database_url(&config)?).await?;
    let guard_id = ledgers::found(&config, &passphrase, &store).await;
    store.close().await;
    let guard_id = guard_id?;
    say(format_args!("Made the ledger {}.\n", ledger.origin));
    if !matches!(ledger.guard.place, GuardPlace::File(_)) {
        say(format_args!(
            "Write its guard's id into chancery.yaml: ledger.guard.id: {guard_id}\n"
        ));
    }
    Ok(())
}
