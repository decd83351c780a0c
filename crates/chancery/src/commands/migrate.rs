//! `chancery migrate`: brings the database's tables to what this version of the program needs.

use crate::cli::MigrateArgs;
use crate::commands::serve::put_database;
use crate::config::Config;
use crate::connecting;
use crate::failure::Failure;
use crate::report::say;

pub(crate) async fn run(args: MigrateArgs) -> Result<(), Failure> {
    let mut config = Config::load(&args.instance.config)?;
    put_database(&mut config, args.instance.database)?;
    connecting::migrate(&connecting::database_url(&config)?).await?;
    say(format_args!("the database is up to date\n"));
    Ok(())
}
