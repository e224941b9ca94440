//! Every step of every built-in workflow, done twice: the second time changes nothing. And every step made to fail:
//! the run says where, of what class, why and what was seen, and gives back what it took.

#![expect(clippy::unwrap_used, reason = "what a rig cannot do fails its test")]

mod rig;

use futures_util::StreamExt;
use rig::{Looks, REASON, Rig, SecondLooks, Setup, built_in_workflows};
use std::sync::Arc;
use types::machine::MachineState;
use types::{ErrorClass, How};
use wire::{RunView, StepView};
use workflow::{RunState, StageState, StepRef, StepState, WorkflowSpec};

/// Servers at a time: more only wait for each other on two cores.
const SIDE_BY_SIDE: usize = 8;

fn setup(workflow: &str) -> Setup {
    Setup { workflow: workflow.to_owned(), ..Setup::default() }
}

/// A machine that has been through it.
async fn through(setup: Setup) -> (Rig, RunView) {
    let rig = Rig::set_up(setup).await;
    rig.power_on().await;
    let run = rig.ended().await;
    (rig, run)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn look_that_is_done_twice_in_a_row_changes_nothing_the_second_time() {
    for workflow in built_in_workflows().keys() {
        let (undisturbed, _) = through(setup(workflow.as_str())).await;
        let second = Arc::new(SecondLooks::default());
        let (rig, run) = through(Setup { looks: Looks::Twice(Arc::clone(&second)), ..setup(workflow.as_str()) }).await;
        assert_eq!(run.state, RunState::Succeeded, "{workflow}: {run:#?}");
        for look in second.seen() {
            assert!(look.changes.is_empty(), "{workflow}: {} did again: {:?}", look.step, look.changes);
        }
        assert_eq!(rig.deeds(), undisturbed.deeds(), "{workflow}");
    }
}

/// The workflow with every step twice in a row.
fn doubled(mut workflow: WorkflowSpec) -> WorkflowSpec {
    for stage in &mut workflow.stages {
        stage.steps = stage.steps.iter().flat_map(|step| [step.clone(), step.clone()]).collect();
    }
    workflow.finally = workflow.finally.iter().flat_map(|step| [step.clone(), step.clone()]).collect();
    workflow
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn step_that_is_there_twice_in_a_row_has_nothing_to_do_the_second_time() {
    for (name, workflow) in built_in_workflows() {
        let (undisturbed, _) = through(setup(name.as_str())).await;
        let definition = Some(doubled(workflow));
        let (rig, run) = through(Setup { definition, ..setup("doubled") }).await;
        assert_eq!(run.state, RunState::Succeeded, "{name}: {run:#?}");
        assert_eq!(rig.deeds(), undisturbed.deeds(), "{name}");
        for pair in steps(&run).chunks(2) {
            let [_, second] = pair else { panic!("steps come in pairs") };
            let nothing = second.state == StepState::Skipped || second.how != Some(How::Changed);
            assert!(nothing, "{name}: the second {} is {:?} {:?}", second.uses, second.state, second.how);
        }
    }
}

fn steps(run: &RunView) -> Vec<&StepView> {
    run.stages.iter().chain([&run.finally]).flat_map(|stage| &stage.steps).collect()
}

/// Every step of the workflow.
fn every_step(workflow: &WorkflowSpec) -> Vec<StepRef> {
    let in_stage = |(index, stage): (usize, &workflow::StageSpec)| {
        (0..stage.steps.len()).map(move |step| StepRef { stage: Some(index), step }).collect::<Vec<_>>()
    };
    let finally = (0..workflow.finally.len()).map(|step| StepRef { stage: None, step });
    workflow.stages.iter().enumerate().flat_map(in_stage).chain(finally).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn error_at_any_step_is_told_with_its_place_and_reason_and_what_was_taken_is_given_back() {
    for (name, workflow) in built_in_workflows() {
        let failing = every_step(&workflow).into_iter().map(|at| {
            let (name, workflow) = (name.as_str(), &workflow);
            async move {
                let (rig, run) = through(Setup { looks: Looks::Failing(at), ..setup(name) }).await;
                match at.stage {
                    Some(stage) => assert_failed(&rig, &run, &workflow.stages[stage], at).await,
                    None => assert_not_given_back(&run, at),
                }
            }
        });
        futures_util::stream::iter(failing).buffer_unordered(SIDE_BY_SIDE).collect::<Vec<()>>().await;
    }
}

async fn assert_failed(rig: &Rig, run: &RunView, stage: &workflow::StageSpec, at: StepRef) {
    assert_eq!(run.state, RunState::Failed, "{at:?}: {run:#?}");
    let failure = run.failure.as_ref().unwrap();
    assert_eq!(
        (failure.stage.as_str(), failure.step.as_str()),
        (stage.name.as_str(), stage.steps[at.step].uses.as_str())
    );
    assert_eq!((failure.class, failure.reason.as_str()), (ErrorClass::Configuration, REASON));
    assert_eq!(failure.evidence["attempts"], 1, "{at:?}: {failure:?}");
    assert_eq!(run.finally.state, StageState::Succeeded, "{at:?}: {run:#?}");
    let machine = rig.machine().await;
    assert_eq!((machine.status.state, machine.status.active_run), (MachineState::Failed, None), "{at:?}");
    assert_eq!(machine.status.wanted_env, None, "{at:?}: it boots what it would boot without the run");
}

/// What `finally` cannot give back does not change how the run ended.
fn assert_not_given_back(run: &RunView, at: StepRef) {
    assert_eq!((run.state, run.finally.state), (RunState::Succeeded, StageState::Failed), "{run:#?}");
    let step = &run.finally.steps[at.step];
    assert_eq!((step.state, step.reason.as_deref()), (StepState::Failed, Some(REASON)));
}
