//! `chancery log keys`: the keys of the instance's logs, as witnesses and readers of notes are given
//! them.

use chancery_keys::PublicKey;
use chancery_tlog::Origin;

use crate::cli::InstanceArgs;
use crate::commands::serve::put_database;
use crate::config::Config;
use crate::connecting;
use crate::failure::Failure;
use crate::report::say;
use crate::witnessing::verifier_key;

pub(crate) async fn run(args: &InstanceArgs) -> Result<(), Failure> {
    let mut config = Config::load(&args.config)?;
    put_database(&mut config, args.database.clone())?;
    let store = connecting::current(&connecting::database_url(&config)?).await?;
    let instance = connecting::own(&store).await?;
    for log in instance.logs.iter().filter(|log| log.retired_ms.is_none()) {
        let origin = Origin::parse(&log.origin).map_err(Failure::from_error)?;
        for spki in [&log.witness_key, &log.public_key] {
            let key = PublicKey::from_spki_der(spki).map_err(Failure::from_error)?;
            if let Some(key) = verifier_key(&origin, &key) {
                say(format_args!("{key}\n"));
            }
        }
    }
    for ledger in instance
        .ledgers
        .iter()
        .filter(|log| log.retired_ms.is_none())
    {
        let origin = Origin::parse(&ledger.origin).map_err(Failure::from_error)?;
        let key = PublicKey::from_spki_der(&ledger.public_key).map_err(Failure::from_error)?;
        if let Some(key) = verifier_key(&origin, &key) {
            say(format_args!("{key}\n"));
        }
    }
    store.close().await;
    Ok(())
}
