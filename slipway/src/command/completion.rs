//! `slipway completion`.

use crate::exit::Exit;
use clap::CommandFactory as _;
use clap_complete::Shell;
use std::io::Write;

/// For which shell.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut crate::Cli::command(), "slipway", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(Exit::Done)
}
