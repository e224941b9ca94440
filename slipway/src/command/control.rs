//! `slipway pause | resume | cancel | retry | skip | recheck | continue`.

use crate::connection::Connection;
use crate::exit::Exit;
use crate::output::print;
use crate::run_text;
use anyhow::bail;
use client::{Client, RunQuery};
use types::RunId;
use wire::RunView;
use workflow::Command;

/// Which run.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A run by its id, or a machine by its name or id: its run that has not ended, or its newest.
    #[arg(value_name = "MACHINE|RUN")]
    of: String,
    #[command(flatten)]
    connection: Connection,
}

/// Which run, and why.
#[derive(Debug, clap::Args)]
pub(crate) struct WithReason {
    #[command(flatten)]
    pub(crate) run: Options,
    /// Why, for the record.
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
}

/// Which run, and why, which must be said.
#[derive(Debug, clap::Args)]
pub(crate) struct WithNeededReason {
    #[command(flatten)]
    pub(crate) run: Options,
    /// Why, for the record.
    #[arg(long)]
    pub(crate) reason: String,
}

/// Gives a command to the run.
pub(crate) async fn run(options: Options, command: Command) -> anyhow::Result<Exit> {
    let client = options.connection.client()?;
    let run = run_of(&client, &options.of, Some(true)).await?;
    let run = client.command(run.id, &command).await?;
    print(options.connection.output, &run, run_text::line)?;
    Ok(Exit::Done)
}

/// Goes on from where the run failed.
pub(crate) async fn resume_failed(options: Options) -> anyhow::Result<Exit> {
    let client = options.connection.client()?;
    let failed = run_of(&client, &options.of, None).await?;
    let run = client.continue_run(failed.id, Some(&RunId::new().to_string())).await?;
    print(options.connection.output, &run, |run| run.id.to_string())?;
    Ok(Exit::Done)
}

/// The run with this id; else the newest of the machine with this name or id, an active one if `prefer_active`.
pub(crate) async fn run_of(client: &Client, named: &str, prefer_active: Option<bool>) -> anyhow::Result<RunView> {
    if let Ok(id) = named.parse::<RunId>() {
        match client.run(id).await {
            Err(error) if error.code() == Some(wire::code::NOT_FOUND) => {}
            answer => return Ok(answer?),
        }
    }
    for active in [prefer_active, None] {
        let query = RunQuery { machine: Some(named.to_owned()), active, limit: Some(1), ..RunQuery::default() };
        if let Some(run) = client.list_runs(&query).await?.items.into_iter().next() {
            return Ok(run);
        }
    }
    bail!(crate::exit::NoRun { machine: named.to_owned() })
}
