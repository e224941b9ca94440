//! Time in which no server was at work: it does not count against a run.
//!
//! A step is patient for as long as its definition says, with a server there to see what happens. When servers
//! change, everything that lies ahead of an open run moves by the time between the last sign of the old server and
//! the first of the new one. A clock that was set back in between makes that time negative; then what the run
//! remembers moves too, or it would lie in the future.

use crate::event::RunEvent;
use crate::run::Run;
use crate::stage_run::{StageRun, StageState, StepRun, StepState};
use jiff::SignedDuration;
use types::Timestamp;

impl Run {
    /// What follows for this run from nobody having been at work from `from` to `to`: nothing for one that has
    /// ended, or that nothing ahead of it can be late for.
    pub fn left_alone(&self, from: Timestamp, to: Timestamp) -> Option<RunEvent> {
        let at_work = self.stages.iter().chain([&self.finally]).any(|stage| stage.state == StageState::Running);
        let open = self.ending.is_none() && (at_work || self.paused_since.is_some());
        (open && from != to).then_some(RunEvent::Unattended { from, to })
    }

    /// Moves the run over time in which it was left alone.
    pub(crate) fn pass_over(&mut self, away: SignedDuration) {
        self.move_deadlines(away);
        shift(&mut self.paused_since, away);
        let set_back = away.min(SignedDuration::ZERO);
        for step in self.open_stages().flat_map(open_steps) {
            for remembered in [&mut step.started, &mut step.looked, &mut step.until] {
                shift(remembered, set_back);
            }
        }
    }

    /// Moves every deadline, and the moment from which a step has waited for a person: that wait, too, is given
    /// back later.
    pub(crate) fn move_deadlines(&mut self, by: SignedDuration) {
        for stage in self.open_stages() {
            shift(&mut stage.deadline, by);
            for step in open_steps(stage) {
                shift(&mut step.deadline, by);
                if step.state == StepState::NeedsOperator {
                    shift(&mut step.ended, by);
                }
            }
        }
    }

    fn open_stages(&mut self) -> impl Iterator<Item = &mut StageRun> {
        let stages = self.stages.iter_mut().chain([&mut self.finally]);
        stages.filter(|stage| stage.state == StageState::Running)
    }
}

fn open_steps(stage: &mut StageRun) -> impl Iterator<Item = &mut StepRun> {
    stage.steps.iter_mut().filter(|step| !step.state.is_over())
}

fn shift(at: &mut Option<Timestamp>, by: SignedDuration) {
    *at = at.and_then(|at| at.checked_add(by).ok());
}
