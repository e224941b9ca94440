//! What a deployment does next: whom it begins, whether it waits, stops or has ended.
//!
//! A machine's turn is put on record before its run is started, and the run's id is derived from the record. So the
//! decision may be made again at any time, also after a crash between any two lines: nobody is begun twice, and never
//! are more at work than may be.

use std::collections::{BTreeMap, BTreeSet};
use types::design::{
    DeployedMachine, DeploymentCounts, DeploymentSpec, DeploymentState, DeploymentStatus, DesignSpec, Waves,
};
use types::{Name, ObjectId, RunId, Timestamp};

/// What is known of the run of a machine whose turn has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeployedRun {
    /// It was not started: the server was killed before it could be.
    Missing,
    /// It is at work.
    Active,
    /// It succeeded.
    Succeeded(Timestamp),
    /// It failed or was cancelled, and why.
    Failed(Timestamp, String),
}

/// What a deployment's next move depends on.
#[derive(Debug, Clone, Copy)]
pub struct DeploymentFacts<'a> {
    /// The deployment.
    pub id: ObjectId,
    /// What is wanted.
    pub spec: &'a DeploymentSpec,
    /// What is known.
    pub status: &'a DeploymentStatus,
    /// Its design, if there is one.
    pub design: Option<&'a DesignSpec>,
    /// The runs of machines at work. One that is not here is taken for active.
    pub runs: &'a BTreeMap<Name, DeployedRun>,
    /// The time.
    pub now: Timestamp,
}

/// What a deployment does next.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeploymentDecision {
    /// What is put on record, before anything else is done.
    pub status: DeploymentStatus,
    /// Whose runs are started then, each with its id in `status`.
    pub begin: Vec<Name>,
    /// Whose runs are cancelled.
    pub cancel: Vec<Name>,
}

/// Decides what a deployment does next.
pub fn decide_deployment(facts: DeploymentFacts<'_>) -> DeploymentDecision {
    let mut status = facts.status.clone();
    if status.ended.is_some() {
        return DeploymentDecision { status, ..DeploymentDecision::default() };
    }
    (status.next, status.reason) = (None, None);
    if status.started.is_none() {
        if let Some(reason) = why_not_yet(&facts, &mut status) {
            status.reason = Some(reason);
            return DeploymentDecision { status, ..DeploymentDecision::default() };
        }
        settle_machines(&facts, &mut status);
    }
    let mut begin = take_note_of_runs(&facts, &mut status);
    let stop = why_stop(facts.spec, &status);
    if facts.spec.cancelled {
        // What was to begin and did not is not begun any more.
        for name in begin.drain(..) {
            give_up(&mut status, &name, facts.now);
        }
    } else if stop.is_none() && !facts.spec.paused {
        begin.extend(begin_next(&facts, &mut status));
    }
    let cancel = if facts.spec.cancelled { at_work(&status) } else { Vec::new() };
    status.counts = count(&status.machines);
    conclude(&facts, &mut status, stop);
    DeploymentDecision { status, begin, cancel }
}

/// Why a deployment that has not begun does not begin now.
fn why_not_yet(facts: &DeploymentFacts<'_>, status: &mut DeploymentStatus) -> Option<String> {
    let spec = facts.spec;
    if spec.cancelled {
        status.state = DeploymentState::Failed;
        status.ended = Some(facts.now);
        return Some("it was cancelled before it began".to_owned());
    }
    if spec.paused {
        return Some("it is paused".to_owned());
    }
    if let Some(at) = spec.at.filter(|at| *at > facts.now) {
        status.next = Some(at);
        return Some(format!("it begins at {at}"));
    }
    let Some(design) = facts.design else { return Some(format!("there is no design {}", spec.design)) };
    let is_empty = design.rows.is_empty() && spec.rows.is_empty();
    is_empty.then(|| format!("design {} has no rows", spec.design))
}

/// Settles which machines take part, and in which wave each comes: later changes of the design change neither.
fn settle_machines(facts: &DeploymentFacts<'_>, status: &mut DeploymentStatus) {
    let Some(design) = facts.design else { return };
    let chosen: Vec<&Name> = match facts.spec.rows.as_slice() {
        [] => design.rows.keys().collect(),
        rows => rows.iter().collect::<BTreeSet<_>>().into_iter().collect(),
    };
    let waves = waves(facts.spec.waves.as_ref(), chosen.len());
    for (name, wave) in chosen.into_iter().zip(waves) {
        let mut machine = DeployedMachine { wave, ..DeployedMachine::default() };
        if !design.rows.contains_key(name) {
            machine.state = DeploymentState::Failed;
            machine.reason = Some(format!("design {} has no row {name}", facts.spec.design));
            machine.ended = Some(facts.now);
        }
        status.machines.insert(name.clone(), machine);
    }
    status.started = Some(facts.now);
}

/// The wave of each machine, in order.
fn waves(waves: Option<&Waves>, machines: usize) -> impl Iterator<Item = u32> {
    let sizes = waves.map_or(&[][..], |waves| &waves.sizes);
    // A wave of none would never end.
    let sizes: Vec<usize> = sizes.iter().map(|size| usize::try_from(*size).unwrap_or(usize::MAX).max(1)).collect();
    let last = sizes.last().copied().unwrap_or(usize::MAX);
    let all = sizes.into_iter().chain(std::iter::repeat(last));
    (1..).zip(all).flat_map(|(wave, size)| std::iter::repeat_n(wave, size)).take(machines)
}

/// Records how runs have ended. Gives the machines whose runs are still to be started.
fn take_note_of_runs(facts: &DeploymentFacts<'_>, status: &mut DeploymentStatus) -> Vec<Name> {
    let mut begin = Vec::new();
    for (name, machine) in &mut status.machines {
        if machine.state != DeploymentState::Processing {
            continue;
        }
        match facts.runs.get(name) {
            None | Some(DeployedRun::Active) => {}
            Some(DeployedRun::Missing) => begin.push(name.clone()),
            Some(DeployedRun::Succeeded(at)) => {
                machine.state = DeploymentState::Completed;
                machine.ended = Some(*at);
            }
            Some(DeployedRun::Failed(at, reason)) => {
                machine.state = DeploymentState::Failed;
                machine.ended = Some(*at);
                machine.reason = Some(reason.clone());
            }
        }
    }
    begin
}

fn give_up(status: &mut DeploymentStatus, name: &Name, now: Timestamp) {
    if let Some(machine) = status.machines.get_mut(name) {
        machine.state = DeploymentState::Failed;
        machine.ended = Some(now);
        machine.run = None;
        machine.reason = Some("it was cancelled before it began".to_owned());
    }
}

/// Why no further machine is begun, if that is so for good.
fn why_stop(spec: &DeploymentSpec, status: &DeploymentStatus) -> Option<String> {
    if spec.cancelled {
        return Some("it was cancelled".to_owned());
    }
    let failed = count(&status.machines).failed;
    let limit = spec.stop_above_failed.filter(|limit| failed > *limit)?;
    let machines = if failed == 1 { "machine has" } else { "machines have" };
    Some(format!("it stopped: {failed} {machines} failed, and {limit} may"))
}

/// Gives machines of the present wave their turn, as many as may be at work beside those that are.
fn begin_next(facts: &DeploymentFacts<'_>, status: &mut DeploymentStatus) -> Vec<Name> {
    let pending = status.machines.values().filter(|machine| machine.state == DeploymentState::Pending);
    let Some(wave) = pending.map(|machine| machine.wave).min() else { return Vec::new() };
    let earlier = || status.machines.values().filter(|machine| machine.wave < wave);
    if earlier().any(|machine| !machine.state.is_over()) {
        return Vec::new();
    }
    if let Some(at) = facts.spec.waves.as_ref().and_then(|waves| {
        let ended = earlier().filter_map(|machine| machine.ended).max()?;
        ended.checked_add(waves.pause?.0).ok()
    }) && at > facts.now
    {
        status.next = Some(at);
        status.reason = Some(format!("wave {wave} begins at {at}"));
        return Vec::new();
    }
    let busy = at_work(status).len();
    let most = facts.spec.parallel.map_or(usize::MAX, |parallel| usize::try_from(parallel).unwrap_or(usize::MAX));
    let mut begun = Vec::new();
    for (name, machine) in &mut status.machines {
        if busy + begun.len() >= most {
            break;
        }
        if machine.wave != wave || machine.state != DeploymentState::Pending {
            continue;
        }
        machine.attempt += 1;
        machine.state = DeploymentState::Processing;
        machine.run = Some(RunId::of_deployment(facts.id, name, machine.attempt));
        (machine.started, machine.ended, machine.reason) = (Some(facts.now), None, None);
        begun.push(name.clone());
    }
    begun
}

fn at_work(status: &DeploymentStatus) -> Vec<Name> {
    let machines = status.machines.iter();
    machines.filter(|(_, machine)| machine.state == DeploymentState::Processing).map(|(name, _)| name.clone()).collect()
}

/// How many machines stand where.
fn count(machines: &BTreeMap<Name, DeployedMachine>) -> DeploymentCounts {
    let mut counts = DeploymentCounts::default();
    for machine in machines.values() {
        counts.total += 1;
        match machine.state {
            DeploymentState::Pending => counts.pending += 1,
            DeploymentState::Processing => counts.processing += 1,
            DeploymentState::Completed => counts.completed += 1,
            DeploymentState::Failed => counts.failed += 1,
        }
    }
    counts
}

/// Says where the deployment as a whole stands.
fn conclude(facts: &DeploymentFacts<'_>, status: &mut DeploymentStatus, stop: Option<String>) {
    let DeploymentCounts { total, pending, processing, completed, failed } = status.counts;
    let has_ended = processing == 0 && (pending == 0 || stop.is_some());
    if !has_ended {
        status.state = DeploymentState::Processing;
        let paused = (facts.spec.paused && pending > 0).then(|| "it is paused".to_owned());
        status.reason = stop.or(paused).or(status.reason.take());
        return;
    }
    status.ended = Some(facts.now);
    if completed == total {
        status.state = DeploymentState::Completed;
        return;
    }
    status.state = DeploymentState::Failed;
    // What stopped it does not matter where nobody was left.
    let stop = stop.filter(|_| pending > 0 || facts.spec.cancelled);
    status.reason = stop.or_else(|| Some(format!("{failed} of {total} machines failed")));
}

/// Records that a machine could not be begun, and why.
pub fn refuse_deployed(status: &mut DeploymentStatus, row: &Name, run: RunId, reason: String, now: Timestamp) {
    let Some(machine) = status.machines.get_mut(row) else { return };
    // Somebody may have given it another try meanwhile.
    if machine.state == DeploymentState::Processing && machine.run == Some(run) {
        machine.state = DeploymentState::Failed;
        (machine.ended, machine.reason, machine.run) = (Some(now), Some(reason), None);
        status.counts = count(&status.machines);
    }
}

/// Gives machines that failed another try. Gives how many.
pub fn retry_failed(status: &mut DeploymentStatus) -> usize {
    let mut retried = 0;
    for machine in status.machines.values_mut().filter(|machine| machine.state == DeploymentState::Failed) {
        machine.state = DeploymentState::Pending;
        (machine.run, machine.started, machine.ended, machine.reason) = (None, None, None, None);
        retried += 1;
    }
    if retried > 0 {
        status.state = DeploymentState::Processing;
        (status.ended, status.reason) = (None, None);
        status.counts = count(&status.machines);
    }
    retried
}
