//! All that is not the server: machines, BMCs, the network, people; and the watchers of it all.

use crate::bmc::BmcState;
use crate::common::Common;
use crate::happening::Happening;
use crate::machine::{Machine, RENEWALS};
use crate::network::{Answer, Message, Question};
use crate::operator::Wish;
use crate::stranger::{self, Act, Stranger};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use types::agent::Registered;

/// All that is not the server.
pub(crate) struct World {
    pub(crate) machines: Vec<Machine>,
    pub(crate) bmcs: Vec<BmcState>,
    pub(crate) strangers: Vec<Stranger>,
    pub(crate) common: Common,
    pub(crate) operator_token: String,
    /// What the server has been asked and has not answered.
    pub(crate) in_flight: Vec<Message>,
}

/// The world, as the server's parts reach it.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the server is to do about something that happened.
pub(crate) enum ForServer {
    /// Nothing.
    Nothing,
    /// To answer.
    Answer(Message),
    /// To die.
    Die,
    /// To be looked into.
    Inspect,
    /// Anything else that is its own matter.
    Own(Happening),
}

impl World {
    /// A world whose machines are off, with all that will go wrong by itself on the timeline.
    pub(crate) fn new(mut common: Common, operator_token: String) -> Self {
        let machines: Vec<Machine> = (0..common.faults.machines).map(Machine::new).collect();
        let bmc = |common: &mut Common| BmcState { keeps_record: common.dice.happens(0.6), resets: 0, stale: None };
        let bmcs = machines.iter().map(|_| bmc(&mut common)).collect();
        let strangers = (0..common.faults.strangers).map(Stranger::new).collect();
        let mut world = Self { machines, bmcs, strangers, common, operator_token, in_flight: Vec::new() };
        world.plan();
        world
    }

    fn plan(&mut self) {
        let until = self.common.faults.until;
        let Common { timeline, dice, faults, .. } = &mut self.common;
        for machine in 0..faults.machines {
            timeline.at(dice.between(Duration::from_secs(1), Duration::from_secs(300)), Happening::SwitchOn(machine));
        }
        for stranger in 0..faults.strangers {
            let come = Happening::Stranger { stranger, stay: 0, act: Act::Come };
            timeline.at(dice.between(Duration::from_secs(1), Duration::from_secs(900)), come);
        }
        let mut scatter = |count: u64, what: &mut dyn FnMut(&mut crate::dice::Dice) -> Happening| {
            for _ in 0..count {
                let at = dice.between(Duration::from_secs(10), until);
                let happening = what(dice);
                timeline.at(at, happening);
            }
        };
        let machines = self.machines.len();
        scatter(faults.crashes / 2, &mut |_| Happening::Kill);
        scatter(faults.freezes, &mut |dice| {
            Happening::Freeze(dice.between(Duration::from_secs(5), Duration::from_secs(300)))
        });
        scatter(faults.glitches, &mut |dice| Happening::Glitch(dice.index(machines)));
        scatter(faults.replays, &mut |_| Happening::Replay);
        scatter(faults.wishes, &mut |_| Happening::Operator(Wish::Anything));
        timeline.at(until, Happening::Calm);
        timeline.after(Duration::ZERO, Happening::Start);
        timeline.after(Duration::from_secs(1), Happening::Inspect);
    }

    /// Something happens. What is the server's matter is given back.
    pub(crate) fn handle(&mut self, happening: Happening) -> ForServer {
        match happening {
            Happening::Arrives(message) => return ForServer::Answer(message),
            Happening::Kill => return ForServer::Die,
            Happening::Inspect => return ForServer::Inspect,
            Happening::Answered(message, answer) => self.answered(&message, answer),
            Happening::Machine { machine, boot, what } => {
                let machine = &mut self.machines[machine];
                if machine.on && machine.boot == boot {
                    machine.happens(what, &mut self.common);
                }
            }
            Happening::Stranger { stranger, stay, act } => {
                self.strangers[stranger].acts(stay, act, &mut self.common);
            }
            Happening::BmcActs { machine, restart } => self.bmc_acts(machine, restart),
            Happening::SwitchOn(machine) => {
                if !self.machines[machine].on {
                    self.common.tell(|| format!("somebody switches m{machine} on"));
                    self.bmcs[machine].resets += 1;
                    self.machines[machine].restart(&mut self.common);
                }
            }
            Happening::Glitch(machine) => {
                if self.machines[machine].on && !self.common.calm {
                    self.common.tell(|| format!("m{machine} loses its power for a moment"));
                    self.bmcs[machine].resets += 1;
                    self.machines[machine].restart(&mut self.common);
                }
            }
            Happening::Replay => self.common.replay(),
            Happening::Operator(wish) => self.operate(&wish),
            Happening::Calm => {
                self.common.tell(|| "from now on nothing goes wrong".to_owned());
                self.common.calm = true;
            }
            own @ (Happening::Alarm(_)
            | Happening::Proceed(_)
            | Happening::EngineStarts { .. }
            | Happening::Due { .. }
            | Happening::Commanded(..)
            | Happening::PollEnds(..)
            | Happening::Freeze(_)
            | Happening::Start) => return ForServer::Own(own),
        }
        self.check_addresses();
        ForServer::Nothing
    }

    fn answered(&mut self, message: &Message, answer: Answer) {
        if let Some(stranger) = message.machine.checked_sub(stranger::FIRST).and_then(|at| self.strangers.get_mut(at)) {
            return stranger.answered(message, &answer, &mut self.common);
        }
        let Some(machine) = self.machines.get_mut(message.machine).filter(|machine| machine.on) else { return };
        if message.exchange & RENEWALS != 0 {
            if machine.boot == message.boot {
                machine.renewed(&answer, &mut self.common);
            }
        } else {
            machine.answered(message, answer, &mut self.common);
        }
    }

    /// The server has answered.
    pub(crate) fn server_answers(&mut self, message: Message, answer: Answer) {
        self.in_flight.retain(|waiting| waiting.exchange != message.exchange || waiting.machine != message.machine);
        self.learn_who(&message, &answer);
        if !matches!(answer, Answer::Http(204, _) | Answer::Dhcp(None)) || !message.question.is_poll() {
            let label = message.question.label();
            let told = match &answer {
                Answer::Http(status, _) => status.to_string(),
                Answer::Dhcp(Some(_)) => "answered".to_owned(),
                Answer::Dhcp(None) => "ignored".to_owned(),
                Answer::Broken => "broken".to_owned(),
            };
            let who = message.sender();
            self.common.tell(|| format!("{who} {label}: {told}"));
        }
        self.common.answer(message, answer);
    }

    /// The server has told a machine which one it is.
    fn learn_who(&mut self, message: &Message, answer: &Answer) {
        let (Question::Http { path, .. }, Answer::Http(200, body)) = (&message.question, answer) else { return };
        if path == "/agent/v1/register"
            && let Ok(registered) = serde_json::from_slice::<Registered>(body)
        {
            self.common.ledger.know_machine(registered.machine, message.machine);
        }
    }

    /// There is no server to answer.
    pub(crate) fn server_is_away(&mut self, message: Message) {
        match message.question {
            Question::Dhcp(_) => {}
            Question::Http { .. } => self.common.answer(message, Answer::Broken),
        }
    }

    /// The server is gone: every connection breaks.
    pub(crate) fn server_is_gone(&mut self) {
        for message in std::mem::take(&mut self.in_flight) {
            self.common.timeline.after(Duration::from_millis(1), Happening::Answered(message, Answer::Broken));
        }
    }

    /// No address is used by two.
    fn check_addresses(&mut self) {
        let now = self.common.timeline.now();
        let machines = self
            .machines
            .iter()
            .filter_map(|machine| machine.lease.map(|held| (held.address, held.until, format!("m{}", machine.index))));
        let strangers = self.strangers.iter().enumerate().filter_map(|(number, stranger)| {
            stranger.lease().map(|(address, until)| (address, until, format!("stranger {number}")))
        });
        let mut held: Vec<_> = machines.chain(strangers).filter(|(_, until, _)| *until > now).collect();
        held.sort_unstable();
        for pair in held.windows(2) {
            if pair[0].0 == pair[1].0 {
                self.common.violation(format!("{} and {} both have {}", pair[0].2, pair[1].2, pair[0].0));
            }
        }
    }
}
