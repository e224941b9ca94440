//! `slipway serve`: the server.

use crate::descriptors;
use anyhow::Context;
use clap::ValueEnum;
use serde_json::json;
use server::{Config, Server};
use std::io::{self, Write};
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// How to serve.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The configuration file (YAML).
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// How to say on standard output where the server is reached and, at its first start, the login token.
    #[arg(long, value_enum, default_value_t = Announce::Text)]
    announce: Announce,
    /// How to write the log, on standard error. SLIPWAY_LOG chooses what is logged, such as `info,store=debug`.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log: LogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Announce {
    /// Sentences.
    Text,
    /// One line of JSON.
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    /// Lines.
    Text,
    /// A JSON object a line.
    Json,
}

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    start_log(options.log);
    descriptors::raise_limit();
    // The allocator keeps a page for each size and thread: of 4 KiB, and not of 2 MiB. An old kernel has no such switch.
    nix::sys::prctl::set_thp_disable(true).ok();
    let config = Config::load(&options.config)?;
    let mut public_url = config.public_url.clone();
    let server = Server::start(config).await?;
    if public_url.port() == Some(0) {
        public_url.set_port(Some(server.http_address().port())).ok();
    }
    announce(options.announce, &public_url, &server).context("writing to standard output")?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    server.run_until(stop).await.context("serving")
}

fn announce(how: Announce, url: &url::Url, server: &Server) -> io::Result<()> {
    let token = server.first_token().map(types::Secret::expose);
    let mut out = io::stdout().lock();
    match how {
        Announce::Json => writeln!(out, "{}", json!({"url": url, "token": token}))?,
        Announce::Text => {
            writeln!(out, "Slipway serves at {url}")?;
            if let Some(token) = token {
                writeln!(out, "Login token of admin, shown this once: {token}")?;
            }
        }
    }
    out.flush()
}

fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_env("SLIPWAY_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().init(),
    }
}
