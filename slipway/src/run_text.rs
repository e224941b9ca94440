//! Runs as text.

use crate::output::{Table, duration, printable, word};
use types::agent::TaskProgress;
use wire::{Machine, RunView, StageView, StepView};
use workflow::{RunState, StageState, StepState};

/// Machines with what is being done with each.
pub(crate) fn machines(machines: &[Machine], runs: &[RunView]) -> String {
    let mut table = Table::new(&["MACHINE", "STATE", "STAGE", "STEP", "ATTEMPT", "PROGRESS", "TIME", "REASON"]);
    for machine in machines {
        let run = runs.iter().find(|run| run.machine == machine.id.into());
        let Some(run) = run else {
            let empty = std::iter::repeat_n(String::new(), 6);
            table.row([machine.name.to_string(), word(&machine.status.state)].into_iter().chain(empty));
            continue;
        };
        let step = run.current_step();
        let state = if run.is_over() { word(&machine.status.state) } else { word(&run.state) };
        table.row([
            machine.name.to_string(),
            state,
            run.stage.clone().unwrap_or_default(),
            run.step.clone().unwrap_or_default(),
            step.map(|step| step.attempts.max(1).to_string()).unwrap_or_default(),
            step.and_then(progress_of).unwrap_or_default(),
            times(Some(run.actual_s), run.expected_s),
            run.reason.clone().unwrap_or_default(),
        ]);
    }
    table.to_string()
}

/// A run, stage by stage and step by step.
pub(crate) fn run(run: &RunView) -> String {
    let machine = run.machine_name.as_ref().map_or_else(|| run.machine.to_string(), ToString::to_string);
    let time = times(Some(run.actual_s), run.expected_s);
    let mut text = format!("{machine}  {}  {}  {time}  run {}\n", run.workflow, word(&run.state), run.id);
    if let Some(reason) = &run.reason {
        text.push_str(&format!("{}\n", printable(reason)));
    }
    if let Some(hint) = &run.hint {
        text.push_str(&format!("hint: {}\n", printable(hint)));
    }
    text.push('\n');
    let mut table = Table::new(&["STAGE", "STATE", "ATTEMPT", "HOW", "TIME / EXPECTED", "REASON"]);
    let finally = (!run.finally.steps.is_empty()).then_some(&run.finally);
    for stage in run.stages.iter().chain(finally) {
        stage_rows(&mut table, stage);
    }
    text.push_str(&table.to_string());
    text
}

fn stage_rows(table: &mut Table, stage: &StageView) {
    table.row([
        stage.name.clone(),
        word(&stage.state),
        attempt(stage.attempt),
        String::new(),
        times(stage.actual_s, stage.expected_s),
        stage.reason.clone().unwrap_or_default(),
    ]);
    if stage.state == StageState::Pending {
        return;
    }
    for step in &stage.steps {
        let waits_for = progress_of(step).or_else(|| step.reason.clone());
        table.row([
            format!("  {}", step.uses),
            word(&step.state),
            attempt(step.attempts),
            step.how.as_ref().map(word).unwrap_or_default(),
            step.actual_s.filter(|_| step.state != StepState::Pending).map(duration).unwrap_or_default(),
            waits_for.unwrap_or_default(),
        ]);
    }
}

fn attempt(number: u32) -> String {
    if number == 0 { String::new() } else { number.to_string() }
}

fn times(actual: Option<f64>, expected: Option<f64>) -> String {
    match (actual, expected) {
        (Some(actual), Some(expected)) => format!("{} / {}", duration(actual), duration(expected)),
        (Some(actual), None) => duration(actual),
        (None, Some(expected)) => format!("- / {}", duration(expected)),
        (None, None) => String::new(),
    }
}

/// How far the agent is with a step.
pub(crate) fn progress_of(step: &StepView) -> Option<String> {
    let TaskProgress { done, total, unit, message } = step.task.as_ref()?.progress.as_ref()?;
    let percent = done.saturating_mul(100).checked_div(*total).unwrap_or(0).min(100);
    Some(match unit.as_str() {
        "bytes" => format!("{percent}% of {} {message}", bytes(*total)),
        unit => format!("{done}/{total} {unit} {message}"),
    })
}

/// A size, in the largest unit of which there is one.
pub(crate) fn bytes(size: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut amount = size as f64;
    let mut power = 0;
    while amount >= 1024.0 && power + 1 < units.len() {
        amount /= 1024.0;
        power += 1;
    }
    if power == 0 { format!("{size} B") } else { format!("{amount:.1} {}", units[power]) }
}

/// One line about where a run stands, that changes when something changes that matters.
pub(crate) fn line(run: &RunView) -> String {
    let machine = run.machine_name.as_ref().map_or_else(|| run.machine.to_string(), ToString::to_string);
    let place = match (&run.stage, &run.step) {
        (Some(stage), Some(step)) => format!("{stage}/{step}"),
        (Some(stage), None) => stage.clone(),
        (None, _) => String::new(),
    };
    let again = run.current_step().map(|step| step.attempts).filter(|attempts| *attempts > 1);
    let again = again.map(|attempts| format!("attempt {attempts}")).unwrap_or_default();
    let reason = run.reason.as_deref().map(printable).unwrap_or_default();
    let parts = [machine, word(&run.state), place, again, reason];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
}

/// Whether the run ended as it should.
pub(crate) fn succeeded(run: &RunView) -> bool {
    run.state == RunState::Succeeded
}
