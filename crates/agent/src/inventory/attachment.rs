//! How and where a disk is attached, from its place in the kernel's tree of devices.

use crate::host::Host;
use types::inventory::Transport;

/// The disk's place, such as `devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda`.
pub(super) fn place(host: &Host, disk: &str) -> Option<String> {
    let link = std::fs::read_link(host.path(&format!("sys/block/{disk}"))).ok()?;
    let text = link.to_str()?;
    Some(text.trim_start_matches("../").trim_start_matches('/').to_owned())
}

/// The innermost part that says how.
pub(super) fn transport(place: &str) -> Option<Transport> {
    let named = |part: &str, name: &str| {
        part.strip_prefix(name).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let of = |part: &str| match part {
        part if named(part, "usb") => Some(Transport::Usb),
        part if named(part, "nvme") || named(part, "nvme-subsys") => Some(Transport::Nvme),
        part if named(part, "ata") => Some(Transport::Sata),
        part if named(part, "mmc") => Some(Transport::Mmc),
        part if named(part, "session") => Some(Transport::Iscsi),
        part if part.starts_with("rport-") => Some(Transport::FibreChannel),
        part if part.starts_with("end_device-") => Some(Transport::Sas),
        part if named(part, "virtio") => Some(Transport::Virtio),
        part if named(part, "host") => Some(Transport::Scsi),
        _ => None,
    };
    // A virtio SCSI host is SCSI, but a SATA disk's host is not: the host says least and is asked last.
    let parts = || place.split('/').filter_map(of);
    parts().find(|transport| !matches!(transport, Transport::Scsi | Transport::Virtio)).or_else(|| parts().next_back())
}

/// As udev names it in `/dev/disk/by-path`: the innermost PCI function, and what is behind it.
pub(super) fn path(place: &str) -> Option<String> {
    let parts: Vec<&str> = place.split('/').collect();
    let pci = parts.iter().rev().find(|part| is_pci_address(part))?;
    let of = |prefix: &str| {
        parts.iter().find_map(|part| {
            part.strip_prefix(prefix).filter(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
        })
    };
    let scsi = parts.iter().rev().find(|part| part.split(':').count() == 4 && !part.contains('.'));
    let usb = parts.iter().rev().find(|part| transport(place) == Some(Transport::Usb) && part.contains('-'));
    let behind = if let Some(usb) = usb {
        format!("-usb-0:{}", usb.split_once('-').map_or("", |(_, port)| port))
    } else if let Some(ata) = of("ata") {
        format!("-ata-{ata}")
    } else if let Some(namespace) = parts.last().and_then(|name| name.strip_prefix("nvme")?.split_once('n')) {
        format!("-nvme-{}", namespace.1)
    } else if let Some(scsi) = scsi {
        // The host's number depends on the order of discovery.
        format!("-scsi-0:{}", scsi.split_once(':').map_or("", |(_, rest)| rest))
    } else {
        String::new()
    };
    Some(format!("pci-{pci}{behind}"))
}

/// `0000:00:1f.2`.
fn is_pci_address(part: &str) -> bool {
    let hex = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let Some((domain, rest)) = part.split_once(':') else { return false };
    let Some((bus, rest)) = rest.split_once(':') else { return false };
    let Some((device, function)) = rest.split_once('.') else { return false };
    domain.len() >= 4 && hex(domain, domain.len()) && hex(bus, 2) && hex(device, 2) && hex(function, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_tells_how_and_where() {
        for (place, how, at) in [
            (
                "devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda",
                Some(Transport::Sata),
                Some("pci-0000:00:1f.2-ata-1"),
            ),
            (
                "devices/pci0000:00/0000:00:01.0/0000:01:00.0/nvme/nvme0/nvme0n1",
                Some(Transport::Nvme),
                Some("pci-0000:01:00.0-nvme-1"),
            ),
            ("devices/pci0000:00/0000:00:05.0/virtio2/block/vda", Some(Transport::Virtio), Some("pci-0000:00:05.0")),
            (
                "devices/pci0000:00/0000:00:05.0/virtio2/host2/target2:0:1/2:0:1:0/block/sda",
                Some(Transport::Scsi),
                Some("pci-0000:00:05.0-scsi-0:0:1:0"),
            ),
            (
                "devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host6/target6:0:0/6:0:0:0/block/sdb",
                Some(Transport::Usb),
                Some("pci-0000:00:14.0-usb-0:1:1.0"),
            ),
            (
                "devices/pci0000:00/0000:00:03.0/0000:03:00.0/host1/port-1:0/end_device-1:0/target1:0:0/1:0:0:0/block/sdc",
                Some(Transport::Sas),
                Some("pci-0000:03:00.0-scsi-0:0:0:0"),
            ),
            ("devices/virtual/block/loop0", None, None),
        ] {
            assert_eq!((transport(place), path(place).as_deref()), (how, at), "{place}");
        }
    }
}
