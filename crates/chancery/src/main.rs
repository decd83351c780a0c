//! The `chancery` binary: reads flags, environment and files, and runs one command.

mod cli;
mod commands;
mod config;
mod failure;
mod founding;
mod identity;
mod keys;
mod layout;
mod logging;
mod opening;
mod reload;
mod report;
mod serving;
mod used_tokens;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command, ConfigCommand, IssuerCommand, TokenCommand};
use crate::failure::Failure;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("chancery: {failure}");
            failure.exit_code()
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    if rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .is_err()
    {
        return Err(Failure::failed("another TLS provider is installed"));
    }
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::from_error)?;
    match command {
        Command::Demo(args) => runtime.block_on(commands::demo::run(args)),
        Command::Dev(args) => runtime.block_on(commands::dev::run(args)),
        Command::Init(args) => runtime.block_on(commands::init::run(args)),
        Command::Migrate(args) => runtime.block_on(commands::migrate::run(args)),
        Command::Serve(args) => runtime.block_on(commands::serve::run(args)),
        Command::Config(ConfigCommand::Check(args)) => {
            runtime.block_on(commands::config_check::run(&args))
        }
        Command::Config(ConfigCommand::Show(args)) => commands::config_show::run(&args),
        Command::Issuer(IssuerCommand::Test(args)) => {
            runtime.block_on(commands::issuer_test::run(&args))
        }
        Command::Token(TokenCommand::Explain(args)) => {
            runtime.block_on(commands::token_explain::run(&args))
        }
    }
}
