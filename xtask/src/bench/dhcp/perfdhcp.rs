//! The load: Kea's own `perfdhcp`.

use super::super::load::Pins;
use super::super::{Namespace, Peer};
use super::contestants::{CABLE, SERVER};
use anyhow::{Context, Result, bail};
use std::cell::Cell;
use std::process::Stdio;

/// Clients that take turns.
pub(super) const CLIENTS: u32 = 20_000;
/// How long it waits for the last answers, in microseconds.
const LAST_ANSWERS: &str = "1000000";

/// A program that plays clients.
pub(super) struct Perfdhcp<'a> {
    pub(super) program: &'a Peer,
    /// How long it offers a rate.
    pub(super) seconds: u32,
    /// Which processor is its own.
    pub(super) pins: Pins,
    /// The most exchanges that it has begun in a second so far, whatever it was asked for.
    pub(super) most: Cell<f64>,
}

/// What came of a rate.
#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    /// Exchanges begun in a second.
    pub(super) begun: f64,
    /// Exchanges of four messages done in a second.
    pub(super) rate: f64,
    /// The share of messages without an answer.
    pub(super) drops: f64,
}

impl Perfdhcp<'_> {
    /// Offers `rate` exchanges a second. In two threads it would take the one processor from itself, and its socket
    /// would overflow.
    pub(super) fn offer(&self, clients: &Namespace, rate: f64) -> Result<Outcome> {
        let mut command = self.pins.client(clients, &self.program.program("usr/sbin/perfdhcp"));
        self.program.with_libraries(&mut command);
        command.args(["-4", "-g", "single", "-l", CABLE, "-r", &format!("{rate:.0}"), "-R", &CLIENTS.to_string()]);
        command.args(["-p", &self.seconds.to_string(), "-W", LAST_ANSWERS, SERVER]);
        let output = command.stdin(Stdio::null()).output().context("starting perfdhcp")?;
        // It ends with 3 when messages were lost, which is a result and no failure.
        let said = String::from_utf8_lossy(&output.stdout);
        match output.status.code() {
            Some(0 | 3) => {
                let outcome = read(&said, self.seconds).with_context(|| format!("perfdhcp said:\n{said}"))?;
                self.most.set(self.most.get().max(outcome.begun));
                Ok(outcome)
            }
            _ => bail!("perfdhcp: {}: {said}{}", output.status, String::from_utf8_lossy(&output.stderr)),
        }
    }
}

/// Reads what was done and lost. Its own rate counts the wait for the last answers in, so that it is not taken.
fn read(said: &str, seconds: u32) -> Option<Outcome> {
    let numbers = |what: &str| -> Option<[f64; 2]> {
        let numbers = said.lines().filter_map(|line| line.trim().strip_prefix(what));
        let numbers: Vec<f64> = numbers.filter_map(|rest| rest.trim().parse().ok()).collect();
        numbers.try_into().ok()
    };
    let [_, acknowledged] = numbers("received packets:")?;
    let [discovers, requests] = numbers("sent packets:")?;
    let lost: f64 = numbers("drops:")?.iter().sum();
    let seconds = f64::from(seconds);
    let drops = lost / (discovers + requests).max(1.0);
    Some(Outcome { begun: discovers / seconds, rate: acknowledged / seconds, drops })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_exchanges_count() {
        let said = "Running: perfdhcp -4\nRate: 1818.5 4-way exchanges/second, expected rate: 2000\n\n\
                    ***Statistics for: DISCOVER-OFFER***\nsent packets: 1000\nreceived packets: 990\ndrops: 10\n\
                    drops ratio: 1 %\n***Statistics for: REQUEST-ACK***\nsent packets: 990\nreceived packets: 960\n\
                    drops: 30\ndrops ratio: 3 %\n";
        assert_eq!(read(said, 10), Some(Outcome { begun: 100.0, rate: 96.0, drops: 40.0 / 1990.0 }));
        assert_eq!(read("Rate: 0", 10), None);
    }
}
