//! Slipway: the server and the command line, one program.

mod lab;
mod serve;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "slipway", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Options),
    #[command(subcommand)]
    Lab(lab::Lab),
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    rustls::crypto::ring::default_provider().install_default().ok();
    match Cli::parse().command {
        Command::Serve(options) => serve::run(options).await.map(|()| ExitCode::SUCCESS),
        Command::Lab(lab) => lab::run(lab).await,
    }
}
