//! What a deployment does next, told as stories and as what holds whatever happens.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use lifecycle::{DeployedRun, DeploymentDecision, DeploymentFacts, decide_deployment, refuse_deployed, retry_failed};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use types::design::{DeploymentSpec, DeploymentState, DeploymentStatus, DesignSpec};
use types::{Name, ObjectId, RunId, Timestamp};
use uuid::Uuid;

const ID: ObjectId = ObjectId(Uuid::from_u128(7));

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn design(rows: usize) -> DesignSpec {
    let rows: BTreeMap<String, Value> = (1..=rows).map(|row| (format!("m{row:03}"), json!({}))).collect();
    serde_json::from_value(json!({"group": "compute", "rows": rows})).unwrap()
}

/// A deployment and the runs that it has started.
struct Story {
    spec: DeploymentSpec,
    design: Option<DesignSpec>,
    status: DeploymentStatus,
    runs: BTreeMap<RunId, DeployedRun>,
    now: i64,
}

impl Story {
    fn new(rows: usize, spec: &Value) -> Self {
        let mut whole = json!({"design": "d"});
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let spec = serde_json::from_value(whole).unwrap();
        let status = DeploymentStatus::default();
        Self { spec, design: Some(design(rows)), status, runs: BTreeMap::new(), now: 1000 }
    }

    fn decide(&self) -> DeploymentDecision {
        let run = |id| self.runs.get(id).cloned().unwrap_or(DeployedRun::Missing);
        let known =
            self.status.machines.iter().filter_map(|(name, machine)| Some((name.clone(), run(machine.run.as_ref()?))));
        decide_deployment(DeploymentFacts {
            id: ID,
            spec: &self.spec,
            status: &self.status,
            design: self.design.as_ref(),
            runs: &known.collect(),
            now: at(self.now),
        })
    }

    /// Decides, and does it. Gives who was begun.
    fn step(&mut self) -> Vec<String> {
        let decision = self.decide();
        self.status = decision.status;
        for name in &decision.begin {
            self.runs.entry(self.status.machines[name].run.unwrap()).or_insert(DeployedRun::Active);
        }
        for name in &decision.cancel {
            self.end(name.as_str(), false);
        }
        decision.begin.iter().map(ToString::to_string).collect()
    }

    fn end(&mut self, machine: &str, well: bool) {
        let run = self.status.machines[&name(machine)].run.unwrap();
        let ended = if well {
            DeployedRun::Succeeded(at(self.now))
        } else {
            DeployedRun::Failed(at(self.now), "broken".to_owned())
        };
        self.runs.insert(run, ended);
    }

    fn reason(&self) -> &str {
        self.status.reason.as_deref().unwrap_or_default()
    }
}

#[test]
fn all_begin_at_once_unless_something_else_is_said() {
    let mut story = Story::new(3, &json!({}));
    assert_eq!(story.step(), ["m001", "m002", "m003"]);
    assert_eq!(story.status.state, DeploymentState::Processing);
    assert_eq!(story.step(), [""; 0]);
    for machine in ["m001", "m002", "m003"] {
        story.end(machine, true);
    }
    story.step();
    assert_eq!((story.status.state, story.status.counts.completed), (DeploymentState::Completed, 3));
    assert_eq!(story.status.ended, Some(at(1000)));
}

#[test]
fn it_begins_when_its_time_has_come() {
    let mut story = Story::new(1, &json!({"at": "1970-01-01T01:00:00Z"}));
    assert_eq!(story.step(), [""; 0]);
    assert_eq!((story.status.next, story.reason()), (Some(at(3600)), "it begins at 1970-01-01T01:00:00Z"));
    story.now = 3600;
    assert_eq!(story.step(), ["m001"]);
}

#[test]
fn waves_follow_each_other_after_their_pause() {
    let mut story = Story::new(5, &json!({"waves": {"sizes": [1, 2], "pause": "1m"}}));
    assert_eq!(story.step(), ["m001"]);
    story.end("m001", false);
    assert_eq!(story.step(), [""; 0]);
    assert_eq!((story.status.next, story.reason()), (Some(at(1060)), "wave 2 begins at 1970-01-01T00:17:40Z"));
    story.now = 1060;
    assert_eq!(story.step(), ["m002", "m003"]);
    story.end("m002", true);
    assert_eq!(story.step(), [""; 0]);
    story.end("m003", true);
    story.now = 1119;
    assert_eq!(story.step(), [""; 0]);
    story.now = 1120;
    assert_eq!(story.step(), ["m004", "m005"]);
}

#[test]
fn it_stops_when_too_many_have_failed_and_says_so() {
    let mut story = Story::new(4, &json!({"parallel": 2, "stop_above_failed": 1}));
    story.step();
    story.end("m001", false);
    assert_eq!(story.step(), ["m003"]);
    story.end("m002", false);
    assert_eq!(story.step(), [""; 0]);
    assert_eq!(
        (story.status.state, story.reason()),
        (DeploymentState::Processing, "it stopped: 2 machines have failed, and 1 may")
    );
    story.end("m003", true);
    story.step();
    assert_eq!((story.status.state, story.status.counts.pending), (DeploymentState::Failed, 1));
    assert_eq!(story.reason(), "it stopped: 2 machines have failed, and 1 may");
}

#[test]
fn failed_machines_are_tried_again_when_asked_by_runs_of_their_own() {
    let mut story = Story::new(2, &json!({}));
    story.step();
    let first = story.status.machines[&name("m001")].run;
    story.end("m001", false);
    story.end("m002", true);
    story.step();
    assert_eq!((story.status.state, story.reason()), (DeploymentState::Failed, "1 of 2 machines failed"));
    assert_eq!(retry_failed(&mut story.status), 1);
    assert_eq!(story.step(), ["m001"]);
    let again = &story.status.machines[&name("m001")];
    assert_eq!((again.attempt, again.run == first), (2, false));
    story.end("m001", true);
    story.step();
    assert_eq!(story.status.state, DeploymentState::Completed);
}

#[test]
fn cancelling_ends_what_runs_and_begins_nothing_more() {
    let mut story = Story::new(3, &json!({"parallel": 1}));
    story.step();
    story.spec.cancelled = true;
    assert_eq!(story.decide().cancel, [name("m001")]);
    story.step();
    story.step();
    let counts = story.status.counts;
    assert_eq!((story.status.state, counts.failed, counts.pending), (DeploymentState::Failed, 1, 2));
    assert_eq!(story.reason(), "it was cancelled");
}

#[test]
fn a_machine_that_cannot_begin_holds_nobody_up() {
    let mut story = Story::new(2, &json!({"waves": {"sizes": [1]}, "rows": ["m001", "m002", "nobody"]}));
    assert_eq!(story.status.counts.total, 0);
    story.step();
    let run = story.status.machines[&name("m001")].run.unwrap();
    refuse_deployed(&mut story.status, &name("m001"), run, "no image is named".to_owned(), at(1000));
    assert_eq!(story.step(), ["m002"]);
    let machine = |of: &str| story.status.machines[&name(of)].reason.clone().unwrap();
    assert_eq!(machine("m001"), "no image is named");
    assert_eq!(machine("nobody"), "design d has no row nobody");
}

#[test]
fn pausing_lets_what_runs_end_and_begins_nothing() {
    let mut story = Story::new(2, &json!({"parallel": 1}));
    story.step();
    story.spec.paused = true;
    story.end("m001", true);
    assert_eq!(story.step(), [""; 0]);
    assert_eq!((story.status.state, story.reason()), (DeploymentState::Processing, "it is paused"));
    story.spec.paused = false;
    assert_eq!(story.step(), ["m002"]);
}

#[test]
fn without_a_design_or_rows_it_waits_for_them() {
    let mut story = Story::new(0, &json!({}));
    story.step();
    assert_eq!((story.status.state, story.reason()), (DeploymentState::Pending, "design d has no rows"));
    story.design = None;
    story.step();
    assert_eq!((story.status.state, story.reason()), (DeploymentState::Pending, "there is no design d"));
    story.design = Some(design(1));
    assert_eq!(story.step(), ["m001"]);
}

/// Something that happens.
#[derive(Debug, Clone)]
enum Happening {
    /// The server decides and acts; it is killed when it has started so many runs.
    Step {
        started: usize,
    },
    /// The run of one of the machines at work ends.
    End {
        which: prop::sample::Index,
        well: bool,
    },
    Wait(i64),
    Pause(bool),
    Retry,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => prop_oneof![Just(usize::MAX), 0..3_usize].prop_map(|started| Happening::Step { started }),
        4 => (any::<prop::sample::Index>(), prop::bool::weighted(0.8)).prop_map(|(which, well)| Happening::End { which, well }),
        1 => (0..100_i64).prop_map(Happening::Wait),
        1 => any::<bool>().prop_map(Happening::Pause),
        1 => Just(Happening::Retry),
    ]
}

prop_compose! {
    fn spec()(
        parallel in prop::option::of(1..5_u32),
        sizes in prop::option::of(prop::collection::vec(1..6_u32, 1..4)),
        stop in prop::option::of(0..6_u32),
    ) -> Value {
        json!({"parallel": parallel, "waves": sizes.map(|sizes| json!({"sizes": sizes, "pause": "30s"})), "stop_above_failed": stop})
    }
}

/// A story with a world that remembers which runs really were started.
struct World {
    story: Story,
    begun: BTreeSet<RunId>,
}

impl World {
    fn active(&self) -> Vec<RunId> {
        self.story.runs.iter().filter(|(_, run)| **run == DeployedRun::Active).map(|(id, _)| *id).collect()
    }

    fn step(&mut self, started: usize) -> Result<(), TestCaseError> {
        let decision = self.story.decide();
        self.story.status = decision.status;
        for name in decision.begin.iter().take(started) {
            let machine = &self.story.status.machines[name];
            let run = machine.run.unwrap();
            prop_assert!(self.begun.insert(run), "{name} is begun twice by {run}");
            self.story.runs.insert(run, DeployedRun::Active);
            let mut earlier = self.story.status.machines.values().filter(|other| other.wave < machine.wave);
            // A machine that got another try while this wave was at work does not hold it up.
            prop_assert!(
                earlier.all(|other| other.state.is_over() || other.attempt != 1 || machine.attempt > 1),
                "{name} is before its wave"
            );
        }
        let most = self.story.spec.parallel.map_or(usize::MAX, |parallel| parallel as usize);
        let at_work =
            self.story.status.machines.values().filter(|machine| machine.state == DeploymentState::Processing);
        prop_assert!(at_work.count() <= most, "more are at work than may be");
        prop_assert!(self.active().len() <= most, "more runs than may be");
        let counts = self.story.status.counts;
        prop_assert_eq!(counts.total, counts.pending + counts.processing + counts.completed + counts.failed);
        Ok(())
    }

    fn happen(&mut self, happening: &Happening) -> Result<(), TestCaseError> {
        match *happening {
            Happening::Step { started } => self.step(started)?,
            Happening::End { ref which, well } => {
                let active = self.active();
                if !active.is_empty() {
                    let at = at(self.story.now);
                    let ended =
                        if well { DeployedRun::Succeeded(at) } else { DeployedRun::Failed(at, "broken".to_owned()) };
                    self.story.runs.insert(*which.get(&active), ended);
                }
            }
            Happening::Wait(seconds) => self.story.now += seconds,
            Happening::Pause(paused) => self.story.spec.paused = paused,
            Happening::Retry => drop(retry_failed(&mut self.story.status)),
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn whatever_happens_nobody_is_begun_twice_and_it_ends(
        rows in 1..15_usize, spec in spec(), happenings in prop::collection::vec(happening(), 0..80)
    ) {
        let mut world = World { story: Story::new(rows, &spec), begun: BTreeSet::new() };
        for happening in happenings {
            world.happen(&happening)?;
        }
        // From now on runs end, and nobody interferes.
        world.story.spec.paused = false;
        for _ in 0..3 * rows + 3 {
            world.step(usize::MAX)?;
            for run in world.active() {
                world.story.runs.insert(run, DeployedRun::Succeeded(at(world.story.now)));
            }
            world.story.now += 30;
        }
        prop_assert!(world.story.status.state.is_over(), "{:?}", world.story.status);
        let before = world.story.status.clone();
        prop_assert_eq!(world.story.decide().status, before, "what has ended stays as it is");
    }
}
