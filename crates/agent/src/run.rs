//! The agent's day: register, ask for work, do it, report it, ask again.

use crate::clock::Clock;
use crate::host::Host;
use crate::journal::Journal;
use crate::server::{Asked, Server};
use crate::task::{Done, Stop, TaskContext, result_of};
use crate::{health, image, inventory, platform, wipe};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;
use types::agent::{AgentConfig, Registration, TaskOrder, TaskResult, Work};
use types::{ErrorClass, TaskId, chain};
use uuid::Uuid;

/// A server that says "nothing" at once instead of waiting is not asked more often than this.
const MIN_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The agent of one booted machine.
pub struct Agent<'a> {
    host: &'a Host,
    config: &'a AgentConfig,
    pub(crate) server: Server<'a>,
    /// The program to leave in installed systems.
    program: PathBuf,
    /// What was done in this boot. An order that comes again is answered from here.
    finished: HashMap<TaskId, TaskResult>,
}

impl<'a> Agent<'a> {
    /// An agent that has not spoken yet. `program` is the file it runs from.
    pub fn new(
        host: &'a Host,
        config: &'a AgentConfig,
        program: PathBuf,
        clock: &'a dyn Clock,
        journal: &'a Journal,
    ) -> Self {
        let server = Server::new(config, registration(host, config), clock, journal);
        Self { host, config, server, program, finished: HashMap::new() }
    }

    /// Registers and works for as long as the machine runs.
    pub fn run(&mut self) -> ! {
        self.server.register();
        let mut backoff = self.server.backoff();
        loop {
            match self.work_once() {
                Ok(()) => backoff.reset(),
                Err(error) => {
                    self.server.journal().info(&format!("asking for work, will try again: {}", chain(&error)));
                    self.server.clock().pause(backoff.next_pause());
                }
            }
        }
    }

    /// Asks for an order once, and carries it out if there is one.
    ///
    /// # Errors
    /// When the server could not be asked.
    pub fn work_once(&mut self) -> Result<(), crate::server::CallError> {
        self.server.send_journal();
        let clock = self.server.clock();
        let asked = clock.now();
        match self.server.next_task()? {
            Some(Asked::Order(order)) => self.carry_out(&order),
            Some(Asked::NotUnderstood { id, reason }) => self.decline(id, &reason),
            None => clock.pause((asked + MIN_POLL_INTERVAL).saturating_sub(clock.now())),
        }
        Ok(())
    }

    fn carry_out(&mut self, order: &TaskOrder) {
        let result = match self.finished.get(&order.id) {
            Some(result) => Some(result.clone()),
            None => self.perform(order),
        };
        self.server.send_journal();
        if let Some(result) = result {
            self.finished.insert(order.id, result.clone());
            self.server.report_result(order.id, &result);
        }
    }

    /// Answers an order that it cannot read, rather than being given it for ever.
    fn decline(&self, id: TaskId, reason: &str) {
        let reason = format!("agent {} does not understand the order: {reason}", crate::VERSION);
        self.server.journal().warn(&format!("task {id}: {reason}"));
        self.server.send_journal();
        let evidence = serde_json::json!({});
        self.server.report_result(id, &TaskResult::Failed { class: ErrorClass::Configuration, reason, evidence });
    }

    fn perform(&self, order: &TaskOrder) -> Option<TaskResult> {
        let journal = self.server.journal();
        let name = name_of(&order.work);
        journal.info(&format!("task {}: {name} begins", order.id));
        let context = TaskContext::new(order.id, &self.server);
        let outcome = self.attempt(&order.work, &context);
        match &outcome {
            Ok(Done { how, .. }) => journal.info(&format!("task {}: {name} done ({how:?})", order.id)),
            Err(Stop::Failed { reason, .. }) => journal.warn(&format!("task {}: {name} failed: {reason}", order.id)),
            Err(Stop::Cancelled) => journal.info(&format!("task {}: {name} was cancelled", order.id)),
            Err(Stop::Dropped) => journal.info(&format!("task {}: {name} is no longer wanted", order.id)),
        }
        result_of(outcome)
    }

    fn attempt(&self, work: &Work, context: &TaskContext<'_>) -> Result<Done, Stop> {
        match work {
            Work::HealthCheck(limits) => health::check(self.host, &self.config.server, limits, context),
            Work::WriteImage(order) => image::write(self.host, order, context),
            Work::Wipe(order) => wipe::wipe(self.host, order, context),
            Work::Configure(setup) => platform::configure(self.host, setup, &self.program, context),
        }
    }
}

fn name_of(work: &Work) -> &'static str {
    match work {
        Work::HealthCheck(_) => "health check",
        Work::WriteImage(_) => "writing an image",
        Work::Wipe(_) => "emptying disks",
        Work::Configure(_) => "setting up the installed system",
    }
}

/// What the machine says of itself. A kernel without a boot id is one that we did not build; a random one still
/// tells this run of the agent from another.
fn registration(host: &Host, config: &AgentConfig) -> Registration {
    Registration {
        boot_id: host.boot_id().unwrap_or_else(Uuid::new_v4),
        env: config.env.clone(),
        firmware: host.firmware(),
        agent_version: crate::VERSION.to_owned(),
        inventory: inventory::read(host),
        boot_mac: host.boot_mac(),
    }
}
