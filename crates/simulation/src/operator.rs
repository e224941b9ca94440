//! People: they look at the runs that there are and tell them something, in season or out of it.

use crate::happening::Happening;
use crate::machine::mac_of;
use crate::network::{Message, Question};
use crate::world::World;
use http::Method;
use serde_json::json;
use std::time::Duration;
use types::RunId;
use workflow::Command;

/// What a person wants.
#[derive(Debug, Clone)]
pub(crate) enum Wish {
    /// Something of the newest run.
    Anything,
    /// That a run goes on that was held.
    GoOn(RunId),
}

/// A run is held for so long.
const HELD: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(1800));

impl World {
    /// A person does something about a run, or starts one.
    pub(crate) fn operate(&mut self, wish: &Wish) {
        let runs = self.common.ledger.runs();
        let Some(newest) = runs.last().copied() else { return };
        let dice = &mut self.common.dice;
        let run = if dice.happens(0.7) { newest } else { runs[dice.index(runs.len())] };
        let command = match wish {
            Wish::GoOn(run) => return self.command(*run, &Command::Resume),
            Wish::Anything => match dice.number(0..9) {
                0 => Command::Cancel { reason: "by way of trial".to_owned() },
                1..=2 => {
                    let wait = dice.between(HELD.0, HELD.1);
                    self.common.timeline.after(wait, Happening::Operator(Wish::GoOn(run)));
                    Command::Pause
                }
                3 | 4 => Command::Retry,
                5 => Command::Recheck,
                _ => return self.start_run(),
            },
        };
        self.command(run, &command);
    }

    fn command(&mut self, run: RunId, command: &Command) {
        let name = self.common.ledger.run_name(run);
        self.common.tell(|| format!("operator: {} of {name}", command.name()));
        self.post(format!("/api/v1/runs/{run}/commands"), &json!(command));
    }

    fn start_run(&mut self) {
        let index = self.common.dice.index(self.machines.len());
        self.common.tell(|| format!("operator: starts a run on m{index}"));
        let name = mac_of(index).to_string().replace(':', "");
        let params = json!({"image": "disk", "bios_attributes": {"SriovGlobalEnable": "Enabled"}});
        self.post(format!("/api/v1/machines/m-{name}/runs"), &json!({"workflow": "default", "params": params}));
    }

    fn post(&mut self, path: String, body: &serde_json::Value) {
        let (token, body) = (Some(self.operator_token.clone()), body.to_string().into_bytes());
        let question = Question::Http { method: Method::POST, path, token, body };
        let message = Message { machine: OPERATOR, boot: 0, exchange: 0, address: None, question };
        self.common.timeline.after(Duration::ZERO, Happening::Arrives(message));
    }
}

/// Stands for a machine where people speak.
pub(crate) const OPERATOR: usize = usize::MAX;
