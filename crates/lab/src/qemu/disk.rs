//! A machine's disks besides the one that it boots from: on several buses, and with faults.

/// A disk.
#[derive(Debug, Clone)]
pub struct DiskSpec {
    /// Its serial number, which is also its name in QEMU.
    pub serial: String,
    /// How it is attached.
    pub bus: DiskBus,
    /// Its size.
    pub bytes: u64,
    /// What it does wrong.
    pub faults: Vec<DiskFault>,
}

/// How a disk is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskBus {
    /// Virtio, which takes a command for zeroes.
    Virtio,
    /// NVM Express, with Format and without Sanitize.
    Nvme,
    /// One more namespace of the NVMe disk before it.
    NvmeNamespace,
    /// ATA, without Security Erase and without a command for zeroes.
    Ata,
}

/// An input/output error that a disk answers with, every time.
#[derive(Debug, Clone, Copy)]
pub struct DiskFault {
    /// To what.
    pub io: FaultyIo,
    /// When this byte is among those that are meant; whichever are meant when none is named.
    pub at_byte: Option<u64>,
}

/// What a disk is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultyIo {
    /// To read.
    Read,
    /// To write.
    Write,
    /// To write zeroes without being sent any, which is how QEMU's NVMe disks format themselves too.
    WriteZeroes,
}

const SECTOR_BYTES: u64 = 512;

impl DiskSpec {
    /// A disk without faults.
    pub fn new(serial: &str, bus: DiskBus, bytes: u64) -> Self {
        Self { serial: serial.to_owned(), bus, bytes, faults: Vec::new() }
    }

    /// With one more fault.
    #[must_use]
    pub fn faulty(mut self, io: FaultyIo, at_byte: Option<u64>) -> Self {
        self.faults.push(DiskFault { io, at_byte });
        self
    }

    pub(super) fn is_ata(&self) -> bool {
        self.bus == DiskBus::Ata
    }

    /// Where the bytes come from. Zeroes that are written stay bytes that are written, so that faults are the drive's.
    pub(super) fn drive(&self, file: &str) -> String {
        let serial = &self.serial;
        let mut drive = format!("id={serial},if=none,format=raw,cache=unsafe,discard=unmap");
        if self.faults.is_empty() {
            drive += &format!(",file={file}");
        } else {
            drive += &format!(",file.driver=blkdebug,file.image.driver=file,file.image.filename={file}");
        }
        for (number, fault) in self.faults.iter().enumerate() {
            let io = match fault.io {
                FaultyIo::Read => "read",
                FaultyIo::Write => "write",
                FaultyIo::WriteZeroes => "write-zeroes",
            };
            let rule = format!("file.inject-error.{number}");
            drive += &format!(",{rule}.event=none,{rule}.iotype={io},{rule}.errno=5");
            if let Some(byte) = fault.at_byte {
                drive += &format!(",{rule}.sector={}", byte / SECTOR_BYTES);
            }
        }
        drive
    }

    /// What the machine sees. `before` are the disks that came before it.
    pub(super) fn device(&self, before: &[Self]) -> String {
        let serial = &self.serial;
        let report = "werror=report,rerror=report";
        match self.bus {
            DiskBus::Virtio => format!("virtio-blk-pci,drive={serial},serial={serial},{report}"),
            DiskBus::Nvme => format!("nvme,id={serial},drive={serial},serial={serial}"),
            DiskBus::NvmeNamespace => {
                let controller = before.iter().rfind(|disk| disk.bus == DiskBus::Nvme);
                let bus = controller.map_or("", |disk| disk.serial.as_str());
                let number = before.iter().rev().take_while(|disk| disk.serial != bus).count() + 2;
                format!("nvme-ns,drive={serial},bus={bus},nsid={number}")
            }
            DiskBus::Ata => format!("ide-hd,bus=ata.0,drive={serial},serial={serial},{report}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_named_by_sector_and_lie_below_the_format() {
        let disk = DiskSpec::new("A", DiskBus::Virtio, 1 << 20).faulty(FaultyIo::Write, Some(4096));
        assert_eq!(
            disk.drive("/a.raw"),
            "id=A,if=none,format=raw,cache=unsafe,discard=unmap,\
             file.driver=blkdebug,file.image.driver=file,file.image.filename=/a.raw,\
             file.inject-error.0.event=none,file.inject-error.0.iotype=write,file.inject-error.0.errno=5,\
             file.inject-error.0.sector=8"
        );
    }

    #[test]
    fn namespaces_are_of_the_nvme_disk_before_them() {
        let disks = [
            DiskSpec::new("A", DiskBus::Nvme, 1 << 20),
            DiskSpec::new("B", DiskBus::NvmeNamespace, 1 << 20),
            DiskSpec::new("C", DiskBus::NvmeNamespace, 1 << 20),
        ];
        assert!(disks[1].device(&disks[..1]).ends_with("drive=B,bus=A,nsid=2"));
        assert!(disks[2].device(&disks[..2]).ends_with("drive=C,bus=A,nsid=3"));
    }
}
