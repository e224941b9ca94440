//! iPXE scripts.
//!
//! A script is lines of words, and iPXE expands `${…}` in each: a value with a newline, a quote or a dollar
//! could become a command. So a value goes in only if it is made of characters that mean nothing to iPXE,
//! and otherwise there is no script (Ironic CVE-2026-46447 was this).
//!
//! The commands are those of Debian's iPXE of 2019. It hands UEFI kernels their initrds by name, so each
//! is both loaded under a name and named on the kernel's command line; for BIOS kernels it joins them.

use crate::boot::BootReason;
use std::fmt::Write;
use types::{MacAddr, Name};

/// What makes up a boot environment.
///
/// A file is the name of a boot file; with `media/` before it, one of a tree of this server; or the address of one
/// elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootEnvFiles {
    /// The environment.
    pub env: Name,
    /// The kernel.
    pub kernel: String,
    /// Initial file systems, in order.
    pub initrds: Vec<String>,
    /// Kernel arguments.
    pub args: Vec<String>,
    /// Whether the agent's configuration goes with it.
    pub agent_config: bool,
}

/// A boot environment cannot be put into a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// A character means something to iPXE or to the kernel.
    #[error("{what} {value:?} has a character that a boot script cannot carry")]
    Character {
        /// What the value is.
        what: &'static str,
        /// The value, cut.
        value: String,
    },
    /// The loader has no way there.
    #[error(
        "{what} {address:?} is out of this loader's reach: it needs plain HTTP at port 80, or a tree of this server"
    )]
    Unreachable {
        /// What the file is.
        what: &'static str,
        /// Where it is.
        address: String,
    },
    /// The kernel would cut its command line.
    #[error("the kernel's arguments are {0} bytes long, more than {MAX_COMMAND_LINE}")]
    Length(usize),
}

/// The kernel's COMMAND_LINE_SIZE on x86 and arm64, less the closing NUL.
pub(crate) const MAX_COMMAND_LINE: usize = 2047;
/// Seconds before a machine that could not load something tries again: a server's restart takes about as long.
pub(crate) const RETRY_SECONDS: u32 = 5;
/// The name under which the agent's configuration is loaded.
pub(crate) const CONFIG_NAME: &str = "agent.cpio";

/// The script that boots an environment, for the machine with `mac`, from `server_url` (no slash at its end).
///
/// A file that cannot be fetched is tried again for ever, with the script: a machine that waits for its
/// server needs nobody to power-cycle it, and it may be told something else meanwhile.
///
/// # Errors
/// When a value cannot be put into a script.
pub fn boot_script(files: &BootEnvFiles, mac: MacAddr, server_url: &str) -> Result<String, ScriptError> {
    check("server URL", server_url)?;
    check("kernel", &files.kernel)?;
    let own = format!("{server_url}/boot/{}", mac.dashed());
    // The configuration comes first: it ends on a 512-byte boundary, and a plain cpio archive is only found
    // at a multiple of four bytes, which the end of a compressed one need not be.
    let mut initrds: Vec<(String, String)> = Vec::new();
    if files.agent_config {
        initrds.push((CONFIG_NAME.to_owned(), format!("{own}/{CONFIG_NAME}")));
    }
    for (number, initrd) in files.initrds.iter().enumerate() {
        check("initrd", initrd)?;
        initrds.push((format!("initrd{number}"), file_url(server_url, initrd)));
    }
    let mut command_line: Vec<String> = initrds.iter().map(|(name, _)| format!("initrd={name}")).collect();
    // As PXELINUX tells it (IPAPPEND 2): which of its cards the machine booted from.
    command_line.push(format!("BOOTIF=01-{}", mac.dashed()));
    for arg in &files.args {
        check_argument(arg)?;
        command_line.push(arg.clone());
    }
    let command_line = command_line.join(" ");
    if command_line.len() > MAX_COMMAND_LINE {
        return Err(ScriptError::Length(command_line.len()));
    }
    let mut script = format!("#!ipxe\necho Slipway: booting {}\n", files.env);
    let mut line = |text: std::fmt::Arguments<'_>| {
        script.write_fmt(text).expect("writing to a String cannot fail");
        script.push('\n');
    };
    line(format_args!("kernel {} {command_line} || goto failed", file_url(server_url, &files.kernel)));
    for (name, url) in &initrds {
        line(format_args!("initrd --name {name} {url} || goto failed"));
    }
    line(format_args!("boot || goto failed"));
    line(format_args!(":failed"));
    line(format_args!("echo Slipway: could not boot {}, trying again in {RETRY_SECONDS} seconds", files.env));
    line(format_args!("imgfree"));
    line(format_args!("sleep {RETRY_SECONDS}"));
    line(format_args!("chain --replace {own}/script.ipxe || goto failed"));
    Ok(script)
}

/// The script for a machine whose environment cannot be booted now: it waits and asks again, since what is on
/// its disk may be half of something.
///
/// # Errors
/// When the server's URL cannot be put into a script.
pub fn wait_script(env: &Name, mac: MacAddr, server_url: &str) -> Result<String, ScriptError> {
    check("server URL", server_url)?;
    let own = format!("{server_url}/boot/{}", mac.dashed());
    Ok(format!(
        "#!ipxe\n:again\necho Slipway: {env} is not available, asking again in {RETRY_SECONDS} seconds\n\
         sleep {RETRY_SECONDS}\nchain --replace {own}/script.ipxe || goto again\n"
    ))
}

/// The script that leads a machine to its own disk.
///
/// PC BIOS does not reliably go on to the next device when a ROM returns, so the disk is started from here.
///
/// UEFI goes on to its next boot option when this one fails (one that succeeds ends in its menu). Often that is
/// the network again, by IPv6 and HTTP, a minute each before the disk's turn comes (OVMF does so). So the loader
/// of a disk whose EFI partition has the volume label `ESP`, as our images have, is started from here.
pub fn no_boot_script(reason: BootReason) -> String {
    format!(
        "#!ipxe\necho Slipway: nothing to boot: {reason}\n\
         iseq ${{platform}} efi && goto efi ||\n\
         sanboot --no-describe --drive 0x80 || exit 1\n\
         :efi\n\
         chain file://ESP/EFI/BOOT/BOOTX64.EFI || exit 1\n"
    )
}

/// Where a file of an environment is fetched by HTTP.
pub fn file_url(server_url: &str, file: &str) -> String {
    if file.contains("://") {
        file.to_owned()
    } else if file.starts_with(TREES) {
        format!("{server_url}/{file}")
    } else {
        format!("{server_url}/boot/files/{file}")
    }
}

/// How the files of this server's trees begin.
const TREES: &str = "media/";

/// Refuses what could be more than an argument to iPXE or GRUB. A semicolon is a part of words to the one, and stands
/// in quotes for the other.
pub(crate) fn check_argument(value: &str) -> Result<(), ScriptError> {
    let replaced = value.replace(';', ",");
    check("kernel argument", &replaced).map_err(|error| match error {
        ScriptError::Character { what, .. } => ScriptError::Character { what, value: value.chars().take(80).collect() },
        other => other,
    })
}

/// Refuses what could be more than a word to iPXE or GRUB.
pub(crate) fn check(what: &'static str, value: &str) -> Result<(), ScriptError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._+~@:/=,%[]".contains(&byte);
    if !value.is_empty() && value.bytes().all(plain) {
        Ok(())
    } else {
        Err(ScriptError::Character { what, value: value.chars().take(80).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SERVER: &str = "http://10.77.0.1:8080";
    const MAC: MacAddr = MacAddr([0x52, 0x54, 0, 0, 0, 1]);

    fn files() -> BootEnvFiles {
        BootEnvFiles {
            env: "discovery".parse().unwrap(),
            kernel: "discovery/vmlinuz".into(),
            initrds: vec!["discovery/initrd.img".into()],
            args: vec!["console=ttyS0,115200".into(), "quiet".into()],
            agent_config: true,
        }
    }

    #[test]
    fn an_environment_is_loaded_with_its_configuration_and_tried_again() {
        let expected = "\
#!ipxe
echo Slipway: booting discovery
kernel http://10.77.0.1:8080/boot/files/discovery/vmlinuz initrd=agent.cpio initrd=initrd0 BOOTIF=01-52-54-00-00-00-01 console=ttyS0,115200 quiet || goto failed
initrd --name agent.cpio http://10.77.0.1:8080/boot/52-54-00-00-00-01/agent.cpio || goto failed
initrd --name initrd0 http://10.77.0.1:8080/boot/files/discovery/initrd.img || goto failed
boot || goto failed
:failed
echo Slipway: could not boot discovery, trying again in 5 seconds
imgfree
sleep 5
chain --replace http://10.77.0.1:8080/boot/52-54-00-00-00-01/script.ipxe || goto failed
";
        assert_eq!(boot_script(&files(), MAC, SERVER).unwrap(), expected);
    }

    #[test]
    fn values_that_mean_something_to_ipxe_make_no_script() {
        for bad in ["", "a b", "a\nshell", "${mac}", "a||b", "a&&b", "\"a\"", "a\\", "#a", "a;b", "a\tb", "é", "a\0"] {
            let wrong = |files: BootEnvFiles| boot_script(&files, MAC, SERVER).is_err();
            assert!(wrong(BootEnvFiles { kernel: bad.into(), ..files() }), "{bad:?}");
            assert!(wrong(BootEnvFiles { initrds: vec![bad.into()], ..files() }), "{bad:?}");
            let refused = wrong(BootEnvFiles { args: vec!["quiet".into(), bad.into()], ..files() });
            assert!(refused || bad == "a;b", "{bad:?}");
            assert!(boot_script(&files(), MAC, bad).is_err(), "{bad:?}");
        }
        let long = BootEnvFiles { args: vec!["x".repeat(100); 21], ..files() };
        assert!(matches!(boot_script(&long, MAC, SERVER), Err(ScriptError::Length(_))));
    }

    #[test]
    fn the_way_to_the_disk_is_each_firmwares_own() {
        let script = no_boot_script(BootReason::Deployed);
        let expected = "\
#!ipxe
echo Slipway: nothing to boot: the machine is deployed
iseq ${platform} efi && goto efi ||
sanboot --no-describe --drive 0x80 || exit 1
:efi
chain file://ESP/EFI/BOOT/BOOTX64.EFI || exit 1
";
        assert_eq!(script, expected);
    }

    proptest! {
        #[test]
        fn a_script_has_its_lines_and_words_whatever_the_values(
            kernel in any::<String>(), args in prop::collection::vec(any::<String>(), 0..4), plain in any::<bool>(),
        ) {
            let safe = |text: String| if plain { text.replace(|c: char| !c.is_ascii_alphanumeric(), "x") } else { text };
            let args: Vec<String> = args.into_iter().map(safe).collect();
            let words = args.len() + 7;
            let files = BootEnvFiles { kernel: safe(kernel), args, ..files() };
            if let Ok(script) = boot_script(&files, MAC, SERVER) {
                prop_assert_eq!(script.lines().count(), 11);
                let kernel_line = script.lines().nth(2).unwrap_or_default();
                prop_assert_eq!(kernel_line.split(' ').count(), words + 1);
                prop_assert!(!script.contains('$'));
            }
        }
    }
}
