//! `slipway explain-params`.

use crate::connection::Connection;
use crate::exit::Exit;
use crate::output::{Table, print};
use std::io::Write as _;

/// Of which machine.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The machine, by name or id.
    machine: String,
    /// Only parameters whose keys begin so.
    #[arg(long, default_value = "")]
    prefix: String,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<Exit> {
    let mut found = options.connection.client()?.explain_params(&options.machine).await?;
    found.params.retain(|param| param.key.starts_with(&options.prefix));
    for missing in &found.missing {
        // Nobody is left to tell that standard error is closed.
        writeln!(std::io::stderr(), "slipway: warning: {missing}").ok();
    }
    print(options.connection.output, &found, |found| {
        let mut table = Table::new(&["PARAMETER", "VALUE", "FROM", "OVER"]);
        for param in &found.params {
            let value = match &param.wrong {
                None => param.value.to_string(),
                Some(wrong) => format!("{} (wrong: {wrong})", param.value),
            };
            table.row([param.key.clone(), value, param.source.clone(), param.overrides.join(", ")]);
        }
        table.to_string()
    })?;
    Ok(Exit::Done)
}
