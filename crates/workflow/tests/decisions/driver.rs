//! A run moved along by hand: decisions, outcomes, commands and crashes without engine, store or clock.

use jiff::SignedDuration;
use serde_json::Value;
use types::{ErrorClass, How, MachineId, Params, RunId, Timestamp};
use workflow::settle::settle;
use workflow::{
    Command, CommandError, NewRun, Next, Run, RunEvent, StageState, StepOutcome, StepRef, StepResult, StepState, Wait,
    WokenBy, WorkflowSpec, decide,
};

/// More moves than any small run needs.
const MOVES: usize = 1000;

/// One run, what is on record of it, and what is not yet.
pub(crate) struct Driver {
    pub(crate) run: Run,
    pub(crate) now: Timestamp,
    pub(crate) history: Vec<(Timestamp, RunEvent)>,
    committed: (Run, usize),
    woken: Option<WokenBy>,
}

impl Driver {
    pub(crate) fn new(workflow: Value) -> Self {
        let definition: WorkflowSpec = serde_json::from_value(workflow).unwrap();
        definition.validate(&|_| Ok(())).unwrap();
        Self::of(NewRun {
            id: RunId::new(),
            machine: MachineId::new(),
            workflow: "test".parse().unwrap(),
            definition,
            params: Params::new(),
            by: "ada".to_owned(),
            continues: None,
        })
    }

    /// A new run that goes on where this one failed.
    pub(crate) fn continued(&self) -> Self {
        let Run { machine, workflow, definition, params, by, .. } = self.run.clone();
        let continues = Some(self.run.continuation().expect("the run has failed"));
        Self::of(NewRun { id: RunId::new(), machine, workflow, definition, params, by, continues })
    }

    fn of(new: NewRun) -> Self {
        let now = Timestamp::UNIX_EPOCH;
        let (run, created) = Run::create(new, now);
        Self { committed: (run.clone(), 1), run, now, history: vec![(now, created)], woken: None }
    }

    /// Moves on to the next look of a step; `None` when the run sleeps or rests.
    pub(crate) fn next_look(&mut self) -> Option<StepRef> {
        for _ in 0..MOVES {
            match decide(&self.run, self.now, self.woken.take()) {
                Next::Note(events) => events.into_iter().for_each(|event| self.note(event)),
                Next::Act(at, event) => {
                    self.note(event);
                    self.commit();
                    return Some(at);
                }
                Next::Sleep { .. } | Next::Rest => {
                    self.commit();
                    return None;
                }
            }
        }
        panic!("the run does not come to a look: {:#?}", self.run);
    }

    /// When a sleeping run is looked at again.
    pub(crate) fn sleeps_until(&self) -> Option<Timestamp> {
        match decide(&self.run, self.now, None) {
            Next::Sleep { until, .. } => Some(until),
            Next::Note(_) | Next::Act(..) | Next::Rest => None,
        }
    }

    /// The step under way ends its look with `result`.
    pub(crate) fn settle(&mut self, at: StepRef, result: StepResult) {
        let event = settle(&self.run, at, result, self.now, 0.5).expect("no result of the tests loses the lease");
        self.note(event);
    }

    /// The next look of a step ends with `result`.
    pub(crate) fn look(&mut self, result: StepResult) -> StepRef {
        let at = self.next_look().unwrap_or_else(|| panic!("no step looks: {:#?}", self.run));
        self.settle(at, result);
        at
    }

    pub(crate) fn command(&mut self, command: &Command) -> Result<(), CommandError> {
        let (events, woken) = self.run.accept(command, "ada")?;
        events.into_iter().for_each(|event| self.note(event));
        self.woken = self.woken.or(woken);
        Ok(())
    }

    pub(crate) fn wake(&mut self) {
        self.woken = Some(WokenBy::Event);
    }

    pub(crate) fn pass(&mut self, time: SignedDuration) {
        self.now += time;
    }

    /// The server dies, and the next one comes after `time`: less than none, when the clock was set back meanwhile.
    pub(crate) fn leave_alone(&mut self, time: SignedDuration) {
        self.commit();
        self.crash();
        let from = self.now;
        self.now += time;
        if let Some(event) = self.run.left_alone(from, self.now) {
            self.note(event);
        }
        self.commit();
    }

    /// Everything that was not committed is lost.
    pub(crate) fn crash(&mut self) {
        self.run = self.committed.0.clone();
        self.history.truncate(self.committed.1);
        self.woken = None;
    }

    fn commit(&mut self) {
        self.committed = (self.run.clone(), self.history.len());
    }

    fn note(&mut self, event: RunEvent) {
        let before = self.run.clone();
        self.check_start(&event);
        self.run.apply(&event, self.now);
        self.history.push((self.now, event));
        self.check_forward(&before);
    }

    /// A step starts in a stage at work, when no other step is under way.
    fn check_start(&self, event: &RunEvent) {
        let RunEvent::StepStarted { at, .. } = event else { return };
        assert_eq!(self.run.stage(*at).state, StageState::Running, "{event:?}");
        assert!(matches!(self.run.step(*at).state, StepState::Pending | StepState::Retrying), "{event:?}");
        assert!(self.run.current_step().is_none_or(|current| current == *at), "{event:?}");
    }

    /// What is over stays as it is.
    fn check_forward(&self, before: &Run) {
        assert_eq!(before.ending, None, "a run that has ended takes no more events: {:?}", self.history.last());
        assert!(before.settled.is_none() || before.settled == self.run.settled);
        for (old, new) in before.stages.iter().zip(&self.run.stages) {
            let open = matches!(old.state, StageState::Pending | StageState::Running);
            assert!(open || old.state == new.state, "{old:#?} becomes {new:#?}");
            assert!(new.attempt >= old.attempt);
        }
    }
}

pub(crate) fn done() -> StepResult {
    Ok(StepOutcome::done(How::Changed))
}

pub(crate) fn retry() -> StepResult {
    Ok(StepOutcome::Retry { reason: "busy".to_owned(), class: ErrorClass::Transient })
}

pub(crate) fn fails() -> StepResult {
    let class = ErrorClass::Hardware;
    Ok(StepOutcome::Failed { class, reason: "broken".to_owned(), evidence: Value::Null })
}

pub(crate) fn needs_operator() -> StepResult {
    Ok(StepOutcome::NeedsOperator { reason: "no cable".to_owned(), hint: "plug it in".to_owned() })
}

pub(crate) fn waits(until: Timestamp) -> StepResult {
    Ok(StepOutcome::Wait(Wait { reason: "a sign".to_owned(), wake_on: vec!["sign".to_owned()], until }))
}
