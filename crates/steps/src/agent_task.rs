//! Orders to the agent: given once, waited for, answered once.

use crate::problem::StoreProblem;
use crate::subject::Machine;
use crate::{LOOK_UNWOKEN, StepCatalogue};
use jiff::SignedDuration;
use serde_json::{Value, json};
use store::TaskState;
use types::agent::{TaskOrder, TaskResult, Work};
use types::event::kind;
use types::{Digest, ErrorClass, How, TaskId};
use workflow::{StepCx, StepError, StepOutcome, StepResult};

/// An agent that is up asks for work all the time: one that has not taken its order by then is gone. While no
/// server was up, it could not ask.
const TAKES_UP_WITHIN: SignedDuration = SignedDuration::from_secs(120);
impl StepCatalogue {
    /// Has `work` done by the machine's agent. The order's id is the attempt's: it is the same order however
    /// often this looks.
    pub(crate) async fn order(&self, cx: &StepCx<'_>, machine: &Machine, work: Work) -> StepResult {
        let id = TaskId::derived(cx.run().id, &cx.attempt_path());
        let Some(task) = self.store.task(id).await.or_problem("reading the agent's task")? else {
            let given = self.store.give_task(cx.lease(), cx.run().machine, TaskOrder { id, work }).await;
            given.or_problem("giving the agent its task")?;
            return Ok(waits(cx, "the agent takes up its task"));
        };
        match task.state {
            TaskState::Finished(TaskResult::Done { how, outputs }) => Ok(StepOutcome::Done { how, outputs }),
            TaskState::Finished(TaskResult::Failed { class, reason, evidence }) => {
                Err(StepError::Problem { class, reason, evidence })
            }
            TaskState::Given if self.watched_since(cx, task.given) > TAKES_UP_WITHIN => {
                Err(StepError::problem(ErrorClass::Timeout, "the agent does not take up its task"))
            }
            TaskState::Given => Ok(waits(cx, "the agent takes up its task")),
            TaskState::Started { boot_id } => match &machine.status.agent {
                Some(agent) if agent.boot_id != boot_id => {
                    Err(StepError::problem(ErrorClass::Transient, "the machine was restarted while its agent worked"))
                }
                Some(_) | None => Ok(waits(cx, "the agent does its task")),
            },
        }
    }
}

impl StepCatalogue {
    /// As [`StepCatalogue::order`], for work that changes the machine's disks: what the agent that is still up has
    /// done in this try of the stage is not ordered again, since nobody else can have undone it.
    pub(crate) async fn order_once(&self, cx: &StepCx<'_>, machine: &Machine, work: Work) -> StepResult {
        let circumstances = circumstances(cx, machine, &work);
        let known = cx.run().outputs.get(&cx.run().step(cx.at()).uses);
        if let Some(outputs) = known.filter(|outputs| outputs.get(DONE_IN) == Some(&circumstances)) {
            return Ok(StepOutcome::Done { how: How::AlreadySo, outputs: outputs.clone() });
        }
        let mut outcome = self.order(cx, machine, work).await?;
        if let StepOutcome::Done { outputs: Value::Object(outputs), .. } = &mut outcome {
            outputs.insert(DONE_IN.to_owned(), circumstances);
        }
        Ok(outcome)
    }
}

/// The output that says under which circumstances an order was carried out.
const DONE_IN: &str = "done_in";

fn circumstances(cx: &StepCx<'_>, machine: &Machine, work: &Work) -> Value {
    let boot = machine.status.agent.as_ref().map(|agent| agent.boot_id);
    json!({"stage": cx.stage_path(), "boot": boot, "work": Digest::of(json!(work).to_string().as_bytes())})
}

fn waits(cx: &StepCx<'_>, reason: &str) -> StepOutcome {
    cx.wait(reason, &[kind::TASK_FINISHED, kind::AGENT_REGISTERED], LOOK_UNWOKEN)
}
