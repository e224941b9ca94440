//! What has been seen so far that later events must not contradict.

use std::collections::HashMap;
use types::{MachineId, RunId, TaskId};
use workflow::ports::{Commit, Then};
use workflow::{RunEvent, RunState, StepRef};

/// What has been seen so far.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// What was as it must never be.
    pub(crate) violations: Vec<String>,
    runs: Vec<RunId>,
    tasks: Vec<TaskId>,
    seen: HashMap<RunId, Seen>,
    machines: HashMap<MachineId, usize>,
    writes: HashMap<TaskId, usize>,
    restarts: HashMap<usize, Restarts>,
    /// Commits of runs, for the report.
    pub(crate) commits: u64,
    /// Runs that succeeded, for the report.
    pub(crate) succeeded: u64,
    /// Image writes, for the report.
    pub(crate) images: u64,
}

/// What is known of a run.
#[derive(Debug, Default)]
struct Seen {
    /// The highest epoch that it was claimed under, and by which engine.
    claimed: Option<(i64, usize)>,
    /// Whether that claim was given back.
    released: bool,
    ended: Option<RunState>,
}

/// Restarts of a machine: each belongs to an intent on record.
#[derive(Debug, Default)]
struct Restarts {
    intents: u64,
    asked: u64,
    /// The attempt that the last intent is of, and how often it had effect.
    last: Option<(RunId, StepRef, u64, u32)>,
    effects: u32,
}

/// What a restart by a BMC means.
pub(crate) enum Restarted {
    /// It is the first of its attempt, or nobody's but the world's.
    Once,
    /// It should not have been.
    Again(String),
}

impl Ledger {
    /// A name for a run that is the same in every replay.
    pub(crate) fn run_name(&mut self, run: RunId) -> String {
        name("run", &mut self.runs, run)
    }

    /// A name for a task that is the same in every replay.
    pub(crate) fn task_name(&mut self, task: TaskId) -> String {
        name("task", &mut self.tasks, task)
    }

    /// Runs in the order in which they were first heard of.
    pub(crate) fn runs(&self) -> &[RunId] {
        &self.runs
    }

    /// Which machine of the world has this id.
    pub(crate) fn know_machine(&mut self, id: MachineId, index: usize) {
        self.machines.insert(id, index);
    }

    /// An engine has claimed a run.
    pub(crate) fn claimed(&mut self, engine: usize, run: RunId, epoch: i64) -> Result<(), String> {
        let name = self.run_name(run);
        let seen = self.seen.entry(run).or_default();
        if let Some((before, _)) = seen.claimed.filter(|(before, _)| *before >= epoch) {
            return Err(format!("{name} is claimed under epoch {epoch} after epoch {before}"));
        }
        if let Some(ended) = seen.ended {
            return Err(format!("{name} is claimed although it has ended ({ended:?})"));
        }
        seen.claimed = Some((epoch, engine));
        seen.released = false;
        Ok(())
    }

    /// The store has taken an engine's commit.
    pub(crate) fn committed(&mut self, engine: usize, commit: &Commit<'_>) -> Result<(), String> {
        self.commits += 1;
        let epoch = commit.lease.epoch;
        let name = self.run_name(commit.lease.run);
        let seen = self.seen.entry(commit.lease.run).or_default();
        if let Some(ended) = seen.ended {
            return Err(format!("{name} is changed although it has ended ({ended:?})"));
        }
        match seen.claimed {
            Some((claimed, by)) if claimed == epoch && by == engine && !seen.released => {}
            claimed => {
                return Err(format!(
                    "engine {engine} commits {name} under epoch {epoch}, but (epoch, engine) is {claimed:?}{}",
                    if seen.released { " and was given back" } else { "" }
                ));
            }
        }
        seen.released = matches!(commit.then, Then::Release { .. });
        seen.ended = commit.run.ending.map(|_| commit.run.state());
        self.note_intents(commit);
        Ok(())
    }

    fn note_intents(&mut self, commit: &Commit<'_>) {
        let Some(machine) = self.machines.get(&commit.run.machine) else { return };
        for (_, event) in commit.events {
            let RunEvent::StepNoted { at, key, value } = event else { continue };
            if key != "restart" || value.get("done").and_then(serde_json::Value::as_bool) != Some(false) {
                continue;
            }
            let step = commit.run.step(*at);
            let stage = commit.run.stage(*at).attempt;
            let restarts = self.restarts.entry(*machine).or_default();
            restarts.intents += 1;
            let attempt = (commit.lease.run, *at, u64::from(stage), step.attempts);
            if restarts.last != Some(attempt) {
                restarts.last = Some(attempt);
                restarts.effects = 0;
            }
        }
    }

    /// A BMC was asked to switch its machine on or to restart it.
    pub(crate) fn restart_asked(&mut self, machine: usize) -> Result<(), String> {
        let restarts = self.restarts.entry(machine).or_default();
        restarts.asked += 1;
        if restarts.asked <= restarts.intents {
            return Ok(());
        }
        let Restarts { asked, intents, .. } = restarts;
        Err(format!("m{machine} is restarted {asked} times, but only {intents} intents were put on record"))
    }

    /// A BMC has switched its machine on or restarted it.
    pub(crate) fn restart_happened(&mut self, machine: usize) -> Restarted {
        let restarts = self.restarts.entry(machine).or_default();
        restarts.effects += 1;
        match restarts.last {
            Some((_, at, _, attempt)) if restarts.effects > 1 => Restarted::Again(format!(
                "m{machine} is restarted {} times by attempt {attempt} of step {at:?}",
                restarts.effects
            )),
            Some(_) | None => Restarted::Once,
        }
    }

    /// An agent begins to write its machine's disk. Whether it, or another boot of its machine, has done so before
    /// for this task.
    pub(crate) fn writes(&mut self, _machine: usize, task: TaskId) -> bool {
        self.images += 1;
        let writes = self.writes.entry(task).or_default();
        *writes += 1;
        *writes > 1
    }
}

fn name<T: PartialEq>(what: &str, known: &mut Vec<T>, id: T) -> String {
    let place = known.iter().position(|known| *known == id).unwrap_or_else(|| {
        known.push(id);
        known.len() - 1
    });
    format!("{what} {}", place + 1)
}
