//! `chancery ledger freeze`: ends a ledger for good. It is read as before, and takes no entries.

use std::time::SystemTime;

use chancery_log::clock::{from_unix_ms, unix_ms};
use chancery_store::{Access, ConnectOptions, Store};

use crate::cli::LedgerFreezeArgs;
use crate::commands::serve::put_database;
use crate::config::Config;
use crate::connecting;
use crate::failure::Failure;
use crate::report::{said_time, say};

/// How far ahead the end is: further than the newest head's time may be.
const AHEAD_MS: u64 = 3_000;

pub(crate) async fn run(args: LedgerFreezeArgs) -> Result<(), Failure> {
    let mut config = Config::load(&args.instance.config)?;
    put_database(&mut config, args.instance.database.clone())?;
    let options = ConnectOptions {
        access: Access::AddLog,
        ..ConnectOptions::default()
    };
    let store = connecting::connect_with(&connecting::database_url(&config)?, options).await?;
    let ended = end(&store, &args.host).await;
    store.close().await;
    let (host, Ended { ends_ms, before }) = (args.host, ended?);
    let time = said_time(from_unix_ms(ends_ms));
    let sentence = match before {
        true => format!("The ledger {host} was ended before: it takes no entries from {time} on."),
        false => format!("The ledger {host} takes no entries from {time} on, for good."),
    };
    say(format_args!(
        "{sentence} A process that serves it keeps its final checkpoint in about a minute; from then \
         on it is read without key and guard, and can be left out of chancery.yaml.\n"
    ));
    Ok(())
}

/// When a ledger ends, in milliseconds since the Unix epoch, and whether that had been said before.
struct Ended {
    ends_ms: u64,
    before: bool,
}

async fn end(store: &Store, host: &str) -> Result<Ended, Failure> {
    store.check_schema().await.map_err(Failure::by_fault)?;
    let instance = connecting::own(store).await?;
    let recorded = instance.ledgers.iter().find(|ledger| ledger.origin == host);
    let recorded =
        recorded.ok_or_else(|| Failure::usage(format!("this instance has no ledger {host:?}")))?;
    if let Some(ends_ms) = recorded.ends_ms {
        let before = true;
        return Ok(Ended { ends_ms, before });
    }
    // An end is never put off: it must not be by a clock of this machine alone that is wrong.
    let time_ms = store.time_ms(unix_ms(SystemTime::now())).await;
    let ends_ms = time_ms
        .map_err(Failure::from_error)?
        .saturating_add(AHEAD_MS);
    let ended = store.end_ledger(recorded.log, ends_ms).await;
    match ended.map_err(Failure::from_error)? {
        true => Ok(Ended {
            ends_ms,
            before: false,
        }),
        false => Err(Failure::failed(
            "its newest head is later than the database's clock (that of this machine, where the \
             database is a file): set the clock, and run this again",
        )),
    }
}
