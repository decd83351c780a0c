//! `chancery completion`: what a shell needs to complete this command line.

use clap::CommandFactory as _;

use crate::cli::{Cli, CompletionArgs};
use crate::failure::Failure;
use crate::report::say;

pub(crate) fn run(args: &CompletionArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "chancery", &mut script);
    say(format_args!("{}", String::from_utf8_lossy(&script)));
    Ok(())
}
