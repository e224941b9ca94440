//! What the demo shows: a board that is drawn over itself on a terminal, and lines elsewhere.

use super::report::{MachineReport, Report};
use crate::rack::{Rack, RackMachine};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;
use types::Secret;
use wire::{RunView, TaskView};
use workflow::{RunState, StageState};

/// The live board.
pub(super) struct Board {
    began: Instant,
    machines: usize,
    on_terminal: bool,
    lines_drawn: usize,
    last_lines: HashMap<String, String>,
}

impl Board {
    pub(super) fn new(rack: &Rack) -> Self {
        Self {
            began: Instant::now(),
            machines: rack.machines.len(),
            on_terminal: io::stdout().is_terminal(),
            lines_drawn: 0,
            last_lines: HashMap::new(),
        }
    }

    /// Shows where every run stands. Off a terminal, only what has changed.
    pub(super) fn draw(&mut self, runs: &[RunView]) -> io::Result<()> {
        if self.on_terminal { self.redraw(runs) } else { self.print_changes(runs) }
    }

    fn redraw(&mut self, runs: &[RunView]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.lines_drawn > 0 {
            write!(out, "\x1b[{}A\x1b[J", self.lines_drawn)?;
        }
        writeln!(out, "{:>4} s  {} of {} machines found", self.began.elapsed().as_secs(), runs.len(), self.machines)?;
        writeln!(out, "{}", heading())?;
        for run in runs {
            writeln!(out, "{}", line(run))?;
        }
        self.lines_drawn = runs.len() + 2;
        out.flush()
    }

    fn print_changes(&mut self, runs: &[RunView]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        for run in runs {
            let where_it_is = format!("{:?} {:?} {:?} {:?}", run.state, run.stage, run.step, attempt(run));
            let before = self.last_lines.insert(run.id.to_string(), where_it_is.clone());
            if before.as_ref() != Some(&where_it_is) {
                writeln!(out, "{:>4} s  {}", self.began.elapsed().as_secs(), line(run))?;
            }
        }
        out.flush()
    }
}

fn heading() -> String {
    format!("{:<18} {:<15} {:<20} {:>3} {:>6}  {}", "machine", "stage", "step", "try", "time", "now")
}

fn line(run: &RunView) -> String {
    let name = run.machine_name.as_ref().map_or_else(|| run.machine.to_string(), ToString::to_string);
    let stage = match run.state {
        RunState::Succeeded => "DEPLOYED",
        RunState::Failed => "FAILED",
        RunState::Cancelled => "CANCELLED",
        RunState::Queued | RunState::Running | RunState::Waiting | RunState::Paused => {
            run.stage.as_deref().unwrap_or("-")
        }
    };
    let step = run.step.as_deref().unwrap_or("-");
    let now = progress(run).or_else(|| run.reason.clone()).unwrap_or_default();
    let now: String = now.chars().take(60).collect();
    format!("{name:<18} {stage:<15} {step:<20} {:>3} {:>4} s  {now}", attempt(run), run.actual_s as u64)
}

/// The try of the step that is under way.
fn attempt(run: &RunView) -> u32 {
    let current = run.stages.iter().find(|stage| stage.state == StageState::Running);
    let steps = current.into_iter().flat_map(|stage| &stage.steps);
    steps.filter(|step| Some(&step.uses) == run.step.as_ref()).map(|step| step.attempts).max().unwrap_or(0)
}

fn progress(run: &RunView) -> Option<String> {
    let tasks = run.stages.iter().flat_map(|stage| &stage.steps).filter(|step| step.ended.is_none());
    let TaskView { progress, .. } = tasks.filter_map(|step| step.task.as_ref()).next_back()?;
    let progress = progress.as_ref()?;
    let percent = (progress.done * 100).checked_div(progress.total)?;
    Some(format!("{percent:>3} % {}", progress.message))
}

/// Prints the table of stages, expected and actual, and where to read more.
pub(super) fn print_report(report: &Report, folder: &Path) -> io::Result<()> {
    let mut text = String::from("\n");
    for machine in &report.machines {
        write_machine(&mut text, machine).map_err(io::Error::other)?;
    }
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    writeln!(out, "Report: {}", folder.join("report.json").display())?;
    writeln!(out, "Logs:   {} and machines/*/serial.log beside it", folder.join("server.log").display())?;
    out.flush()
}

fn write_machine(text: &mut String, machine: &MachineReport) -> std::fmt::Result {
    let total = machine.total_s.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.0} s"));
    let name = machine.hostname.as_deref().unwrap_or("nobody called home");
    writeln!(text, "{} ({:?}): {} after {total}, {name}", machine.name, machine.firmware, machine.outcome)?;
    if let Some(reason) = &machine.reason {
        writeln!(text, "  {reason}")?;
    }
    writeln!(text, "  {:<16} {:<10} {:>8} {:>8}", "stage", "state", "expected", "actual")?;
    let seconds = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0} s"));
    for stage in &machine.stages {
        let state = format!("{:?}", stage.state).to_lowercase();
        let (expected, actual) = (seconds(stage.expected_s), seconds(stage.actual_s));
        writeln!(text, "  {:<16} {state:<10} {expected:>8} {actual:>8}", stage.name)?;
    }
    writeln!(text)
}

/// Prints what is not as it should be.
pub(super) fn print_mistakes(mistakes: &[String]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for mistake in mistakes {
        writeln!(out, "Wrong:  {mistake}")?;
    }
    out.flush()
}

/// Prints how long a machine took to boot without a server.
pub(super) fn print_offline(machine: &RackMachine, took: Duration) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{}: up from its own disk {} s after a power cycle, without the server",
        machine.name,
        took.as_secs()
    )?;
    out.flush()
}

/// Prints how to reach the demo that goes on.
pub(super) fn print_access(url: &str, token: &Secret) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "\nStatus page: {url}")?;
    writeln!(out, "Login token: {}", token.expose())?;
    writeln!(out, "Interrupt (Ctrl-C) ends the demo.")?;
    out.flush()
}
