//! The `chancery` binary: reads flags, environment and files, and runs one command.

mod away;
mod cli;
mod client_trust;
mod commands;
mod config;
mod connecting;
mod copies;
mod exporting;
mod failure;
mod founding;
mod guarding;
mod identity;
mod keys;
mod layout;
mod ledgers;
mod logged_certificate;
mod logging;
mod meaning;
mod opening;
mod reading;
mod reload;
mod report;
mod scrubbing;
mod serving;
mod shards;
mod stamping;
mod submitting;
mod trusted_root;
mod trusting;
mod used_tokens;
mod witnessing;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{
    Cli, ClientCommand, Command, ConfigCommand, IssuerCommand, LedgerCommand, LogCommand,
    TimestampsCommand, TokenCommand, TrustCommand,
};
use crate::failure::Failure;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ended = run(cli.command);
    logging::finish();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report::tell(format_args!("chancery: {failure}"));
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
    let ended = runtime.block_on(begin(command));
    // Whatever had to be finished is: what is left waits for a disk or a name server that hangs.
    runtime.shutdown_background();
    ended
}

async fn begin(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo(args) => commands::demo::run(args).await,
        Command::Dev(args) => commands::dev::run(args).await,
        Command::Init(args) => commands::init::run(*args).await,
        Command::Migrate(args) => commands::migrate::run(args).await,
        Command::Serve(args) => commands::serve::run(args).await,
        Command::Backup(args) => commands::backup::run(args).await,
        Command::Restore(args) => commands::restore::run(args).await,
        Command::Log(LogCommand::New(args)) => commands::log_new::run(args).await,
        Command::Log(LogCommand::Check(args)) => commands::log_check::run(&args),
        Command::Log(LogCommand::Prove(args)) => commands::log_prove::run(args).await,
        Command::Log(LogCommand::Export(args)) => commands::log_export::run(args).await,
        Command::Log(LogCommand::Mirror(args)) => commands::log_mirror::run(args).await,
        Command::Log(LogCommand::Prune(args)) => commands::log_prune::run(args).await,
        Command::Log(LogCommand::Recover(args)) => commands::log_recover::run(args).await,
        Command::Log(LogCommand::Keys(args)) => commands::log_keys::run(&args).await,
        Command::Log(LogCommand::Witness(args)) => commands::log_witness::run(args).await,
        Command::Log(LogCommand::Verify(args)) => commands::log_verify::run(args).await,
        Command::Ledger(LedgerCommand::New(args)) => commands::ledger_new::run(&args).await,
        Command::Ledger(LedgerCommand::Freeze(args)) => commands::ledger_freeze::run(args).await,
        Command::Trust(command) => match command {
            TrustCommand::Init(args) => commands::trust::init(args).await,
            TrustCommand::Show(args) => commands::trust::show(args).await,
            TrustCommand::RootChecksum(args) => commands::trust::root_checksum(args).await,
            TrustCommand::Key(args) => commands::trust::key(&args),
            TrustCommand::Plan(args) => commands::trust::plan(args).await,
            TrustCommand::Sign(args) => commands::trust::sign(args).await,
            TrustCommand::Publish(args) => commands::trust::publish(args).await,
            TrustCommand::Update(args) => commands::trust::update(args).await,
            TrustCommand::Export(args) => commands::trust::export(args).await,
        },
        Command::Env(args) => commands::env::run(args).await,
        Command::Sign(args) => commands::sign::run(*args).await,
        Command::Verify(args) => commands::verify::run(*args).await,
        Command::Client(command) => match command {
            ClientCommand::Setup(args) => commands::client::setup(args).await,
            ClientCommand::List(args) => commands::client::list(args).await,
            ClientCommand::Show(args) => commands::client::show(args).await,
            ClientCommand::Refresh(args) => commands::client::refresh(args).await,
            ClientCommand::Use(args) => commands::client::make_default(&args),
            ClientCommand::Remove(args) => commands::client::remove(args).await,
        },
        Command::Completion(args) => commands::completion::run(&args),
        Command::Config(ConfigCommand::Check(args)) => commands::config_check::run(&args).await,
        Command::Config(ConfigCommand::Show(args)) => commands::config_show::run(&args),
        Command::Timestamps(TimestampsCommand::Renew(args)) => {
            commands::timestamps_renew::run(args).await
        }
        Command::Timestamps(TimestampsCommand::Record(args)) => {
            commands::timestamps_record::run(args).await
        }
        Command::Issuer(IssuerCommand::Test(args)) => commands::issuer_test::run(&args).await,
        Command::Token(TokenCommand::Explain(args)) => commands::token_explain::run(&args).await,
    }
}
