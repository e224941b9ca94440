//! What the demo found: a record of every machine's run, for people and programs.

use crate::qemu::PowerCounts;
use crate::rack::{Rack, RackMachine};
use anyhow::Context;
use client::{Client, EventQuery};
use lifecycle::{BootRequest, boot_sessions};
use serde::Serialize;
use serde_json::Value;
use std::path::Path;
use types::event::Event;
use types::machine::{Firmware, MachineSpec};
use types::{How, MachineId, Timestamp};
use wire::{RunView, StageView, StepView};
use workflow::{RunState, StageState, StepState};

/// `report.json`.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Every machine of the rack.
    pub machines: Vec<MachineReport>,
    /// When the server was killed and started again, after the machines were switched on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub server_kills_s: Vec<f64>,
}

/// One machine.
#[derive(Debug, Serialize)]
pub struct MachineReport {
    /// Its name in the rack.
    pub name: String,
    /// How it boots.
    pub firmware: Firmware,
    /// `DEPLOYED`, the stage in which it failed or stopped, or `NOT_SEEN`.
    pub outcome: String,
    /// Why it is not deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The host name under which its own system called home.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// From power-on to the end of the run.
    pub total_s: Option<f64>,
    /// The stages of its run.
    pub stages: Vec<StageReport>,
    /// What each of its power-ons asked for.
    pub boot_sessions: Vec<Vec<BootRequest>>,
    /// How often its power was switched.
    pub power: PowerCounts,
    /// From a power cycle without a server to its login prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offline_boot_s: Option<f64>,
}

/// One stage.
#[derive(Debug, Serialize)]
pub struct StageReport {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub state: StageState,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How long it usually takes.
    pub expected_s: Option<f64>,
    /// How long it took.
    pub actual_s: Option<f64>,
    /// Its steps.
    pub steps: Vec<StepReport>,
}

/// One step.
#[derive(Debug, Serialize)]
pub struct StepReport {
    /// Its catalogue name.
    #[serde(rename = "use")]
    pub uses: String,
    /// How it ended.
    pub state: StepState,
    /// Tries.
    pub attempts: u32,
    /// How it came about.
    pub how: Option<How>,
    /// How long the last attempt took.
    pub actual_s: Option<f64>,
    /// Why it is as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Report {
    /// Reads the record of every machine.
    pub async fn collect(client: &Client, rack: &Rack, runs: &[RunView]) -> anyhow::Result<Self> {
        let boot_events = boot_events(client).await.context("reading the boot history")?;
        let known_machines = client.list_all::<MachineSpec>().await.context("reading the machines")?;
        let mut machines = Vec::new();
        for machine in &rack.machines {
            let known = known_machines.iter().find(|known| known.spec.macs.contains(&machine.mac));
            let run = known.and_then(|known| runs.iter().find(|run| run.machine == MachineId::from(known.id)));
            let called = known.and_then(|known| known.status.called_home.as_ref());
            let called = called.filter(|called| run.is_some_and(|run| run.id == called.run));
            machines.push(MachineReport {
                hostname: called.map(|called| called.hostname.clone()),
                ..machine_report(machine, run, &boot_events)
            });
        }
        Ok(Self { machines, server_kills_s: Vec::new() })
    }

    /// Whether every machine's own system called home.
    pub fn all_deployed(&self) -> bool {
        self.machines.iter().all(|machine| machine.outcome == "DEPLOYED" && machine.hostname.is_some())
    }

    /// What is not as it should be: a machine that is not deployed, or to which something was done twice.
    pub fn mistakes(&self) -> Vec<String> {
        self.machines.iter().flat_map(MachineReport::mistakes).collect()
    }

    /// Writes it as JSON.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        std::fs::write(path, serde_json::to_vec_pretty(self)?).with_context(|| format!("writing {}", path.display()))
    }
}

impl MachineReport {
    fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        let mut expect = |what: &str, found: String, wanted: &str| {
            if found != wanted {
                mistakes.push(format!("{}: {what}: {found} instead of {wanted}", self.name));
            }
        };
        expect("outcome", self.outcome.clone(), "DEPLOYED");
        expect("called home", self.hostname.is_some().to_string(), "true");
        let steps = self.stages.iter().flat_map(|stage| &stage.steps);
        let writes = steps.filter(|step| step.uses == "agent.write_image");
        let writes: Vec<String> = writes.map(|step| format!("{:?} at try {}", step.how, step.attempts)).collect();
        expect("image writes", writes.join(", "), "Some(Changed) at try 1");
        // One for the BIOS attributes, one into the installed system.
        let PowerCounts { starts, resets, stops, .. } = self.power;
        let power = format!("{starts} starts, {resets} resets, {stops} stops");
        expect("power", power, "1 starts, 2 resets, 0 stops");
        mistakes
    }
}

/// The history of all boots, from its beginning.
async fn boot_events(client: &Client) -> anyhow::Result<Vec<Event>> {
    let mut events: Vec<Event> = Vec::new();
    loop {
        let after = events.last().map_or(0, |event| event.seq);
        let query = EventQuery { kind: Some("boot.".to_owned()), after: Some(after), ..EventQuery::default() };
        let page = client.events(&query).await?.items;
        if page.is_empty() {
            return Ok(events);
        }
        events.extend(page);
    }
}

fn machine_report(machine: &RackMachine, run: Option<&RunView>, boot_events: &[Event]) -> MachineReport {
    let own = |event: &&Event| event.data.get("mac").and_then(Value::as_str) == Some(&machine.mac.to_string());
    let events: Vec<&Event> = boot_events.iter().filter(own).collect();
    let powered_on = events.first().map(|event| event.at);
    let ended = run.and_then(|run| run.ended);
    MachineReport {
        name: machine.name.to_string(),
        firmware: machine.firmware,
        outcome: run.map_or_else(|| "NOT_SEEN".to_owned(), outcome),
        reason: run.and_then(|run| run.failure.as_ref().map(|failure| failure.reason.clone())),
        hostname: None,
        total_s: powered_on.zip(ended).map(|(from, to)| to.duration_since(from).as_secs_f64()),
        stages: run.map_or_else(Vec::new, |run| run.stages.iter().map(stage_report).collect()),
        boot_sessions: boot_sessions(events),
        power: machine.qemu.power_counts(),
        offline_boot_s: None,
    }
}

fn outcome(run: &RunView) -> String {
    let stopped = |state| run.stages.iter().find(|stage| stage.state == state).map(|stage| stage.name.clone());
    match run.state {
        RunState::Succeeded => "DEPLOYED".to_owned(),
        RunState::Failed => stopped(StageState::Failed).unwrap_or_else(|| "FAILED".to_owned()),
        RunState::Cancelled => stopped(StageState::Cancelled).unwrap_or_else(|| "CANCELLED".to_owned()),
        RunState::Queued | RunState::Running | RunState::Waiting | RunState::Paused => {
            run.stage.clone().unwrap_or_else(|| "UNFINISHED".to_owned())
        }
    }
}

fn stage_report(stage: &StageView) -> StageReport {
    StageReport {
        name: stage.name.clone(),
        state: stage.state,
        started: stage.started,
        ended: stage.ended,
        expected_s: stage.expected_s,
        actual_s: stage.actual_s,
        steps: stage.steps.iter().map(step_report).collect(),
    }
}

fn step_report(step: &StepView) -> StepReport {
    StepReport {
        uses: step.uses.clone(),
        state: step.state,
        attempts: step.attempts,
        how: step.how,
        actual_s: step.actual_s,
        reason: step.reason.clone(),
    }
}
