//! QEMU's command line for a machine and a boot plan. Pure: what it says can be read in a test.

use super::disk::DiskSpec;
use crate::power::{BootPlan, BootSource};
use std::path::{Path, PathBuf};
use types::MacAddr;
use types::machine::Firmware;
use uuid::Uuid;

/// What a machine is made of.
#[derive(Debug, Clone)]
pub struct MachineSpec {
    /// Its name, which is also its serial number and its disk's (of which the disk tells the first 20 bytes).
    pub name: String,
    /// BIOS or UEFI.
    pub firmware: Firmware,
    /// How UEFI firmware boots from the network.
    pub network_boot: NetworkBoot,
    /// The network card's address.
    pub mac: MacAddr,
    /// The tap that the network card is plugged into; it must exist.
    pub tap: String,
    /// The SMBIOS system UUID.
    pub uuid: Uuid,
    /// Processors.
    pub processors: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Size of the disk.
    pub disk_bytes: u64,
    /// Disks besides that one. Nothing boots from them.
    pub more_disks: Vec<DiskSpec>,
    /// Where its files are; made at the first start.
    pub directory: PathBuf,
}

impl MachineSpec {
    /// The disk, a sparse file that holds the disk's bytes as they are.
    pub fn disk(&self) -> PathBuf {
        self.directory.join("disk.raw")
    }

    /// The bytes of one of its other disks.
    pub fn disk_of(&self, disk: &DiskSpec) -> PathBuf {
        self.directory.join(format!("{}.raw", disk.serial))
    }

    /// What the machine wrote on its serial port, over all power-ons.
    pub fn serial_log(&self) -> PathBuf {
        self.directory.join("serial.log")
    }

    /// What QEMU itself complained about.
    pub fn qemu_log(&self) -> PathBuf {
        self.directory.join("qemu.log")
    }

    /// One line for each change of power.
    pub fn power_log(&self) -> PathBuf {
        self.directory.join("power.log")
    }

    /// The UEFI variables. They hold boot entries, so they outlive a power-off.
    pub(super) fn variables(&self) -> PathBuf {
        self.directory.join("uefi-variables.fd")
    }
}

/// How UEFI firmware boots from the network. It has four ways and tries them in this order; PXE over a protocol that
/// is not named is switched off, and HTTP boot cannot be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NetworkBoot {
    /// PXE over IPv4.
    #[default]
    Pxe,
    /// PXE over IPv6.
    PxeIpv6,
    /// HTTP boot: over IPv4, and when nobody answers that for a minute, over IPv6.
    Http,
}

/// Where the UEFI firmware lies on this system.
#[derive(Debug, Clone)]
pub struct FirmwareFiles {
    /// Its code.
    pub code: PathBuf,
    /// Its variables as they leave the factory.
    pub variables: PathBuf,
    /// Whether it takes signed programs only. Its variables are then out of reach but for system management mode.
    pub secure_boot: bool,
}

impl FirmwareFiles {
    /// As the package `ovmf` has them with Microsoft's keys enrolled, as servers leave the factory.
    pub fn secure_boot() -> Self {
        let place = Path::new("/usr/share/OVMF");
        Self {
            code: place.join("OVMF_CODE_4M.secboot.fd"),
            variables: place.join("OVMF_VARS_4M.ms.fd"),
            secure_boot: true,
        }
    }
}

impl Default for FirmwareFiles {
    /// As the package `ovmf` of Debian and Ubuntu has them.
    fn default() -> Self {
        let place = Path::new("/usr/share/OVMF");
        Self { code: place.join("OVMF_CODE_4M.fd"), variables: place.join("OVMF_VARS_4M.fd"), secure_boot: false }
    }
}

/// The arguments of one power-on.
pub(super) fn arguments(spec: &MachineSpec, firmware: &FirmwareFiles, plan: &BootPlan) -> Vec<String> {
    let order = BootOrder::of(plan);
    let mut line = CommandLine::default();
    // KVM may be there and hang; emulation is the same everywhere. Five-level paging makes each page walk longer.
    let protected = spec.firmware == Firmware::Uefi && firmware.secure_boot;
    line.add("-machine", if protected { "q35,smm=on" } else { "q35" });
    line.add("-accel", "tcg,thread=multi").add("-cpu", "max,la57=off");
    line.add("-smp", spec.processors.to_string()).add("-m", spec.memory_mib.to_string());
    line.flag("-nodefaults").flag("-no-user-config").add("-display", "none").add("-vga", "none");
    line.add("-name", &spec.name).add("-uuid", spec.uuid.to_string());
    let identity = "manufacturer=Slipway,product=Virtual Server";
    line.add("-smbios", format!("type=1,{identity},serial={},uuid={}", spec.name, spec.uuid));
    line.add("-smbios", format!("type=2,{identity},serial={}", spec.name));
    line.add("-smbios", format!("type=3,manufacturer=Slipway,serial={}", spec.name));
    line.add("-chardev", format!("file,id=serial,append=on,path={}", escaped(&spec.serial_log())));
    line.add("-serial", "chardev:serial");
    line.add("-chardev", "stdio,id=monitor,signal=off").add("-mon", "chardev=monitor,mode=control");
    add_firmware(&mut line, spec, firmware);
    add_network(&mut line, spec, &order);
    add_disks(&mut line, spec, plan, &order);
    // Without it, an installed system's first start waits for randomness.
    line.add("-object", "rng-random,id=random,filename=/dev/urandom").add("-device", "virtio-rng-pci,rng=random");
    line.words
}

fn add_firmware(line: &mut CommandLine, spec: &MachineSpec, firmware: &FirmwareFiles) {
    if spec.firmware == Firmware::Bios {
        // As servers' firmware does, and not SeaBIOS: when nothing boots, try again.
        line.add("-boot", "reboot-timeout=5000");
        return;
    }
    let flash =
        |unit: u8, file: &Path, rest: &str| format!("if=pflash,unit={unit},format=raw,file={}{rest}", escaped(file));
    line.add("-drive", flash(0, &firmware.code, ",readonly=on")).add("-drive", flash(1, &spec.variables(), ""));
    if firmware.secure_boot {
        line.add("-global", "driver=cfi.pflash01,property=secure,value=on");
    }
    // Nobody answers the others here, and waiting for that delays the way on to the disk.
    for (name, way) in [("IPv4PXESupport", NetworkBoot::Pxe), ("IPv6PXESupport", NetworkBoot::PxeIpv6)] {
        if spec.network_boot != way {
            line.add("-fw_cfg", format!("name=opt/org.tianocore/{name},string=n"));
        }
    }
}

fn add_network(line: &mut CommandLine, spec: &MachineSpec, order: &BootOrder) {
    line.add("-netdev", format!("tap,id=net,ifname={},script=no,downscript=no", spec.tap));
    // BIOS machines boot by the card's ROM, which is iPXE; UEFI machines by the firmware's own PXE.
    let rom = if spec.firmware == Firmware::Uefi { ",romfile=" } else { "" };
    line.add("-device", format!("virtio-net-pci,netdev=net,mac={}{}{rom}", spec.mac, order.network));
}

fn add_disks(line: &mut CommandLine, spec: &MachineSpec, plan: &BootPlan, order: &BootOrder) {
    let fast = "cache=unsafe,discard=unmap,detect-zeroes=unmap";
    line.add("-drive", format!("id=disk,if=none,format=raw,{fast},file={}", escaped(&spec.disk())));
    // Not NVMe: the one of QEMU 7.2 loses all commands in flight now and then, and Linux waits 30 s for each.
    line.add("-device", format!("virtio-blk-pci,drive=disk,serial={}{}", spec.name, order.disk));
    if spec.more_disks.iter().any(DiskSpec::is_ata) {
        // The maintenance OS's kernel has a driver for this one, and none for the AHCI controller of the board.
        line.add("-device", "piix3-ide,id=ata");
    }
    for (number, disk) in spec.more_disks.iter().enumerate() {
        let before = spec.more_disks.get(..number).unwrap_or_default();
        line.add("-drive", disk.drive(&escaped(&spec.disk_of(disk)))).add("-device", disk.device(before));
    }
    if let Some(cd) = &plan.cd {
        line.add("-drive", format!("id=cd,if=none,media=cdrom,readonly=on,format=raw,file={}", escaped(cd)));
        line.add("-device", format!("ide-cd,drive=cd,bus=ide.0{}", order.cd));
    }
}

/// `,bootindex=N` for the devices that are tried, and nothing for the others.
#[derive(Debug, Default)]
struct BootOrder {
    network: &'static str,
    disk: &'static str,
    cd: &'static str,
}

impl BootOrder {
    fn of(plan: &BootPlan) -> Self {
        let (first, second, third) = (",bootindex=0", ",bootindex=1", ",bootindex=2");
        match plan.source {
            BootSource::DefaultOrder => Self { network: first, disk: second, cd: third },
            BootSource::Network => Self { network: first, ..Self::default() },
            BootSource::Disk => Self { disk: first, ..Self::default() },
            BootSource::Cd => Self { cd: first, ..Self::default() },
        }
    }
}

#[derive(Debug, Default)]
struct CommandLine {
    words: Vec<String>,
}

impl CommandLine {
    fn add(&mut self, option: &str, value: impl Into<String>) -> &mut Self {
        self.words.push(option.to_owned());
        self.words.push(value.into());
        self
    }

    fn flag(&mut self, option: &str) -> &mut Self {
        self.words.push(option.to_owned());
        self
    }
}

/// QEMU reads a doubled comma in a value as a comma.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(firmware: Firmware) -> MachineSpec {
        MachineSpec {
            name: "m1".into(),
            firmware,
            network_boot: NetworkBoot::Pxe,
            mac: "52:54:00:00:00:01".parse().unwrap(),
            tap: "tap0".into(),
            uuid: Uuid::from_u128(1),
            processors: 1,
            memory_mib: 1024,
            disk_bytes: 1 << 32,
            more_disks: Vec::new(),
            directory: "/lab/m1,x".into(),
        }
    }

    fn line(firmware: Firmware, source: BootSource, cd: Option<&str>) -> String {
        let plan = BootPlan { source, cd: cd.map(PathBuf::from) };
        arguments(&spec(firmware), &FirmwareFiles::default(), &plan).join(" ")
    }

    #[test]
    fn default_order_is_network_then_disk() {
        let line = line(Firmware::Bios, BootSource::DefaultOrder, None);
        assert!(line.contains("mac=52:54:00:00:00:01,bootindex=0"), "{line}");
        assert!(line.contains("virtio-blk-pci,drive=disk,serial=m1,bootindex=1"), "{line}");
    }

    #[test]
    fn machine_told_to_boot_its_disk_tries_nothing_else() {
        let line = line(Firmware::Uefi, BootSource::Disk, Some("/a.iso"));
        assert_eq!(line.matches("bootindex").count(), 1, "{line}");
        assert!(line.contains("virtio-blk-pci,drive=disk,serial=m1,bootindex=0"), "{line}");
        assert!(line.contains("ide-cd"), "{line}");
    }

    #[test]
    fn inserted_cd_is_tried_first_when_asked_for() {
        let line = line(Firmware::Uefi, BootSource::Cd, Some("/a.iso"));
        assert!(line.contains("ide-cd,drive=cd,bus=ide.0,bootindex=0"), "{line}");
    }

    #[test]
    fn firmware_with_secure_boot_guards_its_variables() {
        let plan = BootPlan { source: BootSource::Network, cd: None };
        let line = arguments(&spec(Firmware::Uefi), &FirmwareFiles::secure_boot(), &plan).join(" ");
        assert!(line.contains("-machine q35,smm=on") && line.contains("property=secure,value=on"), "{line}");
    }

    #[test]
    fn machine_that_boots_by_http_does_not_try_pxe() {
        let plan = BootPlan { source: BootSource::Network, cd: None };
        let spec = MachineSpec { network_boot: NetworkBoot::Http, ..spec(Firmware::Uefi) };
        let line = arguments(&spec, &FirmwareFiles::default(), &plan).join(" ");
        assert!(line.contains("IPv4PXESupport,string=n") && line.contains("IPv6PXESupport,string=n"), "{line}");
    }

    #[test]
    fn kvm_is_never_used_and_commas_in_paths_are_kept() {
        let line = line(Firmware::Uefi, BootSource::Network, None);
        assert!(line.contains("-accel tcg") && !line.contains("kvm"), "{line}");
        assert!(line.contains("file=/lab/m1,,x/disk.raw"), "{line}");
    }
}
