//! `slipway provision`.

use crate::connection::Connection;
use crate::exit::Exit;
use crate::output::{Format, print};
use crate::{run_text, watch};
use serde_json::Value;
use types::{Name, Params, RunId};
use wire::StartRun;

/// What to start.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The machine, by name or id.
    machine: String,
    /// The workflow; without it, the one that the machine's design, group or operating system names, or `default`.
    #[arg(long)]
    workflow: Option<Name>,
    /// A parameter of this run. The value is JSON, or text where it is no JSON. May be given more than once.
    #[arg(long = "param", value_name = "KEY=VALUE", value_parser = parse_param)]
    params: Vec<(String, Value)>,
    /// Switch a stage of this run on or off. May be given more than once.
    #[arg(long = "stage", value_name = "NAME=on|off", value_parser = parse_switch)]
    stages: Vec<(String, bool)>,
    /// Wait until the run has ended; exit with 1 unless it succeeded.
    #[arg(long)]
    wait: bool,
    /// The same key for the same machine is the same run, however often the command is repeated.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

fn parse_param(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    if key.is_empty() {
        return Err("the key is empty".to_owned());
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((key.to_owned(), value))
}

fn parse_switch(text: &str) -> Result<(String, bool), String> {
    match text.split_once('=') {
        Some((stage, "on")) if !stage.is_empty() => Ok((stage.to_owned(), true)),
        Some((stage, "off")) if !stage.is_empty() => Ok((stage.to_owned(), false)),
        _ => Err("write NAME=on or NAME=off".to_owned()),
    }
}

pub(crate) async fn run(options: Options) -> anyhow::Result<Exit> {
    let client = options.connection.client()?;
    let format = options.connection.output;
    let start = StartRun {
        workflow: options.workflow,
        params: Params::from_iter(options.params),
        stages: options.stages.into_iter().collect(),
    };
    // A key of its own makes it safe to send the request again when the answer is lost.
    let key = options.idempotency_key.unwrap_or_else(|| RunId::new().to_string());
    let run = match client.start_run(&options.machine, &start, Some(&key)).await {
        Err(error) if error.may_pass() => client.start_run(&options.machine, &start, Some(&key)).await?,
        answer => answer?,
    };
    if !options.wait {
        print(format, &run, |run| run.id.to_string())?;
        return Ok(Exit::Done);
    }
    let run = watch::run_to_its_end(&client, run.id, format).await?;
    if format == Format::Table {
        crate::output::line("")?;
    }
    print(format, &run, run_text::run)?;
    Ok(if run_text::succeeded(&run) { Exit::Done } else { Exit::Failed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_parameter_is_json_or_text() {
        let value = |text| parse_param(text).unwrap().1;
        assert_eq!(value("a=1"), json!(1));
        assert_eq!(value("a=[\"x\"]"), json!(["x"]));
        assert_eq!(value("a=debian-12"), json!("debian-12"));
        assert_eq!(value("a=b=c"), json!("b=c"));
        assert_eq!(value("a="), json!(""));
        assert!(parse_param("a").is_err() && parse_param("=a").is_err());
    }
}
