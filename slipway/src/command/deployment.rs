//! `slipway deployment`.

use crate::connection::Connection;
use crate::exit::Exit;
use crate::output::{Format, Table, line, print, word};
use anyhow::Context;
use client::{Client, EventQuery};
use std::path::PathBuf;
use types::design::{DeploymentCounts, DeploymentSpec, DeploymentState, Waves};
use types::{HumanDuration, Name, Timestamp};
use wire::{Deployment, DeploymentCommand};

/// Works with deployments.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Action {
    /// Provision the machines of a design.
    Start(Box<StartOptions>),
    /// Show how far a deployment is, machine by machine.
    Status(Options),
    /// Begin no further machine; what runs goes on.
    Pause(Options),
    /// Begin machines again.
    Resume(Options),
    /// Begin no further machine, and cancel what runs.
    Cancel(Options),
    /// Give machines that failed, or could not be begun, another try.
    RetryFailed(Options),
    /// Wait until a deployment has ended; exit with 1 unless all of its machines are completed.
    Wait(Options),
    /// Write the report of a deployment, with the times of its stages.
    Report(ReportOptions),
}

/// Which deployment.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The deployment, by name or id.
    deployment: String,
    #[command(flatten)]
    connection: Connection,
}

/// What to deploy, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct StartOptions {
    /// The design.
    design: Name,
    /// The deployment's name; without it, the design's and the time.
    #[arg(long)]
    name: Option<Name>,
    /// Begin at this time, such as 2026-01-31T22:00:00Z, instead of now.
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Only these rows, with commas between.
    #[arg(long, value_name = "ROW", value_delimiter = ',')]
    rows: Vec<Name>,
    /// How many machines are worked on at once.
    #[arg(long, value_name = "MACHINES")]
    parallel: Option<u32>,
    /// Machines in the first wave, the second, …; the last number holds for all further ones.
    #[arg(long, value_name = "MACHINES", value_delimiter = ',')]
    waves: Vec<u32>,
    /// The pause between two waves.
    #[arg(long, value_name = "TIME", requires = "waves")]
    wave_pause: Option<HumanDuration>,
    /// Begin no further machine once more than this have failed.
    #[arg(long, value_name = "MACHINES")]
    stop_above_failed: Option<u32>,
    /// Switch these stages off, with commas between.
    #[arg(long, value_name = "STAGE", value_delimiter = ',')]
    without_stages: Vec<String>,
    /// Switch these stages on, with commas between.
    #[arg(long, value_name = "STAGE", value_delimiter = ',')]
    with_stages: Vec<String>,
    /// Wait until it has ended; exit with 1 unless all of its machines are completed.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Which report, and where it goes.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportOptions {
    /// The deployment, by name or id.
    deployment: String,
    /// Where to write it: a page where the name ends in .html, JSON otherwise. Without it, JSON to standard output.
    file: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(action: Action) -> anyhow::Result<Exit> {
    match action {
        Action::Start(options) => start(*options).await,
        Action::Status(Options { deployment, connection }) => {
            let found = connection.client()?.find::<DeploymentSpec>(&deployment).await?;
            print(connection.output, &found, table)?;
            Ok(Exit::Done)
        }
        Action::Pause(options) => command(options, DeploymentCommand::Pause).await,
        Action::Resume(options) => command(options, DeploymentCommand::Resume).await,
        Action::Cancel(options) => command(options, DeploymentCommand::Cancel).await,
        Action::RetryFailed(options) => command(options, DeploymentCommand::RetryFailed).await,
        Action::Wait(Options { deployment, connection }) => {
            wait(&connection.client()?, &deployment, connection.output).await
        }
        Action::Report(options) => report(options).await,
    }
}

async fn start(options: StartOptions) -> anyhow::Result<Exit> {
    let client = options.connection.client()?;
    let switched = |stages: Vec<String>, on: bool| stages.into_iter().map(move |stage| (stage, on));
    let stages = switched(options.with_stages, true).chain(switched(options.without_stages, false)).collect();
    let waves = (!options.waves.is_empty()).then_some(Waves { sizes: options.waves, pause: options.wave_pause });
    let name = match options.name {
        Some(name) => name,
        None => client.version().await.map(|version| name_at(&options.design, version.now))??,
    };
    let spec = DeploymentSpec {
        description: None,
        design: options.design,
        rows: options.rows,
        at: options.at,
        parallel: options.parallel,
        waves,
        stop_above_failed: options.stop_above_failed,
        stages,
        paused: false,
        cancelled: false,
    };
    let started = client.create::<DeploymentSpec>(name, spec).await?;
    if !options.wait {
        print(options.connection.output, &started, |started| started.name.to_string())?;
        return Ok(Exit::Done);
    }
    wait(&client, started.name.as_str(), options.connection.output).await
}

/// The name of a deployment that nobody has named.
fn name_at(design: &Name, now: Timestamp) -> anyhow::Result<Name> {
    let time = now.strftime("-%Y%m%d-%H%M%S").to_string();
    let room = types::name::MAX_NAME_LEN - time.len();
    let start = design.as_str().get(..room).unwrap_or(design.as_str()).trim_end_matches(['-', '.', '_']);
    format!("{start}{time}").parse().context("making a name from the design's: give one with --name")
}

async fn command(options: Options, command: DeploymentCommand) -> anyhow::Result<Exit> {
    let changed = options.connection.client()?.command_deployment(&options.deployment, command).await?;
    print(options.connection.output, &changed, summary)?;
    Ok(Exit::Done)
}

/// Waits until the deployment has ended, with a line for each change.
async fn wait(client: &Client, named: &str, format: Format) -> anyhow::Result<Exit> {
    // The stream begins before the deployment is looked at, so that its end is in one or the other.
    let newest = EventQuery { limit: Some(1), ..EventQuery::default() };
    let after = client.events(&newest).await?.items.last().map_or(0, |event| event.seq);
    let kind = Some("deployment.,run.succeeded,run.failed,run.cancelled,operator".to_owned());
    let mut events = client.follow(EventQuery { after: Some(after), kind, ..EventQuery::default() });
    let mut shown = String::new();
    loop {
        let found = client.find::<DeploymentSpec>(named).await?;
        let now = summary(&found);
        if now != shown && format == Format::Table {
            line(&now)?;
            shown = now;
        }
        if found.status.ended.is_some() {
            if format != Format::Table {
                print(format, &found, summary)?;
            }
            return Ok(if found.status.state == DeploymentState::Completed { Exit::Done } else { Exit::Failed });
        }
        events.next().await?;
    }
}

/// A deployment in one line.
fn summary(deployment: &Deployment) -> String {
    let DeploymentCounts { total, pending, processing, completed, failed } = deployment.status.counts;
    let reason = deployment.status.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
    format!(
        "{}: {}{reason}; {total} machines: {pending} pending, {processing} processing, {completed} completed, {failed} failed",
        deployment.name,
        word(&deployment.status.state),
    )
}

fn table(deployment: &Deployment) -> String {
    let mut table = Table::new(&["MACHINE", "WAVE", "STATE", "TRY", "RUN", "REASON"]);
    for (name, machine) in &deployment.status.machines {
        let run = machine.run.map_or_else(String::new, |run| run.to_string());
        let reason = machine.reason.clone().unwrap_or_default();
        let (wave, attempt) = (machine.wave.to_string(), machine.attempt.to_string());
        table.row([name.to_string(), wave, word(&machine.state), attempt, run, reason]);
    }
    format!("{}\n{table}", summary(deployment))
}

async fn report(options: ReportOptions) -> anyhow::Result<Exit> {
    let client = options.connection.client()?;
    let Some(file) = options.file else {
        let report = client.report(&options.deployment).await?;
        let format = if options.connection.output == Format::Yaml { Format::Yaml } else { Format::Json };
        print(format, &report, |_| String::new())?;
        return Ok(Exit::Done);
    };
    let is_page = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("html"));
    let content = if is_page {
        client.report_page(&options.deployment).await?.to_vec()
    } else {
        serde_json::to_vec_pretty(&client.report(&options.deployment).await?)?
    };
    std::fs::write(&file, content).with_context(|| format!("writing {}", file.display()))?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_without_a_name_has_the_designs_and_the_time() {
        let now = "2026-01-31T22:00:05Z".parse().unwrap();
        assert_eq!(name_at(&"rack".parse().unwrap(), now).unwrap().as_str(), "rack-20260131-220005");
        let long: Name = "a".repeat(63).parse().unwrap();
        assert_eq!(name_at(&long, now).unwrap().as_str().len(), 63);
    }
}
