//! What can happen next.

use crate::gate::Gate;
use crate::machine::MachineEvent;
use crate::network::{Answer, Message};
use crate::operator::Wish;
use crate::stranger::Act;
use crate::timeline::Alarm;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// An entry of the timeline.
pub(crate) enum Happening {
    /// Something in the server, or in a call to a BMC, has slept long enough.
    Alarm(Arc<Alarm>),
    /// A request that the server holds may go on.
    Proceed(Arc<Gate>),
    /// An engine begins its work, unless its server's life is over.
    EngineStarts { life: u64, engine: usize },
    /// The store has told an engine that a run may be due.
    Due { life: u64, engine: usize },
    /// The store has told the engines of a life that an operator has spoken.
    Commanded(u64, i64),
    /// A message comes to the server.
    Arrives(Message),
    /// The server has held a poll for as long as it does.
    PollEnds(Message, AbortHandle),
    /// An answer comes to whoever asked.
    Answered(Message, Answer),
    /// Something happens on a machine, unless it was restarted since.
    Machine { machine: usize, boot: u64, what: MachineEvent },
    /// A DHCP client does something, unless its stay is over.
    Stranger { stranger: usize, stay: u64, act: Act },
    /// A BMC does what it was asked to do.
    BmcActs { machine: usize, restart: bool },
    /// A person switches a machine on.
    SwitchOn(usize),
    /// A machine restarts by itself.
    Glitch(usize),
    /// An old message comes again, from anywhere.
    Replay,
    /// A person wants something.
    Operator(Wish),
    /// The server is killed, wherever it is.
    Kill,
    /// The server stands still for so long, as one that was stopped or swapped out.
    Freeze(Duration),
    /// The server starts.
    Start,
    /// From now on nothing goes wrong any more.
    Calm,
    /// The checks that hold at any time are made.
    Inspect,
}

impl Happening {
    /// Whether it waits while the server stands still.
    pub(crate) fn is_the_servers(&self) -> bool {
        matches!(
            self,
            Self::Alarm(_)
                | Self::Proceed(_)
                | Self::EngineStarts { .. }
                | Self::Due { .. }
                | Self::Commanded(..)
                | Self::Arrives(_)
                | Self::PollEnds(..)
        )
    }
}
