//! One simulation: lives of the server, one after the other, until all is calm and every run has ended.

use crate::common::Common;
use crate::dice::Dice;
use crate::faults::Faults;
use crate::happening::Happening;
use crate::life::{End, live};
use crate::probe::Crash;
use crate::rules::Rules;
use crate::site::{Folder, Site};
use crate::timeline::Timeline;
use crate::world::{ForServer, Shared, World};
use anyhow::{Context, Result};
use jiff::SignedDuration;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use store::Moment;

/// When a look is tried again for which there was no server.
const LATER: Duration = Duration::from_secs(60);

/// What became of a simulation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was as it must never be. Empty when all is well.
    pub violations: Vec<String>,
    /// What happened, line by line: the same for the same seed.
    pub trace: Vec<String>,
    /// How much was done.
    pub figures: Figures,
}

/// How much was done in a simulation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Lives of the server.
    pub lives: u64,
    /// Runs.
    pub runs: u64,
    /// Runs that succeeded.
    pub succeeded: u64,
    /// Commits of runs.
    pub commits: u64,
    /// Images that agents began to write.
    pub images: u64,
    /// Simulated time.
    pub time: Duration,
}

/// Simulates what follows from `seed`.
///
/// # Errors
/// When the simulation itself cannot go on; what it finds wrong is in the outcome.
pub fn simulate(seed: u64, rules: Rules) -> Result<Outcome> {
    let mut dice = Dice::new(seed);
    let faults = Faults::draw(&mut dice, rules.sabotage);
    let folder = site(faults.few_addresses)?.copy()?;
    let common = Common::new(Timeline::new(), dice.split(), faults, rules);
    let world = World::new(common, folder.operator_token.clone());
    Simulation { world: Shared::new(world), folder, dice, lives: 0, crashes_left: 0 }.run()
}

/// The folder that simulations start from; it is made once.
fn site(few_addresses: bool) -> Result<&'static Site> {
    static SITES: [OnceLock<Site>; 2] = [const { OnceLock::new() }; 2];
    let site = &SITES[usize::from(few_addresses)];
    if site.get().is_none() {
        let _declared_meanwhile = site.set(Site::declare(few_addresses).context("declaring the site")?);
    }
    site.get().context("the site was just declared")
}

struct Simulation {
    world: Shared,
    folder: Folder,
    /// For when and how the server dies.
    dice: Dice,
    lives: u64,
    crashes_left: u64,
}

impl Simulation {
    fn run(mut self) -> Result<Outcome> {
        {
            let mut world = self.world.lock();
            self.crashes_left = world.common.faults.crashes.div_ceil(2);
            let faults = format!("{:?}", world.common.faults);
            world.common.tell(|| faults);
        }
        while self.is_down() {
            if let End::Over = self.live()? {
                break;
            }
            self.die();
        }
        self.check()
    }

    /// Waits for the server's start. False when nothing more happens.
    fn is_down(&self) -> bool {
        let timeline = Arc::clone(&self.world.lock().common.timeline);
        while let Some(happening) = timeline.next() {
            if matches!(happening, Happening::Start) {
                return true;
            }
            let mut world = self.world.lock();
            match world.handle(happening) {
                ForServer::Answer(message) => world.server_is_away(message),
                ForServer::Inspect => timeline.after(LATER, Happening::Inspect),
                ForServer::Nothing | ForServer::Die | ForServer::Own(_) => {}
            }
        }
        false
    }

    fn live(&mut self) -> Result<End> {
        self.lives += 1;
        let at = self.next_crash();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let config = self.folder.config()?;
        runtime.block_on(live(&self.world, &config, self.lives, Crash::new(at)))
    }

    /// At which commit of this life the server dies, if it does not die otherwise.
    fn next_crash(&mut self) -> Option<(u64, Moment)> {
        if self.world.lock().common.calm || self.crashes_left == 0 {
            return None;
        }
        self.crashes_left -= 1;
        let recovering = self.lives > 1 && self.dice.happens(self.world.lock().common.faults.crash_in_recovery);
        let most = if recovering { 8 } else { 150 };
        let moment = if self.dice.happens(0.5) { Moment::BeforeCommit } else { Moment::AfterCommit };
        Some((self.dice.number(1..most), moment))
    }

    /// The server is gone for a while, in which its clock may be set.
    fn die(&mut self) {
        let mut world = self.world.lock();
        world.common.tell(|| "the server is killed".to_owned());
        world.server_is_gone();
        let faults = world.common.faults.clone();
        let away = if self.dice.happens(faults.long_outage) && !world.common.calm {
            self.dice.between(Duration::from_secs(60), Duration::from_secs(3600))
        } else {
            self.dice.between(Duration::from_millis(500), Duration::from_secs(20))
        };
        if self.dice.happens(faults.clock_jump) {
            let hours = i64::try_from(self.dice.number(0..13)).unwrap_or(0) - 6;
            let minutes = i64::try_from(self.dice.number(0..60)).unwrap_or(0);
            let error = SignedDuration::from_mins(hours * 60 + minutes);
            world.common.tell(|| format!("the server's clock is set {} min wrong", error.as_mins()));
            world.common.timeline.set_clock_error(error);
        }
        world.common.timeline.after(away, Happening::Start);
    }

    fn check(self) -> Result<Outcome> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let config = self.folder.config()?;
        runtime.block_on(crate::life::check(&self.world, &config))?;
        let mut world = self.world.lock();
        let violations = std::mem::take(&mut world.common.ledger.violations);
        let figures = Figures {
            lives: self.lives,
            runs: world.common.ledger.runs().len() as u64,
            succeeded: world.common.ledger.succeeded,
            commits: world.common.ledger.commits,
            images: world.common.ledger.images,
            time: world.common.timeline.now(),
        };
        Ok(Outcome { violations, trace: world.common.take_trace(), figures })
    }
}
