//! What must hold of what is stored.

use crate::happening::Happening;
use crate::machine::Contents;
use crate::operator::Wish;
use crate::site;
use crate::world::Shared;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use store::{EventFilter, RunFilter, Store};
use types::machine::MachineState;
use types::{MachineId, RunId, Timestamp};
use workflow::{Run, RunEvent, RunState, StepState};

/// Entries read at a time.
const PAGE: usize = 1000;
/// How often the stored state is looked at.
const EVERY: Duration = Duration::from_secs(120);
/// A run that has not ended so long after all is well is lost.
const PATIENCE: Duration = Duration::from_secs(16 * 3600);

/// The checks that hold at any time.
pub(crate) async fn inspect(world: &Shared, store: &Store) -> Result<()> {
    let mut by_machine: HashMap<MachineId, RunId> = HashMap::new();
    for run in active(store).await? {
        if let Some(other) = by_machine.insert(run.machine, run.id) {
            let mut world = world.lock();
            let (one, two) = (world.common.ledger.run_name(other), world.common.ledger.run_name(run.id));
            world.common.violation(format!("{one} and {two} work on the same machine"));
        }
    }
    let world = world.lock();
    world.common.timeline.after(EVERY, Happening::Inspect);
    Ok(())
}

/// Learns the server's ids of the machines.
pub(crate) async fn know_machines(world: &Shared, store: &Store) -> Result<()> {
    let cards: Vec<_> = world.lock().machines.iter().map(|machine| (machine.index, machine.mac())).collect();
    for (index, mac) in cards {
        if let Some(machine) = store.machine_by_mac(mac).await? {
            world.lock().common.ledger.know_machine(machine.id.into(), index);
        }
    }
    Ok(())
}

async fn active(store: &Store) -> Result<Vec<Run>> {
    let filter = RunFilter { active: Some(true), ..RunFilter::default() };
    Ok(store.list_runs(&filter, None, PAGE).await?)
}

/// Whether all is calm and every run has ended, or waits for a person and says why.
pub(crate) async fn is_over(world: &Shared, store: &Store) -> Result<bool> {
    let (calm, since) = {
        let world = world.lock();
        (world.common.calm, world.common.timeline.now().saturating_sub(world.common.faults.until))
    };
    if !calm || since < Duration::from_secs(60) {
        return Ok(false);
    }
    let open: Vec<Run> = active(store).await?.into_iter().filter(|run| !waits_for_a_person(run)).collect();
    for run in open.iter().filter(|run| run.state() == RunState::Paused) {
        let world = world.lock();
        world.common.timeline.after(Duration::ZERO, Happening::Operator(Wish::GoOn(run.id)));
    }
    if open.is_empty() {
        return Ok(true);
    }
    if since < PATIENCE {
        return Ok(false);
    }
    let mut world = world.lock();
    for run in open {
        let name = world.common.ledger.run_name(run.id);
        let step = run.current_step().map(|at| run.step(at).clone());
        world.common.violation(format!("{name} neither ends nor waits for a person: {:?} {step:?}", run.state()));
    }
    Ok(true)
}

fn waits_for_a_person(run: &Run) -> bool {
    run.current_step().is_some_and(|at| {
        let step = run.step(at);
        step.state == StepState::NeedsOperator && step.reason.as_ref().is_some_and(|reason| !reason.is_empty())
    })
}

/// The checks at the end: every history replays to what is stored, and what is said to be done is done.
pub(crate) async fn at_the_end(world: &Shared, store: &Store) -> Result<()> {
    let runs = store.list_runs(&RunFilter::default(), None, PAGE).await?;
    let mut newest: HashMap<MachineId, Run> = HashMap::new();
    let mut last_seq = 0;
    for run in runs {
        let history = history(store, run.id).await?;
        let mut violations = check_history(&run, &history);
        violations.extend(check_writes(&run, &history));
        let mut world = world.lock();
        let name = world.common.ledger.run_name(run.id);
        world.common.ledger.succeeded += u64::from(run.state() == RunState::Succeeded);
        for violation in violations {
            world.common.violation(format!("{name}: {violation}"));
        }
        let created = history.first().map_or(0, |(seq, ..)| *seq);
        if created >= last_seq || !newest.contains_key(&run.machine) {
            last_seq = created;
            newest.insert(run.machine, run);
        }
    }
    let machines: Vec<_> = world.lock().machines.iter().map(|machine| (machine.index, machine.mac())).collect();
    for (index, mac) in machines {
        let Some(machine) = store.machine_by_mac(mac).await? else { continue };
        let Some(run) = newest.get(&machine.id.into()) else { continue };
        check_truth(world, index, machine.status.state, run);
    }
    Ok(())
}

/// What happened to a run, with its place in the history.
async fn history(store: &Store, run: RunId) -> Result<Vec<(u64, Timestamp, RunEvent)>> {
    let mut entries = Vec::new();
    let mut after = None;
    loop {
        let filter = EventFilter { run: Some(run), kinds: vec!["run.".to_owned()], after, ..EventFilter::default() };
        let page = store.events(&filter, PAGE).await?;
        for event in &page {
            let read = serde_json::from_value(event.data.clone());
            entries.push((event.seq, event.at, read.with_context(|| format!("reading a {} event", event.kind))?));
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.seq),
            Some(_) | None => return Ok(entries),
        }
    }
}

/// The history replays to the stored run, and no state in it goes back.
fn check_history(run: &Run, history: &[(u64, Timestamp, RunEvent)]) -> Vec<String> {
    let mut violations = Vec::new();
    let events = history.iter().map(|(_, at, event)| (*at, event));
    match Run::replay(run.id, events) {
        Some(replayed) if replayed == *run => {}
        Some(replayed) => violations.push(format!("its history replays to {replayed:?}, but {run:?} is stored")),
        None => violations.push("its history does not begin with its creation".to_owned()),
    }
    let mut ended = false;
    let mut stage_reached = 0;
    let mut attempts = HashMap::new();
    for (seq, _, event) in history {
        if ended {
            violations.push(format!("entry {seq} comes after its end: {event:?}"));
        }
        match event {
            RunEvent::Ended { .. } => ended = true,
            RunEvent::StageStarted { stage, attempt, .. } => {
                if *stage < stage_reached {
                    violations.push(format!("stage {stage} starts after stage {stage_reached}"));
                }
                stage_reached = *stage;
                if attempts.insert(*stage, *attempt).is_some_and(|before| before >= *attempt) {
                    violations.push(format!("attempt {attempt} of stage {stage} starts twice"));
                }
            }
            _ => {}
        }
    }
    if ended != run.ending.is_some() {
        violations.push(format!("its history says ended: {ended}, it says {:?}", run.ending));
    }
    violations
}

/// No more orders to write than attempts.
fn check_writes(run: &Run, history: &[(u64, Timestamp, RunEvent)]) -> Vec<String> {
    let mut started = BTreeMap::new();
    for (_, _, event) in history {
        if let RunEvent::StepStarted { at, attempt, .. } = event {
            let stage = run.stage(*at).attempt;
            *started.entry((*at, *attempt)).or_insert(0_u32) += 1;
            if started[&(*at, *attempt)] > stage.max(1) {
                return vec![format!("attempt {attempt} of step {at:?} starts {} times", started[&(*at, *attempt)])];
            }
        }
    }
    Vec::new()
}

/// What the newest run of a machine says is so.
fn check_truth(world: &Shared, index: usize, state: MachineState, run: &Run) {
    let mut world = world.lock();
    let expected = match run.state() {
        RunState::Succeeded => MachineState::Deployed,
        RunState::Failed | RunState::Cancelled => MachineState::Failed,
        _ => MachineState::Provisioning,
    };
    let name = world.common.ledger.run_name(run.id);
    let cancelled = run.state() == RunState::Cancelled;
    if state != expected && !cancelled {
        world.common.violation(format!("{name} is {:?}, but m{index} is {state:?}", run.state()));
    }
    if run.state() != RunState::Succeeded {
        return;
    }
    let machine = &world.machines[index];
    let installed = matches!(&machine.disk, Contents::Image { digest, system: Some(_) } if *digest == site::image());
    let has_bios = machine.bios.get("SriovGlobalEnable").is_some_and(|value| value == "Enabled");
    let (disk, up) = (machine.disk.clone(), machine.system_up);
    if !installed || up.is_none() {
        world.common.violation(format!("{name} succeeded, but m{index} has {disk:?} and its system came up: {up:?}"));
    }
    if !has_bios {
        world.common.violation(format!("{name} succeeded, but m{index} has the old BIOS settings"));
    }
}
