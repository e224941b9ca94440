//! `slipway list`.

use crate::connection::Connection;
use crate::exit::Exit;
use crate::output::{Format, line, print};
use crate::watch;
use types::machine::MachineSpec;

/// How to list.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<Exit> {
    let client = options.connection.client()?;
    match options.connection.output {
        Format::Table => line(watch::machines_table(&client).await?.trim_end())?,
        format => print(format, &client.list_all::<MachineSpec>().await?, |_| String::new())?,
    }
    Ok(Exit::Done)
}
