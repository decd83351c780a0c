//! `chancery migrate`: brings the database's tables to what this version of the program needs.

use crate::cli::MigrateArgs;
use crate::commands::serve::given_database;
use crate::config::Config;
use crate::failure::Failure;
use crate::opening;

pub(crate) async fn run(args: MigrateArgs) -> Result<(), Failure> {
    let mut config = Config::load(&args.config)?;
    if let Some(url) = given_database(args.database)? {
        config.database = Some(url);
    }
    opening::migrate(&opening::database_url(&config)?).await?;
    println!("the database is up to date");
    Ok(())
}
