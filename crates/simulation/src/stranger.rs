//! DHCP clients that are nobody's machines: they come, keep their address for a while, and go, with or without a
//! word.

use crate::common::Common;
use crate::happening::Happening;
use crate::machine::SERVER;
use crate::network::{Answer, Message, Question};
use dhcp::MessageType;
use dhcp::client::{Answer as DhcpAnswer, ClientMessage};
use std::net::Ipv4Addr;
use std::time::Duration;
use types::MacAddr;

/// Strangers are counted from here on, machines below.
pub(crate) const FIRST: usize = 1000;

/// A DHCP client.
pub(crate) struct Stranger {
    number: usize,
    /// Counts its stays: an answer to an earlier one is for nobody.
    stay: u64,
    state: State,
    waits_for: Option<u64>,
    /// The address that it had last.
    last: Option<Ipv4Addr>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Away,
    Discovers,
    Takes(Ipv4Addr),
    /// Comes back and asks for what it had.
    Returns(Ipv4Addr),
    Has {
        address: Ipv4Addr,
        renew: Duration,
        until: Duration,
    },
}

/// What a stranger does next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// It comes.
    Come,
    /// It says again what it has said.
    GoOn,
    /// It goes.
    Leave,
    /// Its lease may be over.
    LeaseEnds,
}

impl Stranger {
    pub(crate) fn new(number: usize) -> Self {
        Self { number, stay: 0, state: State::Away, waits_for: None, last: None }
    }

    /// The address that it uses, and until when.
    pub(crate) fn lease(&self) -> Option<(Ipv4Addr, Duration)> {
        match self.state {
            State::Has { address, until, .. } => Some((address, until)),
            State::Away | State::Discovers | State::Takes(_) | State::Returns(_) => None,
        }
    }

    pub(crate) fn acts(&mut self, stay: u64, act: Act, common: &mut Common) {
        if stay != self.stay {
            return;
        }
        match act {
            Act::Come => {
                self.stay += 1;
                self.state = match self.last {
                    Some(last) if common.dice.happens(0.5) => State::Returns(last),
                    Some(_) | None => State::Discovers,
                };
                let wait = common.dice.between(Duration::from_secs(60), Duration::from_secs(4000));
                self.later(common, wait, Act::Leave);
                self.speak(common);
            }
            Act::GoOn => self.speak(common),
            Act::Leave => self.leave(common),
            Act::LeaseEnds => {
                if self.lease().is_some_and(|(_, until)| until <= common.timeline.now()) {
                    self.state = State::Discovers;
                    self.speak(common);
                }
            }
        }
    }

    fn leave(&mut self, common: &mut Common) {
        if let State::Has { address, .. } = self.state
            && common.dice.happens(0.3)
        {
            let mut message = self.message(MessageType::Release);
            message.ciaddr = Some(address);
            self.send(common, &message.server(SERVER));
            common.tell(|| format!("stranger {} gives {address} back", self.number));
        }
        self.state = State::Away;
        self.stay += 1;
        let wait = common.dice.between(Duration::from_secs(60), Duration::from_secs(1200));
        self.later(common, wait, Act::Come);
    }

    fn speak(&mut self, common: &mut Common) {
        let now = common.timeline.now();
        let message = match self.state {
            State::Away => return,
            State::Discovers => self.message(MessageType::Discover),
            State::Takes(address) => self.message(MessageType::Request).requested(address).server(SERVER),
            State::Returns(address) => self.message(MessageType::Request).requested(address),
            State::Has { renew, .. } if now < renew => return,
            State::Has { address, .. } => ClientMessage { ciaddr: Some(address), ..self.message(MessageType::Request) },
        };
        self.waits_for = Some(self.send(common, &message));
        let wait = common.dice.between(Duration::from_secs(4), Duration::from_secs(30));
        self.later(common, wait, Act::GoOn);
    }

    /// An answer to what it said last.
    pub(crate) fn answered(&mut self, message: &Message, answer: &Answer, common: &mut Common) {
        if message.boot != self.stay || self.waits_for != Some(message.exchange) {
            return;
        }
        let Answer::Dhcp(Some(bytes)) = answer else { return };
        let Some(answer) = DhcpAnswer::parse(bytes) else { return };
        match (self.state, answer.kind) {
            (State::Discovers, 2) => {
                self.state = State::Takes(answer.address);
                self.speak(common);
            }
            (State::Takes(_) | State::Returns(_) | State::Has { .. }, 5) => self.take(&answer, common),
            (State::Takes(_) | State::Returns(_) | State::Has { .. }, 6) => {
                self.state = State::Discovers;
                self.last = None;
                self.later(common, Duration::from_secs(2), Act::GoOn);
            }
            _ => {}
        }
    }

    fn take(&mut self, answer: &DhcpAnswer, common: &mut Common) {
        let address = answer.address;
        if matches!(self.state, State::Takes(_)) && common.dice.happens(0.03) {
            common.tell(|| format!("stranger {} declines {address}", self.number));
            let message = self.message(MessageType::Decline).requested(address).server(SERVER);
            self.send(common, &message);
            self.state = State::Discovers;
            return self.later(common, Duration::from_secs(10), Act::GoOn);
        }
        let lease = crate::machine::lease_time(answer);
        let now = common.timeline.now();
        common.tell(|| format!("stranger {} has {address} for {} s", self.number, lease.as_secs()));
        self.last = Some(address);
        self.state = State::Has { address, renew: now + lease / 2, until: now + lease };
        self.later(common, lease / 2, Act::GoOn);
        self.later(common, lease, Act::LeaseEnds);
    }

    fn message(&self, kind: MessageType) -> ClientMessage {
        let number = u8::try_from(self.number).unwrap_or(u8::MAX);
        let mac = MacAddr([0x02, 0, 0, 0, 1, number]);
        ClientMessage::new(kind, u32::try_from(self.stay).unwrap_or(1), mac)
    }

    fn send(&self, common: &mut Common, message: &ClientMessage) -> u64 {
        let exchange = common.new_exchange();
        let address = self.lease().map(|(address, _)| address);
        let question = Question::Dhcp(message.encode());
        common.send(Message { machine: FIRST + self.number, boot: self.stay, exchange, address, question });
        exchange
    }

    fn later(&self, common: &Common, wait: Duration, act: Act) {
        let (stranger, stay) = (self.number, self.stay);
        common.timeline.after(wait, Happening::Stranger { stranger, stay, act });
    }
}
