//! DORA by `perfdhcp` over a virtual cable between two namespaces: the highest rate at which under 2.5 % of the
//! messages get no answer, beside Kea and dnsmasq.
//!
//! All three keep their leases on disk. Ours are flushed before their ACK leaves; Kea's and dnsmasq's are written and
//! not flushed, as their makers have it.

mod contestants;
mod perfdhcp;

use super::{Context, Namespace, Peer, Row, interleaved};
use anyhow::Result;
use contestants::{Contestant, Dnsmasq, Kea, Ours};
use perfdhcp::Perfdhcp;
use std::path::Path;

/// The share of messages without an answer that a rate may have.
const MAX_DROPS: f64 = 0.025;
/// How much more is offered while all goes well.
const STEP: f64 = 1.4;
/// How often the way between the last good rate and the first bad one is halved.
const HALVINGS: usize = 3;

/// Ours beside Kea, and beside dnsmasq.
pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let (seconds, rounds) = if context.quick { (4, 1) } else { (10, 3) };
    let kea = Peer::unpack(&["kea-dhcp4-server", "kea-admin"])?;
    let dnsmasq = Peer::unpack(&["dnsmasq-base"])?;
    let load = Perfdhcp { program: &kea, seconds };
    let folder = context.scratch("leases")?;
    let program = context.slipway()?;
    let measured = interleaved(
        rounds,
        [
            &mut || highest_rate(&load, &folder.join("ours"), &Ours { program }, 2000.0),
            &mut || highest_rate(&load, &folder.join("kea"), &Kea { peer: &kea }, 2000.0),
            &mut || highest_rate(&load, &folder.join("dnsmasq"), &Dnsmasq { peer: &dnsmasq }, 100.0),
        ],
    )?;
    let [ours, by_kea, by_dnsmasq] = measured;
    let clients = perfdhcp::CLIENTS;
    let kea_note = format!("{}, {clients} clients; ours are flushed before the ACK, Kea's are not", kea.versions());
    let dnsmasq_note = format!("{}, {clients} clients; it rewrites its file of leases", dnsmasq.versions());
    Ok(vec![
        Row::at_least("DORA with stored leases, beside Kea", ours, by_kea, "/s", 2.0, &kea_note),
        Row::at_least("DORA with stored leases, beside dnsmasq", ours, by_dnsmasq, "/s", 2.0, &dnsmasq_note),
    ])
}

/// Starts the contestant with nothing on its disk, and finds the highest rate that it keeps up with.
fn highest_rate(load: &Perfdhcp<'_>, folder: &Path, contestant: &dyn Contestant, first: f64) -> Result<f64> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    let servers = Namespace::create()?;
    let clients = servers.create_beside()?;
    servers.connect(&clients, contestants::CABLE, contestants::SERVER_CIDR, contestants::CLIENT_CIDR)?;
    let running = contestant.start(&servers, folder)?;
    let mut keeps_up = |rate: f64| -> Result<Option<f64>> {
        let outcome = load.offer(&clients, rate)?;
        println!(
            "{}: {rate:.0}/s offered, {:.0}/s done, {:.2} % lost",
            contestant.name(),
            outcome.rate,
            outcome.drops * 100.0
        );
        Ok((outcome.drops < MAX_DROPS).then_some(outcome.rate))
    };
    let best = search(first, &mut keeps_up)?;
    drop(running);
    Ok(best)
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
