//! `chancery timestamps renew`: makes a new key and certificate for the timestamp authority, and
//! records them.

use std::path::Path;
use std::time::SystemTime;

use chancery_keys::{KeyType, file};
use chancery_tsa::{TsaCeremony, TsaCeremonyError, TsaChainError};

use crate::cli::TimestampsRenewArgs;
use crate::commands::timestamps_record;
use crate::config::Config;
use crate::failure::{Causes, Failure};
use crate::founding::{TSA_COMMON_NAME, write_new};
use crate::report::{said_time, say};
use crate::stamping::put_on_record;
use crate::{keys, opening, stamping};

/// Changes nothing that is in force: the operator says in chancery.yaml when the new ones are.
pub(crate) async fn run(args: TimestampsRenewArgs) -> Result<(), Failure> {
    let (config, store) = timestamps_record::open(args.instance).await?;
    let Some(timestamps) = &config.timestamps else {
        return Err(Failure::configuration(
            "chancery.yaml has no section timestamps: there is no certificate to renew",
        ));
    };
    let before = stamping::read_chain(&timestamps.chain)?;
    stamping::put_first_on_record(&store, &before).await?;
    let passphrase = opening::passphrase(&config)?;
    let issuer_passphrase = file::read_passphrase_file(&args.issuer_passphrase_file)
        .map_err(|e| Failure::configuration(Causes(&e)))?;
    let [issuer] = keys::load([&*args.issuer_key], &issuer_passphrase)?;

    std::fs::create_dir(&args.into).map_err(|e| {
        Failure::usage(format!(
            "--into {}: {e}; name a new folder",
            args.into.display()
        ))
    })?;
    let (chain, key) = (args.into.join("chain.pem"), args.into.join("tsa.key.pem"));
    let [leaf] = keys::make([(key.clone(), KeyType::P256, &passphrase)])?;
    let ceremony = TsaCeremony {
        organization: &config.organization,
        common_name: TSA_COMMON_NAME,
        now: SystemTime::now(),
    };
    let after = ceremony.renew(&before, &issuer, &leaf);
    let after = after.map_err(|e| match e {
        TsaCeremonyError::Chain(TsaChainError::Broken { .. }) => Failure::configuration(format!(
            "{} is not the key of the second certificate in {}",
            args.issuer_key.display(),
            timestamps.chain.display()
        )),
        other => Failure::from_error(other),
    })?;
    write_new(&chain, after.pem().as_bytes(), 0o644)?;
    put_on_record(&store, &after, None).await?;
    store.close().await;
    say_what_next(&config, &chain, &key, after.not_after());
    Ok(())
}

fn say_what_next(config: &Config, chain: &Path, key: &Path, ends: SystemTime) {
    // What clients get is signed by the operators, and changes only when they publish it.
    let (publish, again) = match &config.trust {
        Some(_) => (
            "Publish both chains, with an operators' key: chancery trust update --key FILE \
             --passphrase-file FILE",
            "Publish again, so that clients learn until when the old chain holds: chancery trust \
             update, as before",
        ),
        None => (
            "Give clients /trusted_root.json, which holds both chains now.",
            "Give clients /trusted_root.json again: it says until when the old chain holds.",
        ),
    };
    say(format_args!(
        "\
Made a key and a certificate for it, valid until {until}, and recorded it. Nothing stamps with them
yet.

 1. {publish}
 2. When clients have that, say in the chancery.yaml of every replica, under timestamps, and restart
    them within an hour:
      chain: {chain}
      key: {key}
    The first that starts takes over. What the others stamp meanwhile counts, for an hour.
 3. {again}
 4. Take the issuing key off this machine again.
",
        until = said_time(ends),
        chain = chain.display(),
        key = key.display(),
    ));
}
