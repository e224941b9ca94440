//! What the machine is made of: from sysfs, procfs and the firmware's SMBIOS tables, without other programs.
//!
//! Nothing here fails: what cannot be found out is left out.

mod attachment;
pub mod disks;
pub mod nics;
pub mod smbios;

use crate::host::Host;
use std::collections::BTreeSet;
use types::inventory::{Board, Cpu, Inventory, Memory, System};

/// Looks at the whole machine.
pub fn read(host: &Host) -> Inventory {
    let tables = smbios::read(host);
    Inventory {
        system: system(host, &tables),
        board: board(host, &tables),
        cpu: cpu(host),
        memory: Memory { total_bytes: memory_field(host, "MemTotal").unwrap_or(0), modules: tables.modules },
        disks: disks::read(host),
        nics: nics::read(host),
    }
}

fn system(host: &Host, tables: &smbios::Tables) -> System {
    let system = tables.system.clone();
    System {
        manufacturer: system.manufacturer.or_else(|| dmi(host, "sys_vendor")),
        product: system.product.or_else(|| dmi(host, "product_name")),
        serial: system.serial.or_else(|| dmi(host, "product_serial")),
        uuid: system.uuid.or_else(|| smbios::meaningful_uuid(dmi(host, "product_uuid")?.parse().ok()?)),
    }
}

fn board(host: &Host, tables: &smbios::Tables) -> Board {
    let board = tables.board.clone();
    Board {
        manufacturer: board.manufacturer.or_else(|| dmi(host, "board_vendor")),
        product: board.product.or_else(|| dmi(host, "board_name")),
        serial: board.serial.or_else(|| dmi(host, "board_serial")),
        firmware_vendor: board.firmware_vendor.or_else(|| dmi(host, "bios_vendor")),
        firmware_version: board.firmware_version.or_else(|| dmi(host, "bios_version")),
        secure_boot: host.secure_boot(),
    }
}

fn dmi(host: &Host, name: &str) -> Option<String> {
    smbios::meaningful(&host.text(&format!("sys/class/dmi/id/{name}"))?)
}

fn cpu(host: &Host) -> Cpu {
    let text = host.text("proc/cpuinfo").unwrap_or_default();
    let values = |wanted: &'static str| {
        text.lines().filter_map(move |line| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == wanted).then(|| value.trim().to_owned())
        })
    };
    let threads = values("processor").count();
    let sockets = values("physical id").collect::<BTreeSet<_>>().len().max(usize::from(threads > 0));
    Cpu {
        model: values("model name").next(),
        sockets: u32::try_from(sockets).unwrap_or(u32::MAX),
        threads: u32::try_from(threads).unwrap_or(u32::MAX),
    }
}

/// A size from `/proc/meminfo`, which counts in KiB and calls them kB.
pub(crate) fn memory_field(host: &Host, name: &str) -> Option<u64> {
    let text = host.text("proc/meminfo")?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::FakeMachine;

    #[test]
    fn a_machine_without_smbios_tables_is_described_by_sysfs() {
        let machine = FakeMachine::new()
            .disk("vda", 10 << 20, "disk-1")
            .file("sys/class/dmi/id/sys_vendor", "QEMU\n")
            .file("sys/class/dmi/id/product_serial", "To Be Filled By O.E.M.\n")
            .file("sys/class/dmi/id/product_uuid", "4c4c4544-0000-2010-8020-80c04f202020\n");
        let inventory = read(&machine.host);
        assert_eq!(inventory.system.manufacturer.as_deref(), Some("QEMU"));
        assert_eq!(inventory.system.serial, None);
        assert_eq!(inventory.system.uuid, Some("4c4c4544-0000-2010-8020-80c04f202020".parse().unwrap()));
        assert_eq!(inventory.cpu, Cpu { model: Some("Fast CPU".to_owned()), sockets: 2, threads: 2 });
        assert_eq!(inventory.memory.total_bytes, 2 << 30);
        assert_eq!((inventory.disks.len(), inventory.nics.len()), (1, 1));
    }

    #[test]
    fn an_empty_machine_gives_an_empty_inventory() {
        assert_eq!(read(&Host::new("/nonexistent")), Inventory::default());
    }
}
