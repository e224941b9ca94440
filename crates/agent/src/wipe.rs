//! Empties disks, and proves it: nothing is called empty that was not read back.
//!
//! Marks are written to places all over the disk first; the drive's own erasure is asked for where it has one; then
//! the marks must be gone. What a drive says of itself is not proof: some say "done" and keep everything. A disk whose
//! drive cannot erase, or only says so, is written over with zeroes, which must read back.

mod ata;
mod erase;
mod nvme;
mod passthrough;
mod proof;

use crate::disk::{Candidate, candidates, choose, trouble};
use crate::host::Host;
use crate::task::{Done, Stop, TaskContext};
use artifact::sink::wipe_ends;
use artifact::target::BlockTarget;
use artifact::{DiskError, FileTarget};
use erase::{Drive, Erasure};
use proof::{Found, Marks};
use rustix::fs::OFlags;
use serde_json::{Value, json};
use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use types::agent::{WipeDisks, WipeMethod};
use types::inventory::Disk;
use types::{ErrorClass, How, chain};

/// Carries out an order to empty disks.
///
/// # Errors
/// When a disk is not proved to be empty. The others are emptied all the same; what was proved of them is in the
/// evidence.
pub fn wipe(host: &Host, order: &WipeDisks, context: &TaskContext<'_>) -> Result<Done, Stop> {
    wipe_with(host, order, context, &|file| Box::new(passthrough::Kernel::new(file)))
}

/// The method where the drive has no way of its own that does.
const ZEROES: &str = "zeroes";

/// How a drive is spoken to besides reading and writing it.
type Speaker = dyn Fn(File) -> Box<dyn Drive>;

fn wipe_with(host: &Host, order: &WipeDisks, context: &TaskContext<'_>, speak: &Speaker) -> Result<Done, Stop> {
    let all = candidates(host, &order.protect);
    let (disks, spared) = meant(&all, order)?;
    context.confirm(total(&disks), "bytes", "about to empty disks")?;
    let (mut proofs, mut failures) = (Vec::new(), Vec::new());
    for disk in &disks {
        let shares = all.iter().any(|other| other.disk.name != disk.name && shares_controller(&other.disk, disk));
        let work = DiskWipe { host, disk, order, context, may_erase_controller: !shares };
        match work.run(speak) {
            Ok(proof) => proofs.push(proof),
            Err(Stop::Failed { class, reason, evidence }) => {
                context.journal.warn(&reason);
                failures.push(Failure { class, reason, evidence });
            }
            Err(stopped) => return Err(stopped),
        }
    }
    match failures.first().map(|first| first.class) {
        None => Ok(Done { how: How::Changed, outputs: json!({ "disks": proofs, "spared": spared }) }),
        Some(class) => {
            let reasons: Vec<&str> = failures.iter().map(|failure| failure.reason.as_str()).collect();
            let failed: Vec<&Value> = failures.iter().map(|failure| &failure.evidence).collect();
            let evidence = json!({ "failed": failed, "emptied": proofs, "spared": spared });
            Err(Stop::Failed { class, reason: reasons.join("; "), evidence })
        }
    }
}

/// A disk that is not proved to be empty.
struct Failure {
    class: ErrorClass,
    reason: String,
    evidence: Value,
}

/// The disks to empty, and those that are left alone with the reason.
fn meant(all: &[Candidate], order: &WipeDisks) -> Result<(Vec<Disk>, Vec<Value>), Stop> {
    if let Some(selector) = &order.disk {
        let disk = choose::choose(all, selector, 0);
        return disk
            .map(|disk| (vec![disk], Vec::new()))
            .map_err(|error| Stop::failed(error.class(), error.to_string()));
    }
    let (free, kept): (Vec<&Candidate>, Vec<&Candidate>) =
        all.iter().partition(|candidate| candidate.objection.is_none());
    let reason = |candidate: &Candidate| candidate.objection.as_ref().map(ToString::to_string);
    let spared = kept.into_iter().map(|kept| json!({ "disk": kept.disk.name, "reason": reason(kept) }));
    let spared: Vec<Value> = spared.collect();
    if free.is_empty() {
        let reason = "there is no disk that may be emptied".to_owned();
        return Err(Stop::Failed { class: ErrorClass::Configuration, reason, evidence: json!({ "spared": spared }) });
    }
    Ok((free.into_iter().map(|candidate| candidate.disk.clone()).collect(), spared))
}

fn total(disks: &[Disk]) -> u64 {
    disks.iter().fold(0, |sum, disk| sum.saturating_add(disk.size_bytes))
}

/// `nvme0n1` and `nvme0n2`: what erases one may erase both.
fn shares_controller(one: &Disk, other: &Disk) -> bool {
    let controller = |disk: &Disk| {
        let (controller, _) = disk.name.strip_prefix("nvme")?.split_once('n')?;
        Some(controller.to_owned())
    };
    controller(one).is_some() && controller(one) == controller(other)
}

fn with_refusals(stop: Stop, refusals: &[Value]) -> Stop {
    match stop {
        Stop::Failed { class, reason, mut evidence } => {
            evidence["refused"] = json!(refusals);
            Stop::Failed { class, reason, evidence }
        }
        other => other,
    }
}

/// One disk under way.
struct DiskWipe<'a> {
    host: &'a Host,
    disk: &'a Disk,
    order: &'a WipeDisks,
    context: &'a TaskContext<'a>,
    /// Whether nothing else is lost when the whole controller is erased.
    may_erase_controller: bool,
}

impl DiskWipe<'_> {
    /// Gives the proof.
    fn run(&self, speak: &Speaker) -> Result<Value, Stop> {
        let mut refusals = Vec::new();
        self.empty(speak, &mut refusals).map_err(|stop| with_refusals(stop, &refusals))
    }

    fn empty(&self, speak: &Speaker, refusals: &mut Vec<Value>) -> Result<Value, Stop> {
        let file = self.open().map_err(|error| self.failed(&format!("opening: {error}")))?;
        let speaker = file.try_clone().map_err(|error| self.failed(&format!("opening: {error}")))?;
        let path = self.host.device_path(&self.disk.name);
        let mut target =
            FileTarget::direct(file, &path).map_err(|error| self.failed(&format!("measuring: {error}")))?;
        let drive = speak(speaker);
        let marks = Marks::plan(target.size_bytes(), self.context.id);
        let erasures = match self.order.method {
            WipeMethod::Zeroes => Vec::new(),
            WipeMethod::Best | WipeMethod::Drive => erase::offered(&*drive, self.disk, self.may_erase_controller),
        };
        for erasure in erasures {
            match self.erase(&mut target, &*drive, erasure, &marks)? {
                Ok(found) => return Ok(self.proof(erasure.name(), &marks, found, refusals)),
                Err(refusal) => {
                    self.context.journal.warn(&format!("disk {}: {}: {refusal}", self.disk.name, erasure.name()));
                    refusals.push(json!({ "method": erasure.name(), "reason": refusal }));
                }
            }
        }
        if self.order.method == WipeMethod::Drive {
            return Err(self.no_erasure());
        }
        self.overwrite(&mut target, &*drive, &marks, refusals)
    }

    /// One of the drive's own ways. The inner error is why this way did not do.
    fn erase(
        &self,
        target: &mut FileTarget,
        drive: &dyn Drive,
        erasure: Erasure,
        marks: &Marks,
    ) -> Result<Result<Found, String>, Stop> {
        let name = &self.disk.name;
        self.context.journal.info(&format!("disk {name}: {} begins", erasure.name()));
        marks.write(target).map_err(|error| self.trouble("writing marks", &error))?;
        let waiting = |message: &str| self.context.progress(0, self.disk.size_bytes, "bytes", message);
        if let Err(error) = erase::erase(drive, erasure, self.context.clock, &waiting)? {
            return Ok(Err(chain(&error)));
        }
        let found = self.read_back(target, drive, marks)?;
        match found {
            Found::Zeroes { .. } => Ok(Ok(found)),
            // A new key makes noise of what was there; nothing may look at it as at a partition table.
            Found::Other { .. } => {
                wipe_ends(target).map_err(|error| self.failed(&chain(&error)))?;
                Ok(Ok(found))
            }
            Found::Kept { offset } => {
                Ok(Err(format!("the drive says that it is done, and byte {offset} is still there")))
            }
        }
    }

    fn overwrite(
        &self,
        target: &mut FileTarget,
        drive: &dyn Drive,
        marks: &Marks,
        refusals: &[Value],
    ) -> Result<Value, Stop> {
        let size = target.size_bytes();
        let report = |done| self.context.progress(done, size, "bytes", &format!("emptying disk {}", self.disk.name));
        marks.write(target).map_err(|error| self.trouble("writing marks", &error))?;
        erase::zero(target, &report, |error| self.trouble("writing zeroes", error))?;
        match self.read_back(target, drive, marks)? {
            found @ Found::Zeroes { .. } => Ok(self.proof(ZEROES, marks, found, refusals)),
            Found::Other { offset, .. } | Found::Kept { offset } => {
                Err(self.failed(&format!("byte {offset} does not read as zero after zeroes were written")))
            }
        }
    }

    fn read_back(&self, target: &mut FileTarget, drive: &dyn Drive, marks: &Marks) -> Result<Found, Stop> {
        let report = |done: u64| self.context.progress(done, self.disk.size_bytes, "bytes", "reading the disk back");
        target.sync().and_then(|()| drive.forget_cached()).map_err(|error| self.failed(&error.to_string()))?;
        marks.read_back(target, self.order.read_back, &report, |error| self.trouble("reading back", error))
    }

    fn proof(&self, method: &str, marks: &Marks, found: Found, refusals: &[Value]) -> Value {
        let (result, read_bytes) = match found {
            Found::Zeroes { read_bytes } => ("zeroes", read_bytes),
            Found::Other { read_bytes, .. } => ("other bytes than before", read_bytes),
            Found::Kept { .. } => ("kept", 0),
        };
        let name = &self.disk.name;
        self.context
            .journal
            .info(&format!("disk {name} is empty by {method}; {read_bytes} bytes read back as {result}"));
        json!({
            "disk": name,
            "disk_serial": self.disk.serial,
            "disk_wwid": self.disk.wwid,
            "size_bytes": self.disk.size_bytes,
            "method": method,
            "result": result,
            "read_bytes": read_bytes,
            "sampled_places": marks.count(),
            "refused": refusals,
        })
    }

    /// The kernel refuses when anything is mounted from it or built on it.
    fn open(&self) -> io::Result<File> {
        let flags = OFlags::EXCL.bits().cast_signed();
        File::options().read(true).write(true).custom_flags(flags).open(self.host.device_path(&self.disk.name))
    }

    fn failed(&self, what: &str) -> Stop {
        let reason = format!("disk {} is not proved empty: {what}", self.disk.name);
        let evidence = json!({ "disk": self.disk.name, "disk_serial": self.disk.serial });
        Stop::Failed { class: ErrorClass::Hardware, reason, evidence }
    }

    fn trouble(&self, doing: &str, error: &DiskError) -> Stop {
        let reason = format!("disk {} is not proved empty: {doing}: {}", self.disk.name, chain(error));
        Stop::Failed { class: ErrorClass::Hardware, reason, evidence: trouble(self.disk, error) }
    }

    fn no_erasure(&self) -> Stop {
        let reason = format!("disk {} has no erasure of its own that empties it", self.disk.name);
        let evidence = json!({ "disk": self.disk.name, "disk_serial": self.disk.serial });
        Stop::Failed { class: ErrorClass::Configuration, reason, evidence }
    }
}

#[cfg(test)]
mod tests;
