//! Ethernet ports.

use crate::host::Host;
use types::inventory::Nic;

/// ARPHRD_ETHER.
const ETHERNET: u64 = 1;

/// All physical Ethernet ports, in the order of their names.
pub fn read(host: &Host) -> Vec<Nic> {
    host.names("sys/class/net").into_iter().filter_map(|name| nic(host, name)).collect()
}

fn nic(host: &Host, name: String) -> Option<Nic> {
    let folder = format!("sys/class/net/{name}");
    let text = |file: &str| host.text(&format!("{folder}/{file}"));
    // Bridges, tunnels and loopback have no device behind them.
    if !host.has(&format!("{folder}/device")) || host.number(&format!("{folder}/type")) != Some(ETHERNET) {
        return None;
    }
    let link = text("carrier").as_deref() == Some("1");
    Some(Nic {
        mac: text("address")?.parse().ok()?,
        // -1 when the driver does not know.
        speed_mbit: text("speed").and_then(|speed| speed.parse().ok()).filter(|speed| *speed > 0 && link),
        link,
        driver: host.link_name(&format!("{folder}/device/driver")),
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::FakeMachine;

    #[test]
    fn ports_without_a_cable_are_listed_without_a_speed() {
        let machine = FakeMachine::new().nic("eth1", "52:54:00:00:00:02", false);
        machine.write("sys/class/net/lo/address", "00:00:00:00:00:00");
        let nics = read(&machine.host);
        let seen: Vec<_> = nics.iter().map(|nic| (nic.name.as_str(), nic.link, nic.speed_mbit)).collect();
        assert_eq!(seen, [("eth0", true, Some(10_000)), ("eth1", false, None)]);
        assert_eq!(nics[0].driver.as_deref(), Some("virtio_net"));
    }
}
