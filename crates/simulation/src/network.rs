//! What lies between machines and the server: messages are lost, late, doubled and out of order.

use crate::common::Common;
use crate::happening::Happening;
use crate::operator::OPERATOR;
use crate::stranger::FIRST;
use http::Method;
use std::net::Ipv4Addr;
use std::time::Duration;

/// A message from a machine to the server.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// The machine that sent it.
    pub(crate) machine: usize,
    /// In which of its boots.
    pub(crate) boot: u64,
    /// Its number: an answer names the message that it answers.
    pub(crate) exchange: u64,
    /// From where.
    pub(crate) address: Option<Ipv4Addr>,
    /// What.
    pub(crate) question: Question,
}

/// What a message says.
#[derive(Debug, Clone)]
pub(crate) enum Question {
    /// A DHCP message.
    Dhcp(Vec<u8>),
    /// A request.
    Http {
        /// How.
        method: Method,
        /// What for.
        path: String,
        /// By which right.
        token: Option<String>,
        /// With what.
        body: Vec<u8>,
    },
}

/// What comes back.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// A DHCP message, if any.
    Dhcp(Option<Vec<u8>>),
    /// Status and body.
    Http(u16, Vec<u8>),
    /// The connection broke, or there was nobody to connect to.
    Broken,
}

impl Message {
    /// For the trace.
    pub(crate) fn sender(&self) -> String {
        match self.machine {
            OPERATOR => "operator".to_owned(),
            stranger @ FIRST.. => format!("stranger {}", stranger - FIRST),
            machine => format!("m{machine}"),
        }
    }
}

impl Question {
    /// For the trace. Ids of tasks are random, and are left out.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Dhcp(_) => "DHCP".to_owned(),
            Self::Http { method, path, .. } => {
                let parts = path.split('/').map(|part| if part.len() == 36 { "…" } else { part });
                format!("{method} {}", parts.collect::<Vec<_>>().join("/"))
            }
        }
    }

    /// Whether the server may hold the answer back until there is something to say.
    pub(crate) fn is_poll(&self) -> bool {
        matches!(self, Self::Http { path, .. } if path.ends_with("/tasks/next"))
    }
}

/// Messages that are kept to come again.
const KEPT: usize = 60;
/// A message on its way.
const TRAVEL: (Duration, Duration) = (Duration::from_micros(200), Duration::from_millis(40));
/// One that is held up.
const SLOW: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(25));
/// A second copy of one.
const DOUBLED: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(900));

impl Common {
    /// Sends a message on its way, and perhaps twice.
    pub(crate) fn send(&mut self, message: Message) {
        if self.kept.len() == KEPT {
            let oldest = self.dice.index(KEPT);
            self.kept.swap_remove(oldest);
        }
        self.kept.push(message.clone());
        if self.goes_wrong(self.faults.loss) {
            self.tell(|| format!("{} {} is lost", message.sender(), message.question.label()));
            return;
        }
        if self.goes_wrong(self.faults.doubling) {
            let wait = self.dice.between(DOUBLED.0, DOUBLED.1);
            self.timeline.after(wait, Happening::Arrives(message.clone()));
        }
        let wait = self.travel();
        self.timeline.after(wait, Happening::Arrives(message));
    }

    /// Sends an answer on its way.
    pub(crate) fn answer(&mut self, message: Message, answer: Answer) {
        if self.goes_wrong(self.faults.loss) {
            self.tell(|| format!("answer to {} {} is lost", message.sender(), message.question.label()));
            return;
        }
        let wait = self.travel();
        self.timeline.after(wait, Happening::Answered(message, answer));
    }

    /// A message that was sent before comes again: as it was, or with another machine's or another boot's right.
    pub(crate) fn replay(&mut self) {
        if self.kept.is_empty() {
            return;
        }
        let mut message = self.kept[self.dice.index(self.kept.len())].clone();
        let other = self.kept[self.dice.index(self.kept.len())].clone();
        if self.dice.happens(0.5)
            && let Question::Http { token, .. } = &mut message.question
            && let Question::Http { token: other_token, .. } = other.question
        {
            *token = other_token;
            self.tell(|| format!("{} {} again, by another right", message.sender(), message.question.label()));
        } else {
            self.tell(|| format!("{} {} again", message.sender(), message.question.label()));
        }
        // Nobody waits for its answer.
        message.exchange = 0;
        self.timeline.after(Duration::ZERO, Happening::Arrives(message));
    }

    fn travel(&mut self) -> Duration {
        let (shortest, longest) = if self.goes_wrong(self.faults.delay) { SLOW } else { TRAVEL };
        self.dice.between(shortest, longest)
    }
}
