//! DORA by `perfdhcp` over a virtual cable between two namespaces: the highest rate at which under 2.5 % of the
//! messages get no answer, beside Kea and dnsmasq.
//!
//! All three keep their leases on disk. Ours are flushed before their ACK leaves; Kea's and dnsmasq's are written and
//! not flushed, as their makers have it.
//!
//! A server has one processor, and `perfdhcp` another. That does some 30,000 exchanges a second and then its processor
//! is busy, so the servers are compared on a quarter of a processor too, where each is at its own limit, and by the
//! processor time that they take for the same work.

mod contestants;
mod perfdhcp;
mod share;

use super::load::Pins;
use super::{Context, Namespace, Peer, Row, Server, interleaved};
use anyhow::{Result, ensure};
use contestants::{Contestant, Dnsmasq, Kea, Ours};
use perfdhcp::{CLIENTS, Outcome, Perfdhcp};
use share::Quarter;
use std::cell::Cell;
use std::fs;
use std::path::Path;

/// The share of messages without an answer that a rate may have.
const MAX_DROPS: f64 = 0.025;
/// How much more is offered while all goes well.
const STEP: f64 = 1.5;
/// How often the way between the last good rate and the first bad one is halved.
const HALVINGS: usize = 3;
/// Exchanges a second for which processor times are compared: what each of the two can do.
const EQUAL_RATE: f64 = 10_000.0;
/// How many times as much as each peer.
const GOAL: f64 = 2.0;

/// What a server has to compute with.
#[derive(Debug, Clone, Copy)]
enum Processor {
    Whole,
    Quarter,
}

/// Ours beside Kea, and beside dnsmasq.
pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let (seconds, rounds) = if context.quick { (3, 1) } else { (10, 3) };
    let tools = Peer::unpack(&["kea-dhcp4-server", "kea-admin"])?;
    let other = Peer::unpack(&["dnsmasq-base"])?;
    let program = context.slipway()?;
    let load = Perfdhcp { program: &tools, seconds, pins: Pins::choose(), most: Cell::default() };
    let folder = context.scratch("leases")?;
    let (ours, kea, dnsmasq) = (Ours { program }, Kea { peer: &tools }, Dnsmasq { peer: &other });
    let bench = |contestant, processor| Bench { load: &load, folder: &folder, contestant, processor };
    let [ours_quarter, kea_quarter, ours_whole, kea_whole, by_dnsmasq, ours_second, kea_second] = interleaved(
        rounds,
        [
            &mut || bench(&ours, Processor::Quarter).highest_rate(4000.0),
            &mut || bench(&kea, Processor::Quarter).highest_rate(2000.0),
            &mut || bench(&ours, Processor::Whole).highest_rate(8000.0),
            &mut || bench(&kea, Processor::Whole).highest_rate(8000.0),
            &mut || bench(&dnsmasq, Processor::Whole).highest_rate(100.0),
            &mut || bench(&ours, Processor::Whole).exchanges_per_processor_second(),
            &mut || bench(&kea, Processor::Whole).exchanges_per_processor_second(),
        ],
    )?;
    let beside_kea = format!("{}, {CLIENTS} clients; ours are flushed before the ACK, Kea's are not", tools.versions());
    let limit = format!("perfdhcp, on the other processor, began at most {:.0}/s; {beside_kea}", load.most.get());
    let beside_dnsmasq = format!("{}, {CLIENTS} clients; it rewrites its file of leases", other.versions());
    let row = |name, ours, peer, note| Row::at_least(name, ours, peer, "/s", GOAL, note);
    Ok(vec![
        row("DORA a second of processor time, at 10000/s", ours_second, kea_second, &beside_kea),
        row("DORA with stored leases on a quarter of a processor", ours_quarter, kea_quarter, &beside_kea),
        row("DORA with stored leases on a processor", ours_whole, kea_whole, &limit),
        row("DORA with stored leases on a processor, beside dnsmasq", ours_whole, by_dnsmasq, &beside_dnsmasq),
    ])
}

/// A contestant under load.
struct Bench<'a> {
    load: &'a Perfdhcp<'a>,
    folder: &'a Path,
    contestant: &'a dyn Contestant,
    processor: Processor,
}

impl Bench<'_> {
    /// Finds the highest rate that it keeps up with.
    fn highest_rate(&self, first: f64) -> Result<f64> {
        self.run(|_, offer| {
            let keeps_up = |outcome: Outcome| (outcome.drops < MAX_DROPS).then_some(outcome.rate);
            let best = search(first, &mut |rate| match keeps_up(offer(rate)?) {
                Some(done) => Ok(Some(done)),
                // Twice, as the computer may have had something else to do for a moment.
                None => Ok(keeps_up(offer(rate)?)),
            })?;
            ensure!(best > 0.0, "{} keeps up with nothing that was offered", self.contestant.name());
            Ok(best)
        })
    }

    /// Finds how many exchanges it does in a second of its processor time, at a rate that is the same for all.
    fn exchanges_per_processor_second(&self) -> Result<f64> {
        self.run(|server, offer| {
            // The first clients are new to it, and a server that has just been started has much to do once.
            offer(EQUAL_RATE)?;
            let before = server.cpu_seconds()?;
            let outcome = offer(EQUAL_RATE)?;
            ensure!(outcome.drops < MAX_DROPS, "{} does not keep up with it", self.contestant.name());
            Ok(outcome.rate * f64::from(self.load.seconds) / (server.cpu_seconds()? - before))
        })
    }

    /// Starts it with nothing on its disk.
    fn run(&self, measure: impl FnOnce(&Server, &dyn Fn(f64) -> Result<Outcome>) -> Result<f64>) -> Result<f64> {
        let (name, folder) = (self.contestant.name(), self.folder.join(self.contestant.name()));
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let servers = Namespace::create()?;
        let clients = servers.create_beside()?;
        servers.connect(&clients, contestants::CABLE, contestants::SERVER_CIDR, contestants::CLIENT_CIDR)?;
        let server = self.contestant.start(&servers, &folder)?;
        self.load.pins.pin_to_first(server.id())?;
        let quarter = match self.processor {
            Processor::Whole => None,
            Processor::Quarter => Some(Quarter::limit(server.id())?),
        };
        let offer = |rate: f64| {
            let outcome = self.load.offer(&clients, rate)?;
            let Outcome { rate: done, drops, .. } = outcome;
            let lost = drops * 100.0;
            println!("{name}, {:?} processor: {rate:.0}/s offered, {done:.0}/s done, {lost:.2} % lost", self.processor);
            Ok(outcome)
        };
        let measured = measure(&server, &offer);
        drop(server);
        drop(quarter);
        measured
    }
}

/// The most that was done without too many losses: more is offered until it is too much, then halfway.
fn search(first: f64, keeps_up: &mut dyn FnMut(f64) -> Result<Option<f64>>) -> Result<f64> {
    let (mut good, mut best) = (0.0, 0.0_f64);
    let mut bad = first;
    // Offering more than is asked for is pointless: what was done then no longer grows.
    while let Some(done) = keeps_up(bad)? {
        let grows = done > best * 1.02;
        best = best.max(done);
        good = bad;
        bad *= STEP;
        if !grows {
            return Ok(best);
        }
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(good, bad);
        match keeps_up(middle)? {
            Some(done) => {
                best = best.max(done);
                good = middle;
            }
            None => bad = middle,
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_ends_near_what_a_server_can_do() {
        let found = search(100.0, &mut |rate| Ok((rate <= 950.0).then_some(rate))).unwrap();
        assert!((850.0..=950.0).contains(&found), "{found}");
        let slow = search(100.0, &mut |rate| Ok((rate <= 40.0).then_some(rate))).unwrap();
        assert!((30.0..=40.0).contains(&slow), "{slow}");
        let client_bound = search(100.0, &mut |rate| Ok(Some(rate.min(500.0)))).unwrap();
        assert!((499.0..=500.0).contains(&client_bound), "{client_bound}");
    }
}
