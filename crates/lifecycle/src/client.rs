//! Which program asks, and which file brings it one step nearer to its target.

use crate::{BootDecision, BootTarget};
use types::MacAddr;
use types::machine::{Firmware, Loader};

/// A program that asks for something to boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// The card it asks with.
    pub mac: MacAddr,
    /// What it is.
    pub program: Program,
    /// What it runs on, if it says so and we know the number.
    pub arch: Option<ClientArch>,
}

/// What a program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Program {
    /// Firmware that loads a file by TFTP.
    Pxe,
    /// Firmware that loads a URL.
    HttpBoot,
    /// iPXE, which runs scripts.
    Ipxe,
    /// An operating system, or anything else that does not boot from us.
    System,
}

/// Processor and firmware of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientArch {
    /// x86 with PC BIOS.
    Bios,
    /// 64-bit x86 with UEFI.
    UefiX64,
    /// 64-bit ARM with UEFI.
    UefiArm64,
}

impl ClientArch {
    /// Reads the number of DHCP option 93 (IANA "Processor Architecture Types"; RFC 4578 §2.1 and its erratum:
    /// both 7 and 9 are sent by x64 firmware).
    pub fn from_option(number: u16) -> Option<Self> {
        match number {
            0 | 0x14 => Some(Self::Bios),
            7 | 9 | 0x10 => Some(Self::UefiX64),
            11 | 0x13 => Some(Self::UefiArm64),
            _ => None,
        }
    }

    /// The firmware it stands for.
    pub fn firmware(self) -> Firmware {
        match self {
            Self::Bios => Firmware::Bios,
            Self::UefiX64 | Self::UefiArm64 => Firmware::Uefi,
        }
    }
}

/// Where a client finds us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootServer {
    /// Base URL without a slash at its end, as seen from the client's network: `http://10.77.0.1:8080`.
    pub url: String,
    /// Loaders.
    pub loaders: LoaderFiles,
}

/// Names of the loaders among the boot files. But for the shim they are builds of iPXE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoaderFiles {
    /// For PC BIOS.
    pub bios: String,
    /// For 64-bit x86 by TFTP: uses the card's driver in the firmware, which has just proved that it works.
    pub uefi_x64: String,
    /// For 64-bit x86 by HTTP boot.
    pub uefi_x64_http: String,
    /// For 64-bit ARM, where there is one.
    pub uefi_arm64: Option<String>,
    /// For 64-bit x86 under Secure Boot, where there is one: the signed shim. It loads the signed GRUB, which
    /// lies beside it as `grubx64.efi`.
    pub shim_x64: Option<String>,
}

impl Default for LoaderFiles {
    fn default() -> Self {
        Self {
            bios: "undionly.kpxe".to_owned(),
            uefi_x64: "snponly.efi".to_owned(),
            uefi_x64_http: "ipxe.efi".to_owned(),
            uefi_arm64: None,
            shim_x64: None,
        }
    }
}

/// What a client is told about booting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootOffer {
    /// It gets no answer.
    Denied,
    /// It gets an address, and no boot file.
    Nothing,
    /// It loads this file by TFTP.
    Tftp(String),
    /// It loads this URL.
    Http(String),
}

/// Decides which file brings `client` to what was decided for it.
///
/// PC firmware that is to boot its disk gets an address and no boot file: its ROM says "no boot filename" and
/// leaves at once. UEFI repeats its DISCOVER for a minute over such an offer, as over silence (measured with
/// OVMF: 4 + 8 + 16 + 32 s), so it gets iPXE, whose script leaves in 3 s.
///
/// Firmware that is to load what is signed is never offered anything else: it would refuse it, and a person would
/// look for the reason.
pub fn boot_offer(decision: &BootDecision, client: &Client, server: &BootServer) -> BootOffer {
    let signed = decision.loader == Loader::GrubSigned && client.arch.map(ClientArch::firmware) == Some(Firmware::Uefi);
    match (&decision.target, client.program) {
        (BootTarget::Deny, _) => BootOffer::Denied,
        (BootTarget::Ignore, _) | (_, Program::System) => BootOffer::Nothing,
        (BootTarget::LocalDisk | BootTarget::Env(_), Program::Ipxe) => {
            BootOffer::Http(format!("{}/boot/{}/script.ipxe", server.url, client.mac.dashed()))
        }
        (BootTarget::LocalDisk | BootTarget::Env(_), program) if signed => signed_loader(program, client.arch, server),
        (BootTarget::LocalDisk, Program::Pxe) if client.arch == Some(ClientArch::Bios) => BootOffer::Nothing,
        (BootTarget::LocalDisk | BootTarget::Env(_), Program::Pxe) => tftp_loader(client.arch, &server.loaders),
        (BootTarget::LocalDisk | BootTarget::Env(_), Program::HttpBoot) => http_loader(client.arch, server),
    }
}

fn tftp_loader(arch: Option<ClientArch>, loaders: &LoaderFiles) -> BootOffer {
    let file = match arch {
        Some(ClientArch::Bios) => Some(&loaders.bios),
        Some(ClientArch::UefiX64) => Some(&loaders.uefi_x64),
        Some(ClientArch::UefiArm64) => loaders.uefi_arm64.as_ref(),
        None => None,
    };
    file.map_or(BootOffer::Nothing, |file| BootOffer::Tftp(file.clone()))
}

fn http_loader(arch: Option<ClientArch>, server: &BootServer) -> BootOffer {
    let file = match arch {
        Some(ClientArch::UefiX64) => Some(&server.loaders.uefi_x64_http),
        Some(ClientArch::UefiArm64) => server.loaders.uefi_arm64.as_ref(),
        Some(ClientArch::Bios) | None => None,
    };
    file.map_or(BootOffer::Nothing, |file| BootOffer::Http(format!("{}/boot/files/{file}", server.url)))
}

/// The shim, by TFTP only: GRUB 2.06 goes on over the network where PXE left it, and knows nothing of a network
/// that HTTP boot set up (it stops at its prompt).
fn signed_loader(program: Program, arch: Option<ClientArch>, server: &BootServer) -> BootOffer {
    match (program, arch, &server.loaders.shim_x64) {
        (Program::Pxe, Some(ClientArch::UefiX64), Some(shim)) => BootOffer::Tftp(shim.clone()),
        _ => BootOffer::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BootReason;

    fn offer(target: &BootTarget, program: Program, arch: Option<u16>) -> BootOffer {
        offer_by(Loader::Ipxe, Some("shimx64.efi"), target, program, arch)
    }

    fn offer_by(
        loader: Loader,
        shim: Option<&str>,
        target: &BootTarget,
        program: Program,
        arch: Option<u16>,
    ) -> BootOffer {
        let mac = MacAddr([0x52, 0x54, 0, 0xab, 0, 1]);
        let client = Client { mac, program, arch: arch.and_then(ClientArch::from_option) };
        let loaders = LoaderFiles { shim_x64: shim.map(str::to_owned), ..LoaderFiles::default() };
        let server = BootServer { url: "http://10.77.0.1:8080".into(), loaders };
        boot_offer(&BootDecision { target: target.clone(), reason: BootReason::Wanted, loader }, &client, &server)
    }

    fn env() -> BootTarget {
        BootTarget::Env("discovery".parse().unwrap())
    }

    #[test]
    fn each_firmware_gets_its_loader() {
        assert_eq!(offer(&env(), Program::Pxe, Some(0)), BootOffer::Tftp("undionly.kpxe".into()));
        assert_eq!(offer(&env(), Program::Pxe, Some(7)), BootOffer::Tftp("snponly.efi".into()));
        assert_eq!(offer(&env(), Program::Pxe, Some(9)), BootOffer::Tftp("snponly.efi".into()));
        let url = "http://10.77.0.1:8080/boot/files/ipxe.efi";
        assert_eq!(offer(&env(), Program::HttpBoot, Some(0x10)), BootOffer::Http(url.into()));
    }

    #[test]
    fn ipxe_gets_its_script_on_any_processor() {
        let url = BootOffer::Http("http://10.77.0.1:8080/boot/52-54-00-ab-00-01/script.ipxe".into());
        for arch in [None, Some(0), Some(7), Some(0x7777)] {
            assert_eq!(offer(&env(), Program::Ipxe, arch), url);
            assert_eq!(offer(&BootTarget::LocalDisk, Program::Ipxe, arch), url);
        }
    }

    #[test]
    fn nothing_is_offered_that_would_not_run() {
        for arch in [None, Some(6), Some(11), Some(0x7777)] {
            assert_eq!(offer(&env(), Program::Pxe, arch), BootOffer::Nothing, "{arch:?}");
        }
        assert_eq!(offer(&env(), Program::HttpBoot, Some(0x14)), BootOffer::Nothing);
        assert_eq!(offer(&env(), Program::System, Some(0)), BootOffer::Nothing);
    }

    #[test]
    fn firmware_is_led_to_its_disk_the_way_it_leaves_soonest() {
        assert_eq!(offer(&BootTarget::LocalDisk, Program::Pxe, Some(0)), BootOffer::Nothing);
        assert_eq!(offer(&BootTarget::LocalDisk, Program::Pxe, Some(7)), BootOffer::Tftp("snponly.efi".into()));
        assert!(matches!(offer(&BootTarget::LocalDisk, Program::HttpBoot, Some(0x10)), BootOffer::Http(_)));
    }

    #[test]
    fn who_is_ignored_or_denied_is_led_nowhere() {
        for (program, arch) in [(Program::Pxe, 0), (Program::Pxe, 7), (Program::HttpBoot, 0x10)] {
            assert_eq!(offer(&BootTarget::Ignore, program, Some(arch)), BootOffer::Nothing);
            assert_eq!(offer(&BootTarget::Deny, program, Some(arch)), BootOffer::Denied);
        }
    }

    #[test]
    fn machine_that_loads_what_is_signed_is_offered_the_shim_and_nothing_else() {
        let signed = |shim, program, arch| {
            [env(), BootTarget::LocalDisk]
                .map(|target| offer_by(Loader::GrubSigned, shim, &target, program, Some(arch)))
        };
        let shim = BootOffer::Tftp("shimx64.efi".into());
        assert_eq!(signed(Some("shimx64.efi"), Program::Pxe, 7), [shim.clone(), shim]);
        for (shim, program, arch) in [
            (None, Program::Pxe, 7),
            (Some("shimx64.efi"), Program::HttpBoot, 0x10),
            (Some("shimx64.efi"), Program::Pxe, 11),
        ] {
            assert_eq!(signed(shim, program, arch), [BootOffer::Nothing, BootOffer::Nothing], "{program:?} {arch}");
        }
    }

    #[test]
    fn pc_bios_has_no_secure_boot_and_gets_ipxe() {
        let offer = offer_by(Loader::GrubSigned, Some("shimx64.efi"), &env(), Program::Pxe, Some(0));
        assert_eq!(offer, BootOffer::Tftp("undionly.kpxe".into()));
    }
}
