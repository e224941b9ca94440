//! How badly it goes: drawn from the seed, so that some seeds are calm and some are not.

use crate::dice::Dice;
use crate::rules::Sabotage;
use std::time::Duration;

/// How often things go wrong, and how.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    /// A message is lost.
    pub(crate) loss: f64,
    /// A message comes twice.
    pub(crate) doubling: f64,
    /// A message takes seconds.
    pub(crate) delay: f64,
    /// A BMC refuses or does not answer, and does nothing.
    pub(crate) bmc_error: f64,
    /// A BMC accepts a change and forgets it.
    pub(crate) bmc_forgets: f64,
    /// A BMC's answer to a change that it makes is lost.
    pub(crate) bmc_answer_lost: f64,
    /// A BMC takes half a minute.
    pub(crate) bmc_slow: f64,
    /// A BMC shows a power state that is over.
    pub(crate) bmc_stale: f64,
    /// The server dies again while it recovers.
    pub(crate) crash_in_recovery: f64,
    /// The server is away for up to an hour, instead of seconds.
    pub(crate) long_outage: f64,
    /// The server's clock is set, by hours, while the server is down.
    pub(crate) clock_jump: f64,
    /// Kills of the server at its commits and between them.
    pub(crate) crashes: u64,
    /// Times that the server stands still.
    pub(crate) freezes: u64,
    /// Restarts of machines by themselves.
    pub(crate) glitches: u64,
    /// Old messages that come again.
    pub(crate) replays: u64,
    /// Things that people want.
    pub(crate) wishes: u64,
    /// How many engines advance the runs.
    pub(crate) engines: usize,
    /// Machines.
    pub(crate) machines: usize,
    /// There are hardly more addresses than clients, and leases are short.
    pub(crate) few_addresses: bool,
    /// DHCP clients that are no machines.
    pub(crate) strangers: usize,
    /// Until when things go wrong.
    pub(crate) until: Duration,
}

impl Faults {
    /// Draws how badly it goes. A rule that is broken on purpose gets the weather in which it matters.
    pub(crate) fn draw(dice: &mut Dice, sabotage: Option<Sabotage>) -> Self {
        let drawn = Self::draw_any(dice);
        match sabotage {
            None | Some(Sabotage::NotesForgotten) => drawn,
            Some(Sabotage::EpochsIgnored) => Self { freezes: 12, bmc_slow: 0.6, ..drawn },
            Some(Sabotage::OrdersRepeated) => Self { loss: 0.3, ..drawn },
            Some(Sabotage::LeasesForgotten) => Self { few_addresses: true, strangers: 9, crashes: 8, ..drawn },
        }
    }

    fn draw_any(dice: &mut Dice) -> Self {
        let few_addresses = dice.happens(0.3);
        let mut rate = |most: f64| if dice.happens(0.6) { most * dice.fraction() } else { 0.0 };
        Self {
            loss: rate(0.15),
            doubling: rate(0.15),
            delay: rate(0.1),
            bmc_error: rate(0.2),
            bmc_forgets: rate(0.12),
            bmc_answer_lost: rate(0.15),
            bmc_slow: rate(0.2),
            bmc_stale: rate(0.3),
            crash_in_recovery: rate(0.8),
            long_outage: rate(0.3),
            // A server whose clock goes forward takes leases for over; only a free address in their place helps.
            clock_jump: if few_addresses { 0.0 } else { rate(0.4) },
            crashes: dice.number(0..9),
            freezes: dice.number(0..5).saturating_sub(1),
            glitches: dice.number(0..5).saturating_sub(2),
            replays: dice.number(0..12),
            wishes: dice.number(0..6),
            engines: if dice.happens(0.2) { 2 } else { 1 },
            machines: usize::try_from(dice.number(1..4)).unwrap_or(1),
            strangers: if few_addresses { usize::try_from(dice.number(3..10)).unwrap_or(3) } else { 0 },
            few_addresses,
            until: dice.between(Duration::from_secs(15 * 60), Duration::from_secs(80 * 60)),
        }
    }
}
