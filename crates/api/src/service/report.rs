//! What became of a deployment, with the times of its stages over all machines.

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::service::find;
use askama::Template;
use store::Deployments;
use types::Timestamp;
use types::design::{DeployedMachine, DeploymentState};
use wire::{Deployment, DeploymentReport, MachineReport, MachineStageReport, RunView, StageReport};
use workflow::StageState;

/// A deployment's report.
pub(crate) async fn of_deployment(app: &App, named: &str) -> ApiResult<DeploymentReport> {
    let deployment = find::object::<Deployments>(app, named).await?;
    let now = app.now();
    let mut machines = Vec::with_capacity(deployment.status.machines.len());
    for (name, machine) in &deployment.status.machines {
        let run = match machine.run {
            Some(run) => app.store.run(run).await?,
            None => None,
        };
        let view = run.map(|run| RunView::of(&run, None, None, now));
        machines.push(machine_report(name.clone(), machine, view));
    }
    Ok(report(deployment, machines, now))
}

fn report(deployment: Deployment, machines: Vec<MachineReport>, now: Timestamp) -> DeploymentReport {
    let status = deployment.status;
    let actual = status.started.map(|started| seconds(started, status.ended.unwrap_or(now)));
    DeploymentReport {
        deployment: deployment.name,
        design: deployment.spec.design,
        state: status.state,
        reason: status.reason,
        counts: status.counts,
        started: status.started,
        ended: status.ended,
        actual_s: actual,
        at: now,
        stages: stages(&machines),
        machines,
    }
}

/// Seconds, to the millisecond.
fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_millis().max(0) as f64 / 1000.0
}

fn machine_report(name: types::Name, machine: &DeployedMachine, run: Option<RunView>) -> MachineReport {
    let (expected_s, actual_s) = run.as_ref().map_or((None, None), |run| (run.expected_s, Some(run.actual_s)));
    let stages = run.map_or_else(Vec::new, |run| run.stages);
    MachineReport {
        name,
        machine: machine.machine,
        run: machine.run,
        wave: machine.wave,
        attempt: machine.attempt,
        state: machine.state,
        reason: machine.reason.clone(),
        started: machine.started,
        ended: machine.ended,
        expected_s,
        actual_s,
        stages: stages
            .into_iter()
            .map(|stage| MachineStageReport {
                name: stage.name,
                state: stage.state,
                attempt: stage.attempt,
                expected_s: stage.expected_s,
                actual_s: stage.actual_s,
            })
            .collect(),
    }
}

/// Each stage over all machines, in the order in which the machines have them.
fn stages(machines: &[MachineReport]) -> Vec<StageReport> {
    let mut names: Vec<&str> = Vec::new();
    for machine in machines {
        let mut place = 0;
        for stage in &machine.stages {
            match names.iter().position(|name| *name == stage.name) {
                Some(known) => place = known + 1,
                None => {
                    names.insert(place, &stage.name);
                    place += 1;
                }
            }
        }
    }
    let of = |name: &str| {
        let all = machines.iter().flat_map(|machine| &machine.stages).filter(|stage| stage.name == name);
        stage(name, &all.collect::<Vec<_>>())
    };
    names.into_iter().map(of).collect()
}

fn stage(name: &str, all: &[&MachineStageReport]) -> StageReport {
    let is_over = |stage: &&&MachineStageReport| matches!(stage.state, StageState::Succeeded | StageState::Failed);
    let mut times: Vec<f64> = all.iter().filter(is_over).filter_map(|stage| stage.actual_s).collect();
    times.sort_by(f64::total_cmp);
    let count = |wanted: &[StageState]| {
        u32::try_from(all.iter().filter(|stage| wanted.contains(&stage.state)).count()).unwrap_or(u32::MAX)
    };
    StageReport {
        name: name.to_owned(),
        expected_s: all.iter().find_map(|stage| stage.expected_s),
        mean_s: (!times.is_empty()).then(|| times.iter().sum::<f64>() / times.len() as f64),
        p50_s: percentile(&times, 50),
        p95_s: percentile(&times, 95),
        max_s: times.last().copied(),
        succeeded: count(&[StageState::Succeeded]),
        failed: count(&[StageState::Failed]),
        skipped: count(&[StageState::Skipped, StageState::Cancelled]),
        open: count(&[StageState::Pending, StageState::Running]),
    }
}

/// The least of the times that so many of a hundred do not exceed (nearest rank).
fn percentile(sorted: &[f64], of_hundred: usize) -> Option<f64> {
    let rank = (sorted.len() * of_hundred).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a DeploymentReport,
}

/// The report as a page that needs nothing else.
pub(crate) fn page(report: &DeploymentReport) -> ApiResult<String> {
    Page { report }.render().map_err(|error| ApiError::fault("writing a report", error))
}

/// What the page shows.
mod shown {
    use super::{DeploymentState, StageState, Timestamp};

    pub(super) fn seconds(seconds: &Option<f64>) -> String {
        let Some(seconds) = seconds else { return "–".to_owned() };
        // Saturates, and gives 0 for what is no number.
        let whole = seconds.round() as u64;
        let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
        match (hours, minutes) {
            (0, 0) if *seconds < 10.0 => format!("{seconds:.1} s"),
            (0, 0) => format!("{rest} s"),
            (0, _) => format!("{minutes} min {rest:02} s"),
            _ => format!("{hours} h {minutes:02} min"),
        }
    }

    pub(super) fn time(at: &Option<Timestamp>) -> String {
        at.as_ref().map_or_else(|| "–".to_owned(), moment)
    }

    pub(super) fn moment(at: &Timestamp) -> String {
        at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
    }

    pub(super) fn text(text: &Option<String>) -> &str {
        text.as_deref().unwrap_or_default()
    }

    pub(super) fn state(state: &DeploymentState) -> &'static str {
        match state {
            DeploymentState::Pending => "Pending",
            DeploymentState::Processing => "Processing",
            DeploymentState::Completed => "Completed",
            DeploymentState::Failed => "Failed",
        }
    }

    pub(super) fn stage(state: &StageState) -> &'static str {
        match state {
            StageState::Pending => "pending",
            StageState::Running => "running",
            StageState::Succeeded => "succeeded",
            StageState::Failed => "failed",
            StageState::Skipped => "skipped",
            StageState::Cancelled => "cancelled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!((percentile(&times, 50), percentile(&times, 95)), (Some(10.0), Some(19.0)));
        assert_eq!(percentile(&[3.0], 95), Some(3.0));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn stages_that_only_some_machines_have_stand_where_those_have_them() {
        let stage = |name: &str| MachineStageReport {
            name: name.to_owned(),
            state: StageState::Succeeded,
            attempt: 1,
            expected_s: None,
            actual_s: Some(1.0),
        };
        let machine = |names: &[&str]| MachineReport {
            stages: names.iter().map(|name| stage(name)).collect(),
            ..machine_report("m".parse().unwrap(), &DeployedMachine::default(), None)
        };
        let machines = [machine(&["A", "C"]), machine(&["A", "B", "C"])];
        let names: Vec<String> = stages(&machines).into_iter().map(|stage| stage.name).collect();
        assert_eq!(names, ["A", "B", "C"]);
    }
}
