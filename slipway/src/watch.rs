//! Following runs until they end.

use crate::exit::Exit;
use crate::output::{Format, line};
use crate::run_text;
use client::{Client, EventQuery, RunQuery};
use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;
use types::RunId;
use types::machine::MachineSpec;
use wire::RunView;

/// Times on the screen go on at least so often.
const REDRAW: Duration = Duration::from_secs(1);
/// Changes of a run's place come as such events.
const KINDS: &str = "run.,task.,agent.,host.";
/// Moves the cursor home and clears what is below (ECMA-48 §8.3.21 and §8.3.39).
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

/// Follows one run to its end, with a line for each change.
pub(crate) async fn run_to_its_end(client: &Client, id: RunId, format: Format) -> anyhow::Result<RunView> {
    let mut changes = changes(client, EventQuery { run: Some(id), ..EventQuery::default() }).await?;
    let mut shown = String::new();
    loop {
        let run = client.run(id).await?;
        let now = run_text::line(&run);
        if now != shown && format == Format::Table {
            line(&now)?;
            shown = now;
        }
        if run.is_over() {
            return Ok(run);
        }
        changes.next().await?;
    }
}

/// Shows a run over and over until it ends.
pub(crate) async fn run_screen(client: &Client, id: RunId) -> anyhow::Result<Exit> {
    let mut changes = changes(client, EventQuery { run: Some(id), ..EventQuery::default() }).await?;
    loop {
        let run = client.run(id).await?;
        screen(&run_text::run(&run))?;
        if run.is_over() {
            return Ok(if run_text::succeeded(&run) { Exit::Done } else { Exit::Failed });
        }
        changed_or_late(&mut changes).await?;
    }
}

/// Shows all machines over and over, until interrupted.
pub(crate) async fn machines_screen(client: &Client) -> anyhow::Result<Exit> {
    let mut changes = changes(client, EventQuery::default()).await?;
    loop {
        screen(&machines_table(client).await?)?;
        changed_or_late(&mut changes).await?;
    }
}

/// The machines with the newest run of each.
pub(crate) async fn machines_table(client: &Client) -> anyhow::Result<String> {
    let machines = client.list_all::<MachineSpec>().await?;
    Ok(run_text::machines(&machines, &newest_runs(client).await?))
}

/// The newest runs, of which there may be many.
pub(crate) async fn newest_runs(client: &Client) -> anyhow::Result<Vec<RunView>> {
    Ok(client.list_runs(&RunQuery { limit: Some(1000), ..RunQuery::default() }).await?.items)
}

async fn changes(client: &Client, query: EventQuery) -> anyhow::Result<client::EventStream> {
    // From before the first look, so that no change falls between.
    let newest = client.events(&EventQuery { limit: Some(1), ..EventQuery::default() }).await?;
    let after = Some(newest.items.last().map_or(0, |event| event.seq));
    Ok(client.follow(EventQuery { kind: Some(KINDS.to_owned()), after, ..query }))
}

async fn changed_or_late(changes: &mut client::EventStream) -> anyhow::Result<()> {
    if let Ok(change) = tokio::time::timeout(REDRAW, changes.next()).await {
        change?;
    }
    Ok(())
}

fn screen(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        out.write_all(CLEAR.as_bytes())?;
    }
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}
