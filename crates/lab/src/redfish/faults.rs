//! The levers: how the BMC misbehaves, changeable while it runs.

use http::Method;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::time::Duration;

/// Which requests a lever works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Calls {
    /// All.
    #[default]
    All,
    /// GET and HEAD.
    Reads,
    /// POST, PATCH and DELETE, logins left out.
    Writes,
}

/// How often a lever works: on the next few calls, and on others by chance.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Chance {
    /// So many calls for sure.
    pub next: u32,
    /// From 0 (never) to 1 (always), after those.
    pub probability: f64,
    /// On which calls.
    pub calls: Calls,
}

impl Chance {
    /// The next `count` calls.
    pub fn next(count: u32) -> Self {
        Self { next: count, ..Self::default() }
    }

    /// Every call, with this probability.
    pub fn probability(probability: f64) -> Self {
        Self { probability, ..Self::default() }
    }

    /// The same, on `calls` only.
    pub fn on(self, calls: Calls) -> Self {
        Self { calls, ..self }
    }

    fn strikes(&mut self, kind: Calls, dice: &mut Dice) -> bool {
        if self.calls != Calls::All && self.calls != kind {
            return false;
        }
        if self.next > 0 {
            self.next -= 1;
            return true;
        }
        self.probability > 0.0 && dice.0.random::<f64>() < self.probability
    }
}

/// Where chance comes from: the same seed gives the same luck, call for call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dice(StdRng);

impl Dice {
    /// Dice that fall as `seed` says.
    pub fn seeded(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }
}

impl Default for Dice {
    fn default() -> Self {
        Self(StdRng::from_os_rng())
    }
}

/// Answers that a client must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hostile {
    /// A body of 64 MiB.
    HugeBody,
    /// JSON nested 100 000 deep.
    DeepJson,
    /// A redirect to itself.
    RedirectLoop,
    /// Every property of another type than it should have.
    WrongTypes,
}

/// All levers. The default is a BMC without a fault.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Faults {
    /// What probabilities are thrown with.
    pub dice: Dice,
    /// Every answer takes this much longer.
    pub delay: Duration,
    /// The connection is closed before the request has any effect.
    pub drops_connection: Chance,
    /// The request has its effect, and then the connection is closed without an answer.
    pub loses_answer: Chance,
    /// 503 without effect.
    pub server_error: Chance,
    /// 401 although the login is good.
    pub unauthorized: Chance,
    /// An answer that is not JSON.
    pub garbage: Chance,
    /// JSON that ends in the middle.
    pub truncated: Chance,
    /// 202 for a write, and nothing happens.
    pub forgets: Chance,
    /// Answers that are meant to harm the client.
    pub hostile: Option<Hostile>,
    /// A reset or a BIOS change answers 202 with a task, which takes this many looks and then does the work.
    pub tasks_take_looks: Option<u32>,
    /// After a change of power, so many looks still show the old state.
    pub stale_power_looks: u32,
    /// A boot override shows only after so many looks.
    pub late_override_looks: u32,
    /// A boot override for once is taken and shown, and has no effect on the boot.
    pub ignores_once_override: bool,
    /// No more than so many sessions; 0 is the BMC's own limit.
    pub session_limit: usize,
}

/// What the levers do to one call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Verdict {
    pub(super) delay: Duration,
    pub(super) drop_before: bool,
    pub(super) drop_after: bool,
    pub(super) server_error: bool,
    pub(super) unauthorized: bool,
    pub(super) garbage: bool,
    pub(super) truncated: bool,
    pub(super) forget: bool,
    pub(super) hostile: Option<Hostile>,
}

impl Faults {
    /// Uses up what strikes this call. A login is neither a read nor a write.
    pub(super) fn judge(&mut self, method: &Method, is_login: bool) -> Verdict {
        let kind = match *method {
            Method::GET | Method::HEAD => Calls::Reads,
            _ if is_login => Calls::All,
            _ => Calls::Writes,
        };
        let dice = &mut self.dice;
        Verdict {
            delay: self.delay,
            drop_before: self.drops_connection.strikes(kind, dice),
            drop_after: self.loses_answer.strikes(kind, dice),
            server_error: self.server_error.strikes(kind, dice),
            unauthorized: !is_login && self.unauthorized.strikes(kind, dice),
            garbage: self.garbage.strikes(kind, dice),
            truncated: self.truncated.strikes(kind, dice),
            forget: kind == Calls::Writes && self.forgets.strikes(kind, dice),
            hostile: self.hostile,
        }
    }
}
