//! `slipway logs`.

use crate::connection::Connection;
use crate::exit::Exit;
use crate::output::{Format, line, printable, word};
use client::EventQuery;
use types::event::Event;

/// Whose history.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The machine, by name or id.
    machine: String,
    /// Keep showing what happens.
    #[arg(long, short)]
    follow: bool,
    /// Entries to begin with.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    lines: u16,
    /// Kinds of event, by how they begin, separated by commas: boot.,run.,task.
    #[arg(long)]
    kind: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<Exit> {
    let client = options.connection.client()?;
    let format = options.connection.output;
    let of_machine = EventQuery { machine: Some(options.machine), kind: options.kind, ..EventQuery::default() };
    let newest = EventQuery { limit: Some(options.lines.into()), ..of_machine.clone() };
    let mut last = 0;
    for event in client.events(&newest).await?.items {
        show(format, &event)?;
        last = event.seq;
    }
    if !options.follow {
        return Ok(Exit::Done);
    }
    let mut events = client.follow(EventQuery { after: Some(last), ..of_machine });
    loop {
        show(format, &events.next().await?)?;
    }
}

/// One event, on one line; one document in YAML.
fn show(format: Format, event: &Event) -> anyhow::Result<()> {
    match format {
        Format::Table => line(&text(event)),
        Format::Json => line(&serde_json::to_string(event)?),
        Format::Yaml => line(&format!("---\n{}", serde_saphyr::to_string(event)?.trim_end())),
    }
}

fn text(event: &Event) -> String {
    let facts = event.data.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let facts: Vec<String> = facts.map(|(name, value)| format!("{name}={}", word(value))).collect();
    let at = event.at.strftime("%Y-%m-%dT%H:%M:%SZ");
    printable(&format!("{at} {} {} {}", event.kind, event.actor, facts.join(" ")))
}
