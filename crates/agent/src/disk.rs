//! Which of the machine's disks may be written, and which one is meant.

pub mod choose;
mod labels;

use crate::host::Host;
use crate::inventory::disks;
use artifact::DiskError;
use serde_json::{Value, json};
use std::path::Path;
use types::chain;
use types::disk::{DiskProtection, matches};
use types::inventory::{Disk, Transport};

/// A disk, and why it may not be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The disk.
    pub disk: Disk,
    /// What speaks against it.
    pub objection: Option<Objection>,
}

/// Why a disk may not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// Write protected.
    #[error("read-only")]
    ReadOnly,
    /// Mounted, swapped to or part of an array, itself or a partition.
    #[error("in use")]
    InUse,
    /// It can be pulled out: a stick, a card.
    #[error("removable")]
    Removable,
    /// On USB, and not allowed there.
    #[error("on USB")]
    Usb,
    /// Another name leads to the same disk.
    #[error("one of several paths to the same disk, as is {0}")]
    Multipath(String),
    /// Somebody said so.
    #[error("protected by its {0}")]
    Protected(&'static str),
    /// A label may protect it, and it cannot be read.
    #[error("protected, as its labels cannot be read")]
    Unreadable,
}

/// The machine's disks in the order of their names, removable ones too, each with what speaks against it.
pub fn candidates(host: &Host, protection: &DiskProtection) -> Vec<Candidate> {
    let disks = disks::read_all(host);
    let objections: Vec<Option<Objection>> =
        disks.iter().map(|disk| objection(host, disk, &disks, protection)).collect();
    disks.into_iter().zip(objections).map(|(disk, objection)| Candidate { disk, objection }).collect()
}

fn objection(host: &Host, disk: &Disk, all: &[Disk], protection: &DiskProtection) -> Option<Objection> {
    let flag = |name: &str| host.number(&format!("sys/block/{}/{name}", disk.name)) == Some(1);
    if flag("ro") {
        return Some(Objection::ReadOnly);
    }
    if flag("removable") {
        return Some(Objection::Removable);
    }
    if disk.transport == Some(Transport::Usb) && !protection.allow_usb {
        return Some(Objection::Usb);
    }
    if host.is_in_use(&disk.name) {
        return Some(Objection::InUse);
    }
    let same = |other: &&Disk| other.name != disk.name && other.wwid.is_some() && other.wwid == disk.wwid;
    if let Some(other) = all.iter().find(same) {
        return Some(Objection::Multipath(other.name.clone()));
    }
    protected(&host.device_path(&disk.name), disk, protection)
}

fn protected(device: &Path, disk: &Disk, protection: &DiskProtection) -> Option<Objection> {
    let is_among = |patterns: &[String], text: &str| patterns.iter().any(|pattern| matches(pattern, text));
    if disk.serial.as_ref().is_some_and(|serial| is_among(&protection.serials, serial)) {
        return Some(Objection::Protected("serial number"));
    }
    if disk.wwid.as_ref().is_some_and(|wwid| is_among(&protection.wwns, wwid)) {
        return Some(Objection::Protected("world-wide name"));
    }
    if protection.labels.is_empty() {
        return None;
    }
    match labels::read(device) {
        Ok(labels) if labels.iter().any(|label| is_among(&protection.labels, label)) => {
            Some(Objection::Protected("label"))
        }
        Ok(_) => None,
        Err(_) => Some(Objection::Unreadable),
    }
}

/// What is known of a disk that did not do what it was told: for the history, and for whoever replaces it.
pub fn trouble(disk: &Disk, error: &DiskError) -> Value {
    /// What the kernel's log and drives' own tools count in.
    const SECTOR_BYTES: u64 = 512;
    json!({
        "disk": disk.name,
        "disk_serial": disk.serial,
        "disk_wwid": disk.wwid,
        "offset": error.offset(),
        "sector": error.offset().map(|offset| offset / SECTOR_BYTES),
        "error": chain(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::FakeMachine;

    fn objections(machine: &FakeMachine, protection: &DiskProtection) -> Vec<String> {
        let told =
            |candidate: Candidate| candidate.objection.map(|objection| format!("{}: {objection}", candidate.disk.name));
        candidates(&machine.host, protection).into_iter().filter_map(told).collect()
    }

    #[test]
    fn used_removable_and_doubled_disks_are_protected_without_being_named() {
        let mut machine = FakeMachine::new();
        for name in ["sda", "sdb", "sdc", "sdd", "sde", "sdf"] {
            machine = machine.disk(name, 1 << 20, name);
        }
        machine.write("sys/block/sda/ro", "1");
        machine.write("sys/block/sdb/removable", "1");
        machine.write("proc/mounts", "/dev/sdc1 /mnt ext4 rw 0 0\n");
        machine.write("sys/block/sdd/wwid", "naa.5000");
        machine.write("sys/block/sde/wwid", "naa.5000");
        let expected = [
            "sda: read-only",
            "sdb: removable",
            "sdc: in use",
            "sdd: one of several paths to the same disk, as is sde",
            "sde: one of several paths to the same disk, as is sdd",
        ];
        assert_eq!(objections(&machine, &DiskProtection::default()), expected);
    }

    #[test]
    fn disks_are_protected_by_serial_number_and_name() {
        let machine = FakeMachine::new().disk("sda", 1 << 20, "KEEP-1").disk("sdb", 1 << 20, "S");
        machine.write("sys/block/sdb/wwid", "naa.5001");
        let protection = DiskProtection {
            serials: vec!["keep-*".to_owned()],
            wwns: vec!["NAA.5001".to_owned()],
            ..DiskProtection::default()
        };
        let expected = ["sda: protected by its serial number", "sdb: protected by its world-wide name"];
        assert_eq!(objections(&machine, &protection), expected);
    }

    #[test]
    fn a_disk_is_protected_by_a_label_on_it_and_when_labels_cannot_be_read() {
        let machine = FakeMachine::new().disk("sda", 1 << 20, "A").disk("sdb", 1 << 20, "B").disk("sdc", 1 << 20, "C");
        let device = std::fs::File::options().write(true).open(machine.host.device_path("sda")).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&device, b"XFSB", 0).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&device, b"backup\0\0\0\0\0\0", 108).unwrap();
        std::fs::remove_file(machine.host.device_path("sdc")).unwrap();
        let protection = DiskProtection { labels: vec!["backup".to_owned()], ..DiskProtection::default() };
        let expected = ["sda: protected by its label", "sdc: protected, as its labels cannot be read"];
        assert_eq!(objections(&machine, &protection), expected);
    }

    #[test]
    fn a_disk_on_usb_is_written_only_where_that_is_allowed() {
        let machine =
            FakeMachine::new().disk_at("sda", "pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host6/target6:0:0/6:0:0:0");
        assert_eq!(objections(&machine, &DiskProtection::default()), ["sda: on USB"]);
        let allowed = DiskProtection { allow_usb: true, ..DiskProtection::default() };
        assert!(objections(&machine, &allowed).is_empty());
    }
}
