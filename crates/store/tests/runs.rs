//! Runs: claimed once, woken in time, fenced, and gone on with after a crash.

mod rig;

use rig::{FIRST, Rig, new_run};
use store::{Machines, PushCommandError, RunFilter, StartRunError, StoreError};
use types::machine::MachineState;
use types::{How, RunId};
use workflow::ports::{Commit, CommitError, Lease, RunStore, Then};
use workflow::{Command, CommandError, Ending, Run, RunEvent, RunState};

fn started(rig: &Rig) -> Vec<RunEvent> {
    vec![
        RunEvent::StageStarted { stage: 0, attempt: 1, deadline: rig.after(600) },
        RunEvent::StepStarted { at: FIRST, attempt: 1, deadline: rig.after(600) },
    ]
}

fn ended(ending: Ending) -> Vec<RunEvent> {
    vec![RunEvent::Ended { ending }]
}

#[tokio::test]
async fn a_started_run_is_due_and_its_machine_is_its_own() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    let machine = rig.store().find::<Machines>(&types::ObjectId::from(run.machine).into()).await.unwrap().unwrap();
    assert_eq!(machine.status.active_run, Some(run.id));
    assert_eq!(machine.status.state, MachineState::Provisioning);
    assert_eq!(rig.store().next_due().await.unwrap(), Some(rig.now()));
    assert_eq!(rig.claim().await.run, run);
    assert!(rig.claim_all().await.is_empty(), "it is held");
}

#[tokio::test]
async fn the_same_run_started_twice_is_one_run_and_another_is_refused() {
    let rig = Rig::start().await;
    let machine = rig.machine("node-1", 1).await;
    let new = new_run(machine.id.into());
    let first = rig.store().start_run(new.clone()).await.unwrap();
    assert_eq!(rig.store().start_run(new.clone()).await.unwrap(), first);
    let other = rig.store().start_run(new_run(machine.id.into())).await;
    assert_eq!(other.unwrap_err(), StartRunError::MachineBusy { run: first.id });
    let elsewhere = workflow::NewRun { machine: types::MachineId::new(), ..new.clone() };
    assert_eq!(rig.store().start_run(elsewhere).await.unwrap_err(), StartRunError::IdTaken { run: new.id });
    let nowhere = new_run(types::MachineId::new());
    let error = rig.store().start_run(nowhere.clone()).await.unwrap_err();
    assert_eq!(error, StartRunError::MachineNotFound { machine: nowhere.machine });
    assert_eq!(rig.kinds().await.iter().filter(|kind| *kind == "run.created").count(), 1);
}

#[tokio::test]
async fn of_many_starts_at_once_on_one_machine_one_wins() {
    let rig = Rig::start().await;
    let machine = rig.machine("node-1", 1).await;
    let starts = (0..20).map(|_| rig.store().start_run(new_run(machine.id.into())));
    let started = futures_util::future::join_all(starts).await;
    assert_eq!(started.iter().filter(|result| result.is_ok()).count(), 1);
}

#[tokio::test]
async fn a_superseded_lease_is_refused_everywhere() {
    let rig = Rig::start().await;
    rig.run().await;
    let mut old = rig.claim().await;
    rig.advance(61);
    let new = rig.claim().await;
    assert_eq!(new.lease.epoch, old.lease.epoch + 1);
    let before = rig.history().await;
    let (lease, machine) = (old.lease, old.run.machine);
    let committed = rig.commit(lease, &mut old.run, &started(&rig), rig.keep()).await;
    assert_eq!(committed, Err(CommitError::LeaseLost));
    assert_eq!(rig.store().renew(lease, rig.after(60)).await, Err(CommitError::LeaseLost));
    let order = types::agent::TaskOrder {
        id: types::TaskId::new(),
        work: types::agent::Work::HealthCheck(types::agent::HealthLimits::default()),
    };
    let given = rig.store().give_task(lease, machine, order).await;
    assert_eq!(given.unwrap_err(), StoreError::LeaseLost);
    let wanted = rig.store().set_wanted_env(lease, machine, None).await;
    assert_eq!(wanted.unwrap_err(), StoreError::LeaseLost);
    let tied = rig.store().set_machine_bmc(lease, machine, rig::name("bmc-1")).await;
    assert_eq!(tied.unwrap_err(), StoreError::LeaseLost);
    assert_eq!(rig.history().await, before, "nothing of it is on record");
    assert_eq!(rig.store().run(new.run.id).await.unwrap(), Some(new.run.clone()));
    rig.store().renew(new.lease, rig.after(60)).await.unwrap();
}

#[tokio::test]
async fn a_lease_that_was_given_back_no_longer_writes() {
    let rig = Rig::start().await;
    rig.run().await;
    let mut claimed = rig.claim().await;
    rig.wait_for(&mut claimed, &["agent.registered"]).await;
    let again = rig.commit(claimed.lease, &mut claimed.run, &[], rig.keep()).await;
    assert_eq!(again, Err(CommitError::LeaseLost));
}

#[tokio::test]
async fn a_renewed_lease_is_not_claimed_by_others() {
    let rig = Rig::start().await;
    rig.run().await;
    let claimed = rig.claim().await;
    rig.advance(50);
    rig.store().renew(claimed.lease, rig.after(60)).await.unwrap();
    rig.advance(50);
    assert!(rig.claim_all().await.is_empty());
    assert_eq!(rig.store().next_due().await.unwrap(), Some(rig.after(10)));
    rig.advance(10);
    assert_eq!(rig.claim_all().await.len(), 1, "it is claimed at the very time that was named as due");
}

#[tokio::test]
async fn a_waiting_run_sleeps_until_its_time() {
    let rig = Rig::start().await;
    rig.run().await;
    let mut claimed = rig.claim().await;
    rig.wait_for(&mut claimed, &["agent.registered"]).await;
    assert_eq!(rig.store().next_due().await.unwrap(), Some(rig.after(3600)));
    rig.advance(3599);
    assert!(rig.claim_all().await.is_empty());
    rig.advance(1);
    assert!(!rig.claim().await.event_woke);
}

#[tokio::test]
async fn an_event_wakes_only_the_run_that_waits_for_its_kind_on_its_machine() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    let other = rig.machine("node-2", 2).await;
    let mut claimed = rig.claim().await;
    rig.wait_for(&mut claimed, &["agent.registered", "bmc."]).await;
    rig.happen(run.machine, "agent.log").await;
    rig.happen(run.machine, "agent.registered.twice").await;
    rig.happen(other.id.into(), "agent.registered").await;
    assert!(rig.claim_all().await.is_empty());
    rig.happen(run.machine, "bmc.call").await;
    assert!(rig.claim().await.event_woke, "a word with a dot stands for all below it");
}

#[tokio::test]
async fn an_event_between_the_look_and_the_wait_is_not_lost() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    let mut claimed = rig.claim().await;
    rig.happen(run.machine, "agent.registered").await;
    rig.wait_for(&mut claimed, &["agent.registered"]).await;
    assert_eq!(rig.store().next_due().await.unwrap(), Some(rig.now()));
    assert!(rig.claim().await.event_woke);
}

#[tokio::test]
async fn an_event_before_the_look_does_not_wake() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    rig.happen(run.machine, "agent.registered").await;
    let mut claimed = rig.claim().await;
    rig.wait_for(&mut claimed, &["agent.registered"]).await;
    assert!(rig.claim_all().await.is_empty());
}

#[tokio::test]
async fn a_wake_up_survives_the_death_of_the_server_that_was_woken() {
    let mut rig = Rig::start().await;
    let run = rig.run().await;
    let mut claimed = rig.claim().await;
    rig.wait_for(&mut claimed, &["agent.registered"]).await;
    rig.happen(run.machine, "agent.registered").await;
    assert!(rig.claim().await.event_woke);
    rig.crash().await;
    assert!(rig.claim().await.event_woke, "nothing was committed since, so it is still so");
}

#[tokio::test]
async fn a_restarted_server_goes_on_at_once() {
    let mut rig = Rig::start().await;
    let run = rig.run().await;
    let mut claimed = rig.claim().await;
    rig.commit(claimed.lease, &mut claimed.run, &started(&rig), rig.keep()).await.unwrap();
    rig.crash().await;
    let again = rig.claim().await;
    assert_eq!(again.run, claimed.run);
    assert!(again.lease.epoch > claimed.lease.epoch);
    let late = rig.commit(claimed.lease, &mut claimed.run.clone(), &[], rig.keep()).await;
    assert_eq!(late, Err(CommitError::LeaseLost));
    assert_eq!(rig.store().run(run.id).await.unwrap(), Some(claimed.run));
}

#[tokio::test]
async fn a_command_wakes_a_waiting_run_and_is_read_until_it_is_dealt_with() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    let mut claimed = rig.claim().await;
    rig.wait_for(&mut claimed, &["agent.registered"]).await;
    let mut last = rig.store().command_seq();
    last.mark_unchanged();
    rig.store().push_command(run.id, Command::Pause, "user:ada").await.unwrap();
    assert!(last.has_changed().unwrap());
    let mut claimed = rig.claim().await;
    assert_eq!(claimed.commands.len(), 1);
    assert_eq!((claimed.commands[0].by.as_str(), &claimed.commands[0].command), ("user:ada", &Command::Pause));
    assert_eq!(claimed.commands[0].seq, *last.borrow());
    let events = [(rig.now(), RunEvent::Paused { by: "user:ada".to_owned() })];
    claimed.run.apply(&events[0].1, rig.now());
    let then = Then::Release { at: None, on: Vec::new(), seen: claimed.seen };
    let done = Some(claimed.commands[0].seq);
    let (lease, at) = (claimed.lease, rig.now());
    let commit = Commit { lease, run: &claimed.run, events: &events, at, commands_done: done, then };
    rig.store().commit(commit).await.unwrap();
    assert!(rig.store().commands(run.id).await.unwrap().is_empty());
    assert_eq!(rig.store().next_due().await.unwrap(), None, "a paused run rests");
    assert_eq!(rig.history().await.last().unwrap().actor, "user:ada");

    rig.store().push_command(run.id, Command::Resume, "user:bob").await.unwrap();
    assert_eq!(rig.claim().await.commands.len(), 1, "and a command ends the rest");
}

#[tokio::test]
async fn a_command_that_came_while_the_run_was_held_makes_it_due_at_its_release() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    let mut claimed = rig.claim().await;
    rig.commit(claimed.lease, &mut claimed.run, &started(&rig), rig.keep()).await.unwrap();
    rig.store().push_command(run.id, Command::Pause, "user:ada").await.unwrap();
    let then = Then::Release { at: Some(rig.after(3600)), on: Vec::new(), seen: claimed.seen };
    rig.commit(claimed.lease, &mut claimed.run, &[], then).await.unwrap();
    assert_eq!(rig.claim().await.commands.len(), 1);
}

#[tokio::test]
async fn a_command_that_means_nothing_is_refused() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    let refused = rig.store().push_command(run.id, Command::Resume, "user:ada").await;
    assert_eq!(refused.unwrap_err(), PushCommandError::Refused(CommandError::NotPaused));
    let nowhere = RunId::new();
    let refused = rig.store().push_command(nowhere, Command::Pause, "user:ada").await;
    assert_eq!(refused.unwrap_err(), PushCommandError::NotFound { run: nowhere });
    assert!(rig.store().commands(run.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_run_ends_once_and_lets_go_of_its_machine() {
    for (ending, calls_home, state) in [
        (Ending::Succeeded, true, MachineState::Deployed),
        (Ending::Succeeded, false, MachineState::Known),
        (Ending::Failed, true, MachineState::Failed),
        (Ending::Cancelled, true, MachineState::Known),
    ] {
        let rig = Rig::start().await;
        let run = rig.run().await;
        let mut claimed = rig.claim().await;
        if calls_home {
            let call = types::agent::CallHome { boot_id: uuid::Uuid::nil(), hostname: "node-1".to_owned() };
            rig.store().called_home(run.machine, run.id, call).await.unwrap();
        }
        rig.store().push_command(run.id, Command::Pause, "user:ada").await.unwrap();
        let then = Then::Release { at: None, on: Vec::new(), seen: claimed.seen };
        rig.commit(claimed.lease, &mut claimed.run, &ended(ending), then).await.unwrap();
        let machine = rig.store().machine_by_mac(rig::mac(1)).await.unwrap().unwrap();
        assert_eq!((machine.status.active_run, machine.status.state), (None, state));
        rig.advance(10_000);
        assert!(rig.claim_all().await.is_empty(), "nobody looks at it again, whatever was said to it");
        assert_eq!(rig.store().next_due().await.unwrap(), None);
        let late = rig.commit(claimed.lease, &mut claimed.run, &[], rig.keep()).await;
        assert_eq!(late, Err(CommitError::LeaseLost));
        rig.store().start_run(new_run(run.machine)).await.unwrap();
    }
}

#[tokio::test]
async fn the_history_of_a_run_replays_to_its_stored_state() {
    let mut rig = Rig::start().await;
    let run = rig.run().await;
    let mut claimed = rig.claim().await;
    rig.advance(1);
    rig.commit(claimed.lease, &mut claimed.run, &started(&rig), rig.keep()).await.unwrap();
    rig.advance(1);
    let done = RunEvent::StepDone { at: FIRST, how: How::Changed, outputs: serde_json::json!({ "disk": "vda" }) };
    rig.commit(claimed.lease, &mut claimed.run, &[done], rig.keep()).await.unwrap();
    rig.happen(run.machine, "agent.log").await;
    rig.store().attend().await.unwrap();
    rig.crash().await;
    let filter = store::EventFilter { run: Some(run.id), ..Default::default() };
    let history = rig.store().events(&filter, 100).await.unwrap();
    let events: Vec<(types::Timestamp, RunEvent)> =
        history.into_iter().map(|event| (event.at, serde_json::from_value(event.data).unwrap())).collect();
    let replayed = Run::replay(run.id, events.iter().map(|(at, event)| (*at, event)));
    assert_eq!(replayed, rig.store().run(run.id).await.unwrap());
    assert_eq!(replayed, Some(claimed.run));
}

#[tokio::test]
async fn a_commit_tells_the_place_of_the_last_entry() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    let mut claimed = rig.claim().await;
    assert_eq!(claimed.seen, rig.history().await.last().unwrap().seq);
    let seq = rig.commit(claimed.lease, &mut claimed.run, &started(&rig), rig.keep()).await.unwrap();
    assert_eq!(seq, rig.history().await.last().unwrap().seq);
    let other = rig.happen(run.machine, "agent.log").await;
    let without_events = rig.commit(claimed.lease, &mut claimed.run, &[], rig.keep()).await.unwrap();
    assert_eq!(without_events, other);
    assert_eq!(*rig.store().last_seq().borrow(), other);
}

#[tokio::test]
async fn a_run_of_a_newer_version_is_named_refused_and_left_alone() {
    let mut rig = Rig::start().await;
    let run = rig.run().await;
    rig.meddle("UPDATE runs SET format = 99").await;
    rig.meddle("UPDATE run_docs SET doc = '{\"format\": 99}'").await;
    let error = rig.store().run(run.id).await.unwrap_err();
    assert_eq!(error, StoreError::NewerFormat { run: run.id, format: 99 });
    assert!(rig.claim_all().await.is_empty());
    assert_eq!(rig.store().next_due().await.unwrap(), None);
    let refused = rig.store().push_command(run.id, Command::Pause, "user:ada").await.unwrap_err();
    assert_eq!(refused, PushCommandError::Store(error));
    let busy = rig.store().start_run(new_run(run.machine)).await.unwrap_err();
    assert_eq!(busy, StartRunError::MachineBusy { run: run.id });
    assert!(rig.store().list_runs(&RunFilter::default(), None, 10).await.unwrap().is_empty());
    rig.meddle("UPDATE runs SET format = 1 WHERE format = 99 AND wake_at IS NOT NULL").await;
}

#[tokio::test]
async fn an_unreadable_run_does_not_keep_others_from_their_turn() {
    let mut rig = Rig::start().await;
    let broken = rig.run().await;
    rig.meddle("UPDATE run_docs SET doc = '{'").await;
    let other = rig.machine("node-2", 2).await;
    let run = rig.store().start_run(new_run(other.id.into())).await.unwrap();
    let first = rig.store().claim_due(rig.now(), rig.after(60), 1).await.unwrap();
    let second = rig.store().claim_due(rig.now(), rig.after(60), 1).await.unwrap();
    let claimed: Vec<RunId> = first.iter().chain(&second).map(|claimed| claimed.run.id).collect();
    assert_eq!(claimed, [run.id]);
    let error = rig.store().run(broken.id).await.unwrap_err();
    assert_eq!(error, StoreError::Corrupt { what: format!("run {}", broken.id) });
    let history = rig.history().await;
    let told = history.iter().find(|event| event.kind == "run.damaged").unwrap();
    assert_eq!((told.run, told.machine), (Some(broken.id), Some(broken.machine)));
}

/// A run that was held by a server that died: its document is behind its history.
async fn left_behind(rig: &mut Rig) -> Run {
    rig.run().await;
    let mut claimed = rig.claim().await;
    rig.commit(claimed.lease, &mut claimed.run, &started(rig), rig.keep()).await.expect("it is held");
    rig.crash().await;
    claimed.run
}

#[tokio::test]
async fn a_run_whose_history_is_damaged_rests_and_no_other_is_held_up() {
    let damages = [
        "UPDATE events SET data = '{' WHERE kind = 'run.step.started'",
        "UPDATE events SET data = replace(data, '\"step\":0', '\"step\":7') WHERE kind = 'run.step.started'",
        "DELETE FROM run_docs",
    ];
    for damage in damages {
        let mut rig = Rig::start().await;
        let broken = left_behind(&mut rig).await;
        rig.meddle(damage).await;
        let other = rig.machine("node-2", 2).await;
        let run = rig.store().start_run(new_run(other.id.into())).await.unwrap();
        let claimed: Vec<RunId> = rig.claim_all().await.iter().map(|claimed| claimed.run.id).collect();
        assert_eq!(claimed, [run.id], "{damage}");
        assert_eq!(rig.store().next_due().await.unwrap().filter(|due| *due <= rig.now()), None, "{damage}");
        let error = rig.store().run(broken.id).await.unwrap_err();
        assert_eq!(error, StoreError::Corrupt { what: format!("run {}", broken.id) }, "{damage}");
        let told = store::EventFilter { kinds: vec!["run.damaged".to_owned()], ..Default::default() };
        assert_eq!(rig.store().events(&told, 10).await.unwrap()[0].run, Some(broken.id), "{damage}");
    }
}

#[tokio::test]
async fn a_run_that_rests_behind_its_history_is_read_as_its_history_says() {
    let mut rig = Rig::start().await;
    let run = left_behind(&mut rig).await;
    rig.meddle("UPDATE objects SET status = '{'").await;
    let mut claimed = rig.claim().await;
    let ended = RunEvent::Ended { ending: workflow::Ending::Failed };
    let unwritable = rig.commit(claimed.lease, &mut claimed.run, &[ended], rig.keep()).await;
    assert!(unwritable.is_err(), "its machine cannot be read");
    assert_eq!(rig.store().run(run.id).await.unwrap(), Some(run));
}

#[tokio::test]
async fn entries_of_a_run_are_found_among_those_of_the_machines_other_runs() {
    let rig = Rig::start().await;
    let first = rig.run().await;
    let mut claimed = rig.claim().await;
    let ended = RunEvent::Ended { ending: workflow::Ending::Failed };
    rig.commit(claimed.lease, &mut claimed.run, &[ended], rig.keep()).await.unwrap();
    let second = rig.store().start_run(new_run(first.machine)).await.unwrap();
    rig.happen(first.machine, "agent.log").await;
    let kinds = async |run: &Run| {
        let filter = store::EventFilter { run: Some(run.id), ..Default::default() };
        let events = rig.store().events(&filter, 100).await.unwrap();
        events.into_iter().map(|event| event.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&first).await, ["run.created", "run.failed"]);
    assert_eq!(kinds(&second).await, ["run.created"]);
}

#[tokio::test]
async fn a_run_that_cannot_be_written_rests_and_the_history_says_why() {
    let mut rig = Rig::start().await;
    rig.run().await;
    rig.meddle("UPDATE objects SET status = '{'").await;
    let mut claimed = rig.claim().await;
    let refused = rig.commit(claimed.lease, &mut claimed.run, &ended(Ending::Cancelled), rig.keep()).await;
    assert!(
        matches!(&refused, Err(CommitError::Unwritable(reason)) if reason.contains("cannot be read")),
        "{refused:?}"
    );
    assert_eq!(rig.store().next_due().await.unwrap(), None);
    let history = rig.history().await;
    let told = history.last().unwrap();
    assert_eq!((told.kind.as_str(), told.run), ("run.damaged", Some(claimed.run.id)));
    assert!(told.data["reason"].as_str().unwrap().contains("cannot be read"));
}

#[tokio::test]
async fn runs_are_listed_newest_first_page_by_page() {
    let rig = Rig::start().await;
    let mut ids = Vec::new();
    for octet in 1..=5 {
        let machine = rig.machine(&format!("node-{octet}"), octet).await;
        ids.push(rig.store().start_run(new_run(machine.id.into())).await.unwrap().id);
    }
    ids.reverse();
    let listed = |runs: Vec<Run>| runs.iter().map(|run| run.id).collect::<Vec<_>>();
    let all = RunFilter::default();
    assert_eq!(listed(rig.store().list_runs(&all, None, 3).await.unwrap()), ids[..3]);
    assert_eq!(listed(rig.store().list_runs(&all, Some(ids[2]), 3).await.unwrap()), ids[3..]);
    let waiting = RunFilter { state: Some(RunState::Waiting), ..all.clone() };
    assert!(rig.store().list_runs(&waiting, None, 3).await.unwrap().is_empty());
    let active = RunFilter { active: Some(true), state: Some(RunState::Queued), ..all.clone() };
    assert_eq!(rig.store().list_runs(&active, None, 10).await.unwrap().len(), 5);
    let over = RunFilter { active: Some(false), ..all };
    assert!(rig.store().list_runs(&over, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn due_runs_are_announced() {
    let rig = Rig::start().await;
    let due = rig.store().due_changed();
    let run = rig.run().await;
    due.notified().await;
    let mut claimed = rig.claim().await;
    rig.wait_for(&mut claimed, &["agent.registered"]).await;
    due.notified().await;
    rig.happen(run.machine, "agent.registered").await;
    due.notified().await;
    rig.store().push_command(run.id, Command::Recheck, "user:ada").await.unwrap();
    due.notified().await;
}

#[tokio::test]
async fn a_lease_of_an_unknown_run_is_lost() {
    let rig = Rig::start().await;
    let lease = Lease { run: RunId::new(), epoch: 1 };
    assert_eq!(rig.store().renew(lease, rig.after(1)).await, Err(CommitError::LeaseLost));
}
