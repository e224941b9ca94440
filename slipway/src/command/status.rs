//! `slipway status`.

use crate::command::control::run_of;
use crate::connection::Connection;
use crate::exit::Exit;
use crate::output::{Format, line, print};
use crate::{run_text, watch};

/// Whose status.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A run by its id, or a machine by its name or id: its newest run. When left out, all machines; as JSON or YAML,
    /// all runs.
    #[arg(value_name = "MACHINE|RUN")]
    of: Option<String>,
    /// Keep it current; of a run, until it ends.
    #[arg(long, short)]
    watch: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<Exit> {
    let client = options.connection.client()?;
    let format = options.connection.output;
    let Some(of) = &options.of else {
        match format {
            Format::Table if options.watch => return watch::machines_screen(&client).await,
            Format::Table => line(watch::machines_table(&client).await?.trim_end())?,
            format => print(format, &watch::newest_runs(&client).await?, |_| String::new())?,
        }
        return Ok(Exit::Done);
    };
    let run = run_of(&client, of, None).await?;
    if options.watch && format == Format::Table {
        return watch::run_screen(&client, run.id).await;
    }
    let run = if options.watch { watch::run_to_its_end(&client, run.id, format).await? } else { run };
    print(format, &run, run_text::run)?;
    Ok(Exit::Done)
}
