//! `chancery timestamps renew`: makes a new key and certificate for the timestamp authority.

use std::time::SystemTime;

use chancery_keys::{KeyType, file};
use chancery_tsa::{TsaCeremony, TsaCeremonyError, TsaChainError};

use crate::cli::TimestampsRenewArgs;
use crate::config::Config;
use crate::failure::{Causes, Failure};
use crate::founding::{TSA_COMMON_NAME, write_new};
use crate::report::{said_time, say};
use crate::{keys, opening, stamping};

/// Changes nothing that is in force: the operator says in chancery.yaml when the new ones are.
pub(crate) fn run(args: &TimestampsRenewArgs) -> Result<(), Failure> {
    let config = Config::load(&args.config)?;
    let Some(timestamps) = &config.timestamps else {
        return Err(Failure::configuration(
            "chancery.yaml has no section timestamps: there is no certificate to renew",
        ));
    };
    let before = stamping::read_chain(&timestamps.chain)?;
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
    say(format_args!(
        "\
Made a key and a certificate for it, valid until {until}. Nothing stamps with them yet.

 1. Say in chancery.yaml, under timestamps, and restart every replica:
      also-trusted: [{{chain: {chain}}}]
 2. When clients have the new trust root, which then holds both chains:
      chain: {chain}
      key: {key}
      also-trusted: [{{chain: {old}, until: \"NOW, such as {now}\"}}]
 3. Take the issuing key off this machine again.
",
        until = said_time(after.not_after()),
        chain = chain.display(),
        key = key.display(),
        old = timestamps.chain.display(),
        now = said_time(SystemTime::now()),
    ));
    Ok(())
}
