//! `chancery timestamps record`: records a chain of the timestamp authority, or its end.

use chancery_log::clock::from_unix_ms;
use chancery_store::{Access, ConnectOptions, Store};

use crate::cli::{InstanceArgs, TimestampsRecordArgs};
use crate::commands::serve::put_database;
use crate::config::{Config, parse_time};
use crate::connecting;
use crate::failure::Failure;
use crate::report::{said_time, say};
use crate::stamping::{put_on_record, read_chain};

pub(crate) async fn run(args: TimestampsRecordArgs) -> Result<(), Failure> {
    let (_, store) = open(args.instance).await?;
    let chain = read_chain(&args.chain)?;
    let until = args.until.as_deref();
    let ends_ms = until.map(|until| {
        let ends_ms = parse_time(until);
        let ends_ms = ends_ms.filter(|ends_ms| from_unix_ms(*ends_ms) > chain.not_before());
        ends_ms.ok_or_else(|| {
            Failure::usage(format!(
                "--until {until:?} is no time such as 2027-01-31T00:00:00Z, after {}, when the chain \
                 begins",
                said_time(chain.not_before())
            ))
        })
    });
    let ends_ms = ends_ms.transpose()?;
    put_on_record(&store, &chain, ends_ms).await?;
    store.close().await;
    match ends_ms {
        None => say(format_args!(
            "recorded. Publish it before servers take it up: what clients trust names it now.\n"
        )),
        Some(ends_ms) => say(format_args!(
            "recorded: its timestamps count until {}. Publish that: what clients trust says it now.\n",
            said_time(from_unix_ms(ends_ms))
        )),
    }
    Ok(())
}

/// Reads the configuration, and opens the instance's database beside a server.
pub(super) async fn open(args: InstanceArgs) -> Result<(Config, Store), Failure> {
    let mut config = Config::load(&args.config)?;
    put_database(&mut config, args.database)?;
    let options = ConnectOptions {
        access: Access::AddLog,
        ..ConnectOptions::default()
    };
    let store = connecting::connect_with(&connecting::database_url(&config)?, options).await?;
    store.check_schema().await.map_err(Failure::by_fault)?;
    connecting::own(&store).await?;
    Ok((config, store))
}
