//! Drives that erase, that cannot, and that only say so.

use super::passthrough::{AtaCommand, AtaData, NvmeCommand};
use super::*;
use crate::clock::tests::TestClock;
use crate::host::tests::FakeMachine;
use crate::journal::Journal;
use crate::server::Server;
use crate::tests::simulated_server::SimulatedServer;
use std::cell::RefCell;
use std::os::unix::fs::FileExt;
use std::rc::Rc;
use types::agent::{AgentConfig, ReadBack, Registration};
use types::disk::{DiskProtection, DiskSelector};
use types::{Secret, TaskId};

const DISK_BYTES: u64 = 40 << 20;

/// What a simulated drive is like.
#[derive(Debug, Clone, Copy, Default)]
struct Traits {
    nvme_format: bool,
    nvme_sanitize: bool,
    ata: bool,
    frozen: bool,
    /// It says that it has erased, and has not.
    lies: bool,
    /// It erases by a new key: what was there reads as noise.
    by_key: bool,
}

/// A drive whose bytes are a file's.
struct SimulatedDrive {
    file: File,
    traits: Traits,
    told: Rc<RefCell<Vec<String>>>,
    sanitize_looks: RefCell<u32>,
    password_set: RefCell<bool>,
    prepared: RefCell<bool>,
}

impl SimulatedDrive {
    fn tell(&self, what: &str) {
        self.told.borrow_mut().push(what.to_owned());
    }

    fn erase(&self) {
        if self.traits.lies {
            return;
        }
        let size = self.file.metadata().unwrap().len();
        let byte = if self.traits.by_key { 0x5c } else { 0 };
        self.file.write_all_at(&vec![byte; usize::try_from(size).unwrap()], 0).unwrap();
    }
}

impl Drive for SimulatedDrive {
    fn nvme(&self, command: &mut NvmeCommand<'_>) -> io::Result<u32> {
        match (command.opcode, command.dwords[0]) {
            (0x06, 1) if self.traits.nvme_format || self.traits.nvme_sanitize => {
                command.data[256] = if self.traits.nvme_format { 2 } else { 0 };
                command.data[328] = if self.traits.nvme_sanitize { 2 } else { 0 };
            }
            (0x06, 0) => command.data[26] = 0x21,
            (0x80, dword) => {
                self.tell(&format!("format {:#x} of namespace {}", dword, command.namespace));
                self.erase();
            }
            (0x84, action) => self.tell(&format!("sanitize {action}")),
            (0x02, _) => {
                let looks = self.sanitize_looks.replace_with(|looks| *looks + 1);
                command.data[2] = if looks == 3 { 1 } else { 2 };
                if looks == 3 {
                    self.erase();
                }
            }
            _ => return Err(io::Error::other("invalid opcode")),
        }
        Ok(0)
    }

    fn nvme_namespace(&self) -> io::Result<u32> {
        Ok(1)
    }

    fn ata(&self, command: &mut AtaCommand<'_>) -> io::Result<()> {
        if !self.traits.ata {
            return Err(io::Error::other("invalid command"));
        }
        match (command.command, &mut command.data) {
            (0xec, Some(AtaData::In(facts))) => {
                facts[256] = if self.traits.frozen { 1 | 8 } else { 1 };
                facts[178] = 10;
            }
            (0xf1, Some(AtaData::Out(block))) if block[2..9] == *b"slipway" => {
                self.password_set.replace(true);
            }
            (0xf3, None) => {
                self.prepared.replace(true);
            }
            (0xf4, Some(AtaData::Out(block))) if block[2..9] == *b"slipway" => {
                assert!(*self.password_set.borrow() && *self.prepared.borrow());
                self.tell(&format!("erase unit within {} s", command.timeout.as_secs()));
                self.erase();
            }
            (other, _) => return Err(io::Error::other(format!("aborted {other:#x}"))),
        }
        Ok(())
    }

    fn forget_cached(&self) -> io::Result<()> {
        Ok(())
    }
}

struct Rig {
    machine: FakeMachine,
    server: SimulatedServer,
    clock: TestClock,
    journal: Journal,
    told: Rc<RefCell<Vec<String>>>,
}

impl Rig {
    fn new(disks: &[&str]) -> Self {
        let mut machine = FakeMachine::new();
        for name in disks {
            machine = machine.disk(name, DISK_BYTES, name);
            let disk = File::options().write(true).open(machine.host.device_path(name)).unwrap();
            disk.write_all_at(&vec![0xaa; usize::try_from(DISK_BYTES).unwrap()], 0).unwrap();
        }
        let (clock, journal) = (TestClock::default(), Journal::default());
        Self { machine, server: SimulatedServer::start(), clock, journal, told: Rc::default() }
    }

    fn wipe(&self, traits: Traits, order: &WipeDisks) -> Result<Done, Stop> {
        let config = AgentConfig {
            server: self.server.url.clone(),
            token: Secret::new("registration"),
            env: "discovery".parse().unwrap(),
        };
        let registration = Registration {
            boot_id: uuid::Uuid::nil(),
            env: config.env.clone(),
            firmware: self.machine.host.firmware(),
            agent_version: String::new(),
            inventory: crate::inventory::read(&self.machine.host),
            boot_mac: None,
        };
        let server = Server::new(&config, registration, &self.clock, &self.journal);
        let context = TaskContext::new(TaskId::from_random([9; 16]), &server);
        let told = Rc::clone(&self.told);
        wipe_with(&self.machine.host, order, &context, &move |file| {
            Box::new(SimulatedDrive {
                file,
                traits,
                told: Rc::clone(&told),
                sanitize_looks: RefCell::default(),
                password_set: RefCell::default(),
                prepared: RefCell::default(),
            })
        })
    }

    fn is_empty(&self, disk: &str) -> bool {
        std::fs::read(self.machine.host.device_path(disk)).unwrap().iter().all(|byte| *byte == 0)
    }
}

fn order(method: WipeMethod) -> WipeDisks {
    WipeDisks { disk: None, protect: DiskProtection::default(), method, read_back: ReadBack::default() }
}

#[track_caller]
fn failed(result: Result<Done, Stop>) -> (ErrorClass, String, Value) {
    let Err(Stop::Failed { class, reason, evidence }) = result else { panic!("{result:?}") };
    (class, reason, evidence)
}

#[test]
fn a_drive_that_erases_itself_is_believed_when_the_marks_are_gone() {
    for (disk, traits, method, told) in [
        (
            "nvme0n1",
            Traits { nvme_format: true, ..Traits::default() },
            "NVMe Format (user data erase)",
            "format 0x1201 of namespace 1",
        ),
        (
            "nvme0n1",
            Traits { nvme_format: true, nvme_sanitize: true, ..Traits::default() },
            "NVMe Sanitize (block erase)",
            "sanitize 2",
        ),
        ("sda", Traits { ata: true, ..Traits::default() }, "ATA Security Erase", "erase unit within 2400 s"),
    ] {
        let rig = Rig::new(&[disk]);
        let done = rig.wipe(traits, &order(WipeMethod::Drive)).unwrap();
        let proof = &done.outputs["disks"][0];
        assert_eq!((proof["method"].as_str(), proof["result"].as_str()), (Some(method), Some("zeroes")));
        assert!(proof["sampled_places"].as_u64().unwrap() > 100);
        assert!(proof["read_bytes"].as_u64().unwrap() >= 32 << 20);
        assert_eq!(*rig.told.borrow(), [told]);
        assert!(rig.is_empty(disk));
    }
}

#[test]
fn a_drive_that_only_says_so_is_found_out_and_written_over() {
    let rig = Rig::new(&["nvme0n1"]);
    let liar = Traits { nvme_format: true, lies: true, ..Traits::default() };
    let done = rig.wipe(liar, &order(WipeMethod::Best)).unwrap();
    let proof = &done.outputs["disks"][0];
    assert!(proof["method"].as_str().unwrap().starts_with("zeroes"), "{proof}");
    assert!(proof["refused"][0]["reason"].as_str().unwrap().contains("is still there"), "{proof}");
    assert!(rig.is_empty("nvme0n1"));
}

#[test]
fn where_only_the_drives_own_erasure_will_do_a_liar_and_a_drive_without_one_fail() {
    for traits in [
        Traits { nvme_format: true, lies: true, ..Traits::default() },
        Traits::default(),
        Traits { ata: true, frozen: true, ..Traits::default() },
    ] {
        let rig = Rig::new(&["nvme0n1"]);
        let (class, reason, _) = failed(rig.wipe(traits, &order(WipeMethod::Drive)));
        assert_eq!(class, ErrorClass::Configuration);
        assert!(reason.contains("no erasure of its own that empties it"), "{reason}");
    }
}

#[test]
fn a_drive_that_throws_its_key_away_leaves_other_bytes_and_empty_ends() {
    let rig = Rig::new(&["sda"]);
    let done = rig.wipe(Traits { ata: true, by_key: true, ..Traits::default() }, &order(WipeMethod::Best)).unwrap();
    assert_eq!(done.outputs["disks"][0]["result"], "other bytes than before");
    let disk = std::fs::read(rig.machine.host.device_path("sda")).unwrap();
    assert!(disk[..1 << 20].iter().all(|byte| *byte == 0) && disk[2 << 20] == 0x5c);
}

#[test]
fn zeroes_are_written_and_every_byte_is_read_back_on_request() {
    let rig = Rig::new(&["sda"]);
    let all = WipeDisks { read_back: ReadBack::Full, ..order(WipeMethod::Zeroes) };
    let done = rig.wipe(Traits { ata: true, ..Traits::default() }, &all).unwrap();
    assert_eq!(done.outputs["disks"][0]["read_bytes"], DISK_BYTES);
    assert!(rig.told.borrow().is_empty() && rig.is_empty("sda"));
}

#[test]
fn protected_disks_are_spared_and_said_to_be() {
    let rig = Rig::new(&["sda", "sdb"]);
    let protect = DiskProtection { serials: vec!["sdb".to_owned()], ..DiskProtection::default() };
    let done = rig.wipe(Traits::default(), &WipeDisks { protect: protect.clone(), ..order(WipeMethod::Best) }).unwrap();
    assert!(rig.is_empty("sda") && !rig.is_empty("sdb"));
    assert_eq!(done.outputs["spared"][0]["reason"], "protected by its serial number");
    let named = WipeDisks { disk: Some(DiskSelector::Name("sdb".to_owned())), protect, ..order(WipeMethod::Best) };
    let (class, reason, _) = failed(rig.wipe(Traits::default(), &named));
    assert_eq!(class, ErrorClass::Configuration);
    assert!(reason.contains("protected by its serial number"), "{reason}");
    assert!(!rig.is_empty("sdb"));
}

#[test]
fn what_would_erase_another_namespace_too_is_not_asked_for() {
    let rig = Rig::new(&["nvme0n1", "nvme0n2"]);
    let traits = Traits { nvme_format: true, nvme_sanitize: true, ..Traits::default() };
    let one = WipeDisks { disk: Some(DiskSelector::Name("nvme0n1".to_owned())), ..order(WipeMethod::Best) };
    let done = rig.wipe(traits, &one).unwrap();
    assert_eq!(done.outputs["disks"][0]["method"], "NVMe Format (user data erase)");
    assert!(!rig.is_empty("nvme0n2"));
}

#[test]
fn nothing_is_touched_before_the_server_has_confirmed_the_order() {
    let rig = Rig::new(&["sda"]);
    rig.server.state().cancelled = true;
    let stop = rig.wipe(Traits::default(), &order(WipeMethod::Best)).unwrap_err();
    assert_eq!(stop, Stop::Cancelled);
    assert!(!rig.is_empty("sda"));
}
