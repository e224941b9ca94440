//! What a commit tells those who wait, once it is durable.

use crate::Store;
use crate::card::CardIndex;
use crate::search::{WordChange, WordIndex};
use crate::token::TokenCache;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};
use types::MachineId;

/// The signals of one store. All are level triggered: the value says what is so, not that something happened.
pub(crate) struct Signals {
    pub(crate) last_seq: watch::Sender<u64>,
    pub(crate) command_seq: watch::Sender<i64>,
    pub(crate) due: Arc<Notify>,
    pub(crate) tokens: TokenCache,
    pub(crate) cards: CardIndex,
    pub(crate) words: WordIndex,
    /// Rises when what is declared for more than one machine changes.
    declared: AtomicU64,
    /// Of machines whose agents wait, and of some that have just stopped.
    tasks: Mutex<HashMap<MachineId, watch::Sender<()>>>,
    writes: AtomicU64,
    transactions: AtomicU64,
}

/// What the store has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statistics {
    /// Writes that were asked for and answered, whether they changed something or were refused.
    pub writes: u64,
    /// Transactions that they shared: flushes to disk.
    pub transactions: u64,
}

impl Store {
    /// What the store has done since it was opened.
    pub fn statistics(&self) -> Statistics {
        let Signals { writes, transactions, .. } = &*self.inner.signals;
        Statistics { writes: writes.load(Ordering::Relaxed), transactions: transactions.load(Ordering::Relaxed) }
    }

    /// Rises when an object changes that means something for more than one machine: all kinds but machines, their
    /// BMCs and reservations, images and deployments. Who has read such objects needs no look while it stays.
    pub fn declared_version(&self) -> u64 {
        self.inner.signals.declared.load(Ordering::Acquire)
    }
}

/// What a transaction has done that others wait for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Effects {
    /// The place of the last event written.
    pub(crate) last_seq: Option<u64>,
    /// The place of the last command written.
    pub(crate) command_seq: Option<i64>,
    /// A run may have become due.
    pub(crate) due: bool,
    /// Machines whose agents may have something to do.
    pub(crate) tasks: Vec<MachineId>,
    /// Tokens made and unmade, in order.
    pub(crate) tokens: Vec<crate::token::TokenChange>,
    /// Network cards that became a machine's.
    pub(crate) cards: Vec<types::MacAddr>,
    /// What machines are known by now.
    pub(crate) words: Vec<WordChange>,
    /// What is declared for more than one machine has changed.
    pub(crate) declared: bool,
}

impl Signals {
    pub(crate) fn new(last_seq: u64, command_seq: i64, tokens: TokenCache, cards: CardIndex, words: WordIndex) -> Self {
        Self {
            last_seq: watch::Sender::new(last_seq),
            command_seq: watch::Sender::new(command_seq),
            due: Arc::new(Notify::new()),
            tokens,
            cards,
            words,
            declared: AtomicU64::new(1),
            tasks: Mutex::default(),
            writes: AtomicU64::new(0),
            transactions: AtomicU64::new(0),
        }
    }

    /// Counts a transaction that is durable.
    pub(crate) fn count(&self, writes: usize) {
        self.writes.fetch_add(u64::try_from(writes).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.transactions.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells everybody.
    pub(crate) fn publish(&self, effects: Effects) {
        let Effects { last_seq, command_seq, due, tasks, tokens, cards, words, declared } = effects;
        if declared {
            self.declared.fetch_add(1, Ordering::Release);
        }
        self.tokens.take_over(tokens);
        self.cards.take_over(cards);
        self.words.take_over(words);
        if let Some(seq) = last_seq {
            self.last_seq.send_replace(seq);
        }
        if let Some(seq) = command_seq {
            self.command_seq.send_replace(seq);
        }
        self.wake_agents(tasks);
        if due {
            self.due.notify_one();
        }
    }

    /// Subscribes to the tasks of `machine`.
    pub(crate) fn task_changed(&self, machine: MachineId) -> watch::Receiver<()> {
        self.task_signals().entry(machine).or_insert_with(|| watch::Sender::new(())).subscribe()
    }

    /// A signal for which nobody waits any more goes: who comes later looks before it waits.
    fn wake_agents(&self, machines: Vec<MachineId>) {
        let mut signals = self.task_signals();
        for machine in machines {
            if signals.get(&machine).is_some_and(|signal| signal.send(()).is_err()) {
                signals.remove(&machine);
            }
        }
    }

    fn task_signals(&self) -> MutexGuard<'_, HashMap<MachineId, watch::Sender<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
