//! The disk that a rule leaves: one, or an error that says of every disk why it is not the one.

use super::Candidate;
use types::ErrorClass;
use types::disk::{DiskPreference, DiskRule, DiskSelector, matches};
use types::inventory::Disk;

/// Why no disk was chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChooseError {
    /// No disk is left.
    #[error("no disk may be taken: {verdicts}")]
    None {
        /// Of every disk, why not.
        verdicts: String,
        /// Whether a disk was asked for that is not here, rather than any that is large enough.
        asked_for: bool,
    },
    /// More than one is left.
    #[error("more than one disk would do, and no rule says which: {verdicts}")]
    Ambiguous {
        /// Of every disk, whether it would do, and why not.
        verdicts: String,
    },
}

impl ChooseError {
    /// What kind of failure this is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::None { asked_for: false, .. } => ErrorClass::Hardware,
            Self::None { asked_for: true, .. } | Self::Ambiguous { .. } => ErrorClass::Configuration,
        }
    }
}

/// Chooses among `candidates` the disk for an image that needs `needed` bytes.
///
/// # Errors
/// When none will do, or more than one.
pub fn choose(candidates: &[Candidate], selector: &DiskSelector, needed: u64) -> Result<Disk, ChooseError> {
    let rule = rule_of(selector);
    let mut verdicts: Vec<(&Candidate, Option<String>)> =
        candidates.iter().map(|candidate| (candidate, reason_against(candidate, &rule, needed))).collect();
    if let Some(preference) = rule.prefer {
        prefer(&mut verdicts, preference);
    }
    let mut left = verdicts.iter().filter(|(_, reason)| reason.is_none());
    match (left.next(), left.next()) {
        (Some((candidate, _)), None) => Ok(candidate.disk.clone()),
        (Some(_), Some(_)) => Err(ChooseError::Ambiguous { verdicts: list(&verdicts) }),
        (None, _) => {
            Err(ChooseError::None { verdicts: list(&verdicts), asked_for: !matches!(selector, DiskSelector::Smallest) })
        }
    }
}

fn rule_of(selector: &DiskSelector) -> DiskRule {
    match selector {
        DiskSelector::Smallest => DiskRule { prefer: Some(DiskPreference::Smallest), ..DiskRule::default() },
        DiskSelector::Name(name) => DiskRule { name: Some(name.clone()), ..DiskRule::default() },
        DiskSelector::Serial(serial) => DiskRule { serial: Some(serial.clone()), ..DiskRule::default() },
        DiskSelector::Rule(rule) => rule.clone(),
    }
}

fn reason_against(candidate: &Candidate, rule: &DiskRule, needed: u64) -> Option<String> {
    let Candidate { disk, objection } = candidate;
    let wants = |wanted: &Option<String>, found: Option<&str>, what: &str| {
        let wanted = wanted.as_ref()?;
        let is_it = found.is_some_and(|found| matches(wanted, found));
        (!is_it).then(|| format!("{what} is not {wanted:?}"))
    };
    let other_kind = rule.rotational.filter(|wanted| *wanted != disk.rotational);
    let other_transport = rule.transport.filter(|wanted| Some(*wanted) != disk.transport);
    let too_small = rule.min_bytes.filter(|least| disk.size_bytes < *least);
    let too_large = rule.max_bytes.filter(|most| disk.size_bytes > *most);
    wants(&rule.name, Some(&disk.name), "name")
        .or_else(|| wants(&rule.serial, disk.serial.as_deref(), "serial number"))
        .or_else(|| wants(&rule.wwn, disk.wwid.as_deref(), "world-wide name"))
        .or_else(|| wants(&rule.model, disk.model.as_deref(), "model"))
        .or_else(|| wants(&rule.path, disk.path.as_deref(), "path"))
        .or_else(|| other_kind.map(|wanted| if wanted { "does not spin" } else { "spins" }.to_owned()))
        .or_else(|| other_transport.map(|wanted| format!("is not attached by {wanted:?}")))
        .or_else(|| too_small.map(|least| format!("smaller than {least} bytes")))
        .or_else(|| too_large.map(|most| format!("larger than {most} bytes")))
        .or_else(|| objection.as_ref().map(ToString::to_string))
        .or_else(|| (disk.size_bytes < needed).then(|| format!("too small for an image of {needed} bytes")))
}

/// Leaves those that the preference takes; several, when it cannot tell them apart.
fn prefer(verdicts: &mut [(&Candidate, Option<String>)], preference: DiskPreference) {
    let left = verdicts.iter().filter(|(_, reason)| reason.is_none()).map(|(candidate, _)| &candidate.disk);
    let (size, path, reason) = match preference {
        DiskPreference::Smallest => (left.map(|disk| disk.size_bytes).min(), None, "not the smallest"),
        DiskPreference::Largest => (left.map(|disk| disk.size_bytes).max(), None, "not the largest"),
        DiskPreference::LowestPath => (None, left.filter_map(|disk| disk.path.clone()).min(), "not the lowest path"),
    };
    for (candidate, verdict) in verdicts.iter_mut().filter(|(_, verdict)| verdict.is_none()) {
        let disk = &candidate.disk;
        let is_it = size.is_none_or(|size| size == disk.size_bytes)
            && path.as_ref().is_none_or(|path| disk.path.as_ref() == Some(path));
        if !is_it {
            *verdict = Some(reason.to_owned());
        }
    }
}

fn list(verdicts: &[(&Candidate, Option<String>)]) -> String {
    let each = verdicts.iter().map(|(candidate, reason)| {
        let reason = reason.as_deref().unwrap_or("would do");
        format!("{}: {reason}", described(&candidate.disk))
    });
    let all = each.collect::<Vec<_>>().join("; ");
    if all.is_empty() { "there is none".to_owned() } else { all }
}

/// A disk in an operator's words.
fn described(disk: &Disk) -> String {
    let texts = [
        Some(format!("{} bytes", disk.size_bytes)),
        disk.model.clone(),
        disk.serial.as_ref().map(|serial| format!("serial number {serial}")),
        disk.path.clone(),
    ];
    format!("{} ({})", disk.name, texts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::candidates;
    use crate::host::tests::FakeMachine;
    use types::disk::DiskProtection;
    use types::inventory::Transport;

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
        let candidates = candidates(&machine().host, &DiskProtection::default());
        choose(&candidates, selector, needed).map(|disk| disk.name).map_err(|error| error.to_string())
    }

    #[test]
    fn the_smallest_free_disk_that_fits_is_taken() {
        assert_eq!(chosen(&DiskSelector::Smallest, 2 << 20), Ok("sdc".to_owned()));
        assert_eq!(chosen(&DiskSelector::Smallest, 3 << 20), Ok("sda".to_owned()));
        let error = chosen(&DiskSelector::Smallest, 5 << 20).unwrap_err();
        assert!(error.contains("sdb (2097152 bytes, QEMU DISK, serial number B): in use"), "{error}");
        assert!(error.contains("too small for an image of 5242880 bytes"), "{error}");
    }

    #[test]
    fn a_disk_is_found_by_name_or_serial_number() {
        assert_eq!(chosen(&DiskSelector::Name("sda".to_owned()), 1), Ok("sda".to_owned()));
        assert_eq!(chosen(&DiskSelector::Serial("c".to_owned()), 1), Ok("sdc".to_owned()));
    }

    #[test]
    fn a_disk_that_is_used_protected_small_or_absent_is_never_taken() {
        for (selector, needed, says) in [
            (DiskSelector::Name("sdb".to_owned()), 1, "serial number B): in use"),
            (DiskSelector::Name("sde".to_owned()), 1, "serial number E): read-only"),
            (DiskSelector::Serial("D".to_owned()), 2 << 20, "serial number D): too small"),
            (DiskSelector::Name("nvme0n1".to_owned()), 1, "name is not \"nvme0n1\""),
        ] {
            let error = chosen(&selector, needed).unwrap_err();
            assert!(error.starts_with("no disk may be taken") && error.contains(says), "{error}");
        }
    }

    fn two_alike() -> Vec<Candidate> {
        let place = |slot: u8| format!("pci0000:00/0000:00:1f.2/ata{slot}/host{slot}/target{slot}:0:0/{slot}:0:0:0");
        // The kernel found the second slot first.
        let machine = FakeMachine::new().disk_at("sda", &place(2)).disk_at("sdb", &place(1));
        candidates(&machine.host, &DiskProtection::default())
    }

    #[test]
    fn two_disks_that_would_do_are_an_error_unless_a_rule_tells_them_apart() {
        let disks = two_alike();
        let error = choose(&disks, &DiskSelector::Smallest, 1).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Configuration);
        assert!(error.to_string().contains("sdb (1048576 bytes, pci-0000:00:1f.2-ata-1): would do"), "{error}");
        let taken = |rule: DiskRule| choose(&disks, &DiskSelector::Rule(rule), 1).map(|disk| disk.name);
        let prefer = Some(DiskPreference::LowestPath);
        assert_eq!(taken(DiskRule { prefer, ..DiskRule::default() }), Ok("sdb".to_owned()));
        let path = Some("*-ata-2".to_owned());
        assert_eq!(taken(DiskRule { path, ..DiskRule::default() }), Ok("sda".to_owned()));
        taken(DiskRule { transport: Some(Transport::Sata), ..DiskRule::default() }).unwrap_err();
    }

    #[test]
    fn every_part_of_a_rule_counts() {
        let machine = machine();
        machine.write("sys/block/sda/queue/rotational", "1");
        machine.write("sys/block/sda/wwid", "naa.5000c500");
        let candidates = candidates(&machine.host, &DiskProtection::default());
        let left = |rule: DiskRule| choose(&candidates, &DiskSelector::Rule(rule), 1).map(|disk| disk.name).ok();
        let rule = DiskRule::default;
        assert_eq!(left(DiskRule { rotational: Some(true), ..rule() }), Some("sda".to_owned()));
        assert_eq!(left(DiskRule { min_bytes: Some(3 << 20), ..rule() }), Some("sda".to_owned()));
        assert_eq!(left(DiskRule { max_bytes: Some(1 << 20), ..rule() }), Some("sdd".to_owned()));
        assert_eq!(left(DiskRule { wwn: Some("NAA.5000*".to_owned()), ..rule() }), Some("sda".to_owned()));
        assert_eq!(left(DiskRule { model: Some("qemu*".to_owned()), ..rule() }), None);
        assert_eq!(left(DiskRule { prefer: Some(DiskPreference::Largest), ..rule() }), Some("sda".to_owned()));
        assert_eq!(left(DiskRule { model: Some("other".to_owned()), serial: Some("A".to_owned()), ..rule() }), None);
    }
}
