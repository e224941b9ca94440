//! The engine over this store: a run from its start to its end, through a wait and a restart.

#![expect(clippy::unwrap_used, reason = "what the arrangement of a test cannot do fails it")]

mod rig;

use async_trait::async_trait;
use rig::Rig;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::EventFilter;
use tokio_util::sync::CancellationToken;
use types::How;
use types::machine::MachineState;
use workflow::ports::{Catalogue, Chance, Clock};
use workflow::{Engine, EngineOptions, Run, RunEvent, RunState, StepCx, StepOutcome, StepResult, StepSpec};

/// Step `a` waits for the machine's agent; step `b` is done at once.
#[derive(Default)]
struct Steps {
    looks: Mutex<Vec<String>>,
}

#[async_trait]
impl Catalogue for Steps {
    fn check(&self, _step: &StepSpec) -> Result<(), String> {
        Ok(())
    }

    async fn look(&self, uses: &str, cx: &mut StepCx<'_>) -> StepResult {
        let first = {
            let mut looks = self.looks.lock().unwrap();
            looks.push(uses.to_owned());
            looks.iter().filter(|look| *look == uses).count() == 1
        };
        if uses == "a" && first {
            return Ok(cx.wait("its agent", &["agent."], jiff::SignedDuration::from_mins(5)));
        }
        Ok(StepOutcome::done(How::Changed))
    }
}

struct EvenChance;

impl Chance for EvenChance {
    fn fraction(&self) -> f64 {
        0.5
    }
}

/// A server's engine; dropping it stops it between two awaits, as `kill -9` would.
struct Server(tokio::task::JoinHandle<()>);

impl Server {
    fn start(rig: &Rig, steps: &Arc<Steps>) -> Self {
        let store = Arc::new(rig.store().clone());
        let clock: Arc<dyn Clock> = rig.clock.clone();
        let engine = Engine::new(store, Arc::clone(steps), clock, Arc::new(EvenChance), EngineOptions::default());
        Self(tokio::spawn(async move { engine.run(CancellationToken::new()).await }))
    }

    async fn kill(self) {
        self.0.abort();
        let _killed = self.0.await;
    }
}

async fn wait_for(rig: &Rig, run: &Run, state: RunState) -> Run {
    let mut seq = rig.store().last_seq();
    let reached = async {
        loop {
            let run = rig.store().run(run.id).await.unwrap().unwrap();
            if run.state() == state {
                return run;
            }
            seq.changed().await.unwrap();
        }
    };
    let limit = Duration::from_secs(30);
    tokio::time::timeout(limit, reached).await.unwrap_or_else(|_| panic!("the run never was {state:?}"))
}

#[tokio::test]
async fn a_run_waits_is_woken_by_its_machine_after_a_restart_and_succeeds() {
    let mut rig = Rig::start().await;
    let steps = Arc::new(Steps::default());
    let server = Server::start(&rig, &steps);
    let run = rig.run().await;
    wait_for(&rig, &run, RunState::Waiting).await;
    server.kill().await;
    rig.crash().await;
    let server = Server::start(&rig, &steps);
    rig.happen(run.machine, "agent.registered").await;
    let ended = wait_for(&rig, &run, RunState::Succeeded).await;
    server.kill().await;

    assert_eq!(*steps.looks.lock().unwrap(), ["a", "a", "b"], "no look more than it takes");
    let machine = rig.store().machine_by_mac(rig::mac(1)).await.unwrap().unwrap();
    assert_eq!((machine.status.active_run, machine.status.state), (None, MachineState::Known));
    let of_run = EventFilter { run: Some(run.id), ..EventFilter::default() };
    let history = rig.store().events(&of_run, usize::MAX).await.unwrap();
    let read = |event: types::event::Event| (event.at, serde_json::from_value::<RunEvent>(event.data).unwrap());
    let events: Vec<_> = history.into_iter().map(read).collect();
    assert_eq!(Run::replay(run.id, events.iter().map(|(at, event)| (*at, event))), Some(ended));
}
