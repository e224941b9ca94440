//! What every part of the world works with.

use crate::dice::Dice;
use crate::faults::Faults;
use crate::ledger::Ledger;
use crate::network::Message;
use crate::rules::Rules;
use crate::timeline::Timeline;
use std::sync::Arc;

/// What every part of the world works with.
pub(crate) struct Common {
    pub(crate) timeline: Arc<Timeline>,
    pub(crate) dice: Dice,
    pub(crate) faults: Faults,
    pub(crate) rules: Rules,
    pub(crate) ledger: Ledger,
    /// Messages that may come again.
    pub(crate) kept: Vec<Message>,
    /// Nothing goes wrong any more.
    pub(crate) calm: bool,
    exchanges: u64,
    trace: Vec<String>,
}

impl Common {
    pub(crate) fn new(timeline: Arc<Timeline>, dice: Dice, faults: Faults, rules: Rules) -> Self {
        let ledger = Ledger::default();
        Self { timeline, dice, faults, rules, ledger, kept: Vec::new(), calm: false, exchanges: 0, trace: Vec::new() }
    }

    /// Whether something goes wrong that does so this often.
    pub(crate) fn goes_wrong(&mut self, probability: f64) -> bool {
        // Drawn in any case, so that one rate does not move all that comes after.
        self.dice.happens(probability) && !self.calm
    }

    /// A number for a message that nobody has had.
    pub(crate) fn new_exchange(&mut self) -> u64 {
        self.exchanges += 1;
        self.exchanges
    }

    /// Writes a line of the trace.
    pub(crate) fn tell(&mut self, line: impl FnOnce() -> String) {
        let now = self.timeline.now();
        let seconds = now.as_secs();
        self.trace.push(format!(
            "{:02}:{:02}:{:02}.{:06}  {}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            now.subsec_micros(),
            line()
        ));
    }

    /// Puts down that something is as it must never be.
    pub(crate) fn violation(&mut self, what: String) {
        self.tell(|| format!("BROKEN: {what}"));
        self.ledger.violations.push(what);
    }

    /// What happened, line by line.
    pub(crate) fn take_trace(&mut self) -> Vec<String> {
        std::mem::take(&mut self.trace)
    }
}
