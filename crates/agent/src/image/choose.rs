//! Which disk an image goes to: a pure choice among what the machine has.

use crate::host::Host;
use crate::inventory::disks;
use types::ErrorClass;
use types::disk::DiskSelector;
use types::inventory::Disk;

/// A disk, and why it may not be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The disk.
    pub disk: Disk,
    /// What speaks against it.
    pub objection: Option<Objection>,
}

/// Why a disk may not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// Write protected.
    #[error("read-only")]
    ReadOnly,
    /// Mounted, swapped to or part of an array, itself or a partition.
    #[error("in use")]
    InUse,
}

/// Why no disk was chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChooseError {
    /// The one that was asked for is not there.
    #[error("the machine has no disk {wanted}; it has {found}")]
    NotFound {
        /// As asked for.
        wanted: String,
        /// All there are.
        found: String,
    },
    /// The one that was asked for may not be written.
    #[error("disk {disk} is {objection}")]
    Refused {
        /// Which disk.
        disk: String,
        /// Why not.
        objection: Objection,
    },
    /// No disk is large enough and free.
    #[error("no disk takes an image of {needed} bytes; there is {found}")]
    NoneFits {
        /// The image's disk.
        needed: u64,
        /// All there are.
        found: String,
    },
}

impl ChooseError {
    /// What kind of failure this is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::NotFound { .. } | Self::Refused { .. } => ErrorClass::Configuration,
            Self::NoneFits { .. } => ErrorClass::Hardware,
        }
    }
}

/// The machine's disks. Removable ones are not among them.
pub fn candidates(host: &Host) -> Vec<Candidate> {
    let objection = |name: &str| match host.number(&format!("sys/block/{name}/ro")) {
        Some(1) => Some(Objection::ReadOnly),
        _ => host.is_in_use(name).then_some(Objection::InUse),
    };
    disks::read(host).into_iter().map(|disk| Candidate { objection: objection(&disk.name), disk }).collect()
}

/// Chooses among `candidates`, which are in the order of their names.
///
/// # Errors
/// When none will do.
pub fn choose(candidates: &[Candidate], selector: &DiskSelector, needed: u64) -> Result<Disk, ChooseError> {
    let find = |wanted: String, matches: &dyn Fn(&Disk) -> bool| {
        let candidate = candidates.iter().find(|candidate| matches(&candidate.disk));
        candidate.ok_or_else(|| ChooseError::NotFound { wanted, found: list(candidates) })
    };
    let candidate = match selector {
        DiskSelector::Name(name) => find(name.clone(), &|disk| disk.name == *name)?,
        DiskSelector::Serial(serial) => {
            find(format!("with serial number {serial}"), &|disk| disk.serial.as_ref() == Some(serial))?
        }
        DiskSelector::Smallest => candidates
            .iter()
            .filter(|candidate| candidate.objection.is_none() && candidate.disk.size_bytes >= needed)
            .min_by_key(|candidate| candidate.disk.size_bytes)
            .ok_or_else(|| ChooseError::NoneFits { needed, found: list(candidates) })?,
        DiskSelector::Rule(_) => return Err(ChooseError::NoneFits { needed, found: list(candidates) }),
    };
    let disk = candidate.disk.clone();
    match candidate.objection {
        Some(objection) => Err(ChooseError::Refused { disk: disk.name, objection }),
        None if disk.size_bytes < needed => {
            Err(ChooseError::NoneFits { needed, found: list(std::slice::from_ref(candidate)) })
        }
        None => Ok(disk),
    }
}

fn list(candidates: &[Candidate]) -> String {
    let each = candidates.iter().map(|Candidate { disk, objection }| match objection {
        Some(objection) => format!("{} ({} bytes, {objection})", disk.name, disk.size_bytes),
        None => format!("{} ({} bytes)", disk.name, disk.size_bytes),
    });
    let all = each.collect::<Vec<_>>().join(", ");
    if all.is_empty() { "none".to_owned() } else { all }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::FakeMachine;

    fn machine() -> FakeMachine {
        let machine = FakeMachine::new()
            .disk("sda", 4 << 20, "A")
            .disk("sdb", 2 << 20, "B")
            .disk("sdc", 2 << 20, "C")
            .disk("sdd", 1 << 20, "D")
            .disk("sde", 2 << 20, "E");
        machine.write("proc/mounts", "/dev/sdb1 /mnt ext4 rw 0 0\n");
        machine.write("sys/block/sde/ro", "1");
        machine
    }

    fn chosen(selector: &DiskSelector, needed: u64) -> Result<String, String> {
        let candidates = candidates(&machine().host);
        choose(&candidates, selector, needed).map(|disk| disk.name).map_err(|error| error.to_string())
    }

    #[test]
    fn the_smallest_free_disk_that_fits_is_taken() {
        assert_eq!(chosen(&DiskSelector::Smallest, 2 << 20), Ok("sdc".to_owned()));
        assert_eq!(chosen(&DiskSelector::Smallest, 3 << 20), Ok("sda".to_owned()));
        let error = chosen(&DiskSelector::Smallest, 5 << 20).unwrap_err();
        assert!(error.contains("sdb (2097152 bytes, in use)"), "{error}");
    }

    #[test]
    fn a_disk_is_found_by_name_or_serial_number() {
        assert_eq!(chosen(&DiskSelector::Name("sda".to_owned()), 1), Ok("sda".to_owned()));
        assert_eq!(chosen(&DiskSelector::Serial("C".to_owned()), 1), Ok("sdc".to_owned()));
    }

    #[test]
    fn a_disk_that_is_used_protected_small_or_absent_is_never_taken() {
        assert_eq!(chosen(&DiskSelector::Name("sdb".to_owned()), 1), Err("disk sdb is in use".to_owned()));
        assert_eq!(chosen(&DiskSelector::Name("sde".to_owned()), 1), Err("disk sde is read-only".to_owned()));
        assert!(chosen(&DiskSelector::Serial("D".to_owned()), 2 << 20).unwrap_err().contains("sdd (1048576 bytes)"));
        assert!(chosen(&DiskSelector::Name("nvme0n1".to_owned()), 1).unwrap_err().contains("has no disk nvme0n1"));
    }
}
