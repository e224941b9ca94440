//! GRUB configurations, for firmware that loads only what is signed.
//!
//! GRUB runs [`GRUB_START`], which asks for the machine's own configuration until one of them boots: that one is
//! sourced, not entered, so that asking for days takes no memory. Paths are those of the server that GRUB itself
//! came from; with Debian's GRUB 2.06 that is TFTP (its HTTP knows no ports).
//!
//! Values go in between single quotes, in which nothing means anything to GRUB but the quote itself; what a
//! script of iPXE cannot carry is refused here too, so that an environment boots by either loader or by none.

use crate::boot::BootReason;
use crate::script::{BootEnvFiles, CONFIG_NAME, MAX_COMMAND_LINE, RETRY_SECONDS, ScriptError, check, check_argument};
use std::fmt::Write;
use types::{MacAddr, Name};

/// Where GRUB's network images look for their configuration, as a boot file's name.
pub const GRUB_START_NAME: &str = "grub/grub.cfg";

/// What every GRUB runs. `net_default_mac` is the card that it was loaded over.
pub const GRUB_START: &str = "\
while true; do
  source /$net_default_mac/grub.cfg
  echo 'Slipway: asking again in 5 seconds'
  sleep 5
done
";

/// The configuration that boots an environment, for the machine with `mac`. When something cannot be loaded it
/// ends, and [`GRUB_START`] asks again.
///
/// # Errors
/// When a value cannot be put into a configuration.
pub fn grub_config(files: &BootEnvFiles, mac: MacAddr) -> Result<String, ScriptError> {
    let kernel = path(&files.kernel, "kernel")?;
    let mut initrds = Vec::new();
    // First, as in the script of iPXE: GRUB puts each at a multiple of four bytes too.
    if files.agent_config {
        initrds.push(format!("'/{}/{CONFIG_NAME}'", mac.dashed()));
    }
    for initrd in &files.initrds {
        initrds.push(format!("'{}'", path(initrd, "initrd")?));
    }
    let mut arguments = vec![format!("'BOOTIF=01-{}'", mac.dashed())];
    for argument in &files.args {
        check_argument(argument)?;
        arguments.push(format!("'{argument}'"));
    }
    let arguments = arguments.join(" ");
    if arguments.len() > MAX_COMMAND_LINE {
        return Err(ScriptError::Length(arguments.len()));
    }
    let mut text = format!("echo 'Slipway: booting {}'\nif linux '{kernel}' {arguments}; then\n", files.env);
    if !initrds.is_empty() {
        writeln!(text, "  if initrd {}; then boot; fi", initrds.join(" ")).expect("writing to a String cannot fail");
    } else {
        text.push_str("  boot\n");
    }
    writeln!(text, "fi\necho 'Slipway: could not boot {}'", files.env).expect("writing to a String cannot fail");
    Ok(text)
}

/// Where GRUB finds a file: on this server by TFTP, or by plain HTTP at the port that HTTP has.
fn path(file: &str, what: &'static str) -> Result<String, ScriptError> {
    check(what, file)?;
    let Some((scheme, rest)) = file.split_once("://") else { return Ok(format!("/{file}")) };
    match rest.split_once('/') {
        Some((host, path)) if scheme == "http" && !host.contains([':', ',', '(', ')']) => {
            Ok(format!("(http,{host})/{path}"))
        }
        _ => Err(ScriptError::Unreachable { what, address: file.chars().take(200).collect() }),
    }
}

/// The configuration for a machine whose environment cannot be booted now.
pub fn grub_wait_config(env: &Name) -> String {
    format!("echo 'Slipway: {env} is not available, asking again in {RETRY_SECONDS} seconds'\n")
}

/// The configuration that leads a machine to its own disk: the loader of an EFI partition with the volume label
/// `ESP`, or of any that has one, or whatever the firmware tries next. The loader is told that it came from `root`,
/// wherever it is loaded from, and a shim looks there for what it loads next.
pub fn grub_local_config(reason: BootReason) -> String {
    format!(
        "echo 'Slipway: nothing to boot: {reason}'\n\
         if search --no-floppy --set=root --label ESP; then true\n\
         elif search --no-floppy --set=root --file /EFI/BOOT/BOOTX64.EFI; then true\n\
         else exit; fi\n\
         if chainloader /EFI/BOOT/BOOTX64.EFI; then boot; fi\n\
         exit\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAC: MacAddr = MacAddr([0x52, 0x54, 0, 0, 0, 1]);

    fn files() -> BootEnvFiles {
        BootEnvFiles {
            env: "discovery".parse().unwrap(),
            kernel: "vmlinuz".into(),
            initrds: vec!["initrd.zst".into()],
            args: vec!["console=ttyS0,115200".into(), "quiet".into()],
            agent_config: true,
        }
    }

    #[test]
    fn an_environment_is_loaded_with_its_configuration() {
        let expected = "\
echo 'Slipway: booting discovery'
if linux '/vmlinuz' 'BOOTIF=01-52-54-00-00-00-01' 'console=ttyS0,115200' 'quiet'; then
  if initrd '/52-54-00-00-00-01/agent.cpio' '/initrd.zst'; then boot; fi
fi
echo 'Slipway: could not boot discovery'
";
        assert_eq!(grub_config(&files(), MAC).unwrap(), expected);
    }

    #[test]
    fn values_that_mean_something_to_a_loader_make_no_configuration() {
        for bad in ["", "a b", "a\nreboot", "${mac}", "a'b", "a;b", "a|b", "\"a\"", "a\\", "#a", "{a}", "é", "a\0"] {
            let wrong = |files: BootEnvFiles| grub_config(&files, MAC).is_err();
            assert!(wrong(BootEnvFiles { kernel: bad.into(), ..files() }), "{bad:?}");
            assert!(wrong(BootEnvFiles { initrds: vec![bad.into()], ..files() }), "{bad:?}");
            // In quotes a semicolon ends no command, and cloud-init's `ds=nocloud;s=…` needs one.
            assert!(wrong(BootEnvFiles { args: vec![bad.into()], ..files() }) || bad == "a;b", "{bad:?}");
        }
        let long = BootEnvFiles { args: vec!["x".repeat(100); 21], ..files() };
        assert!(matches!(grub_config(&long, MAC), Err(ScriptError::Length(_))));
    }

    #[test]
    fn reasons_carry_no_quote() {
        for reason in [BootReason::Deployed, BootReason::NothingWanted, BootReason::UnknownIgnored] {
            assert_eq!(grub_local_config(reason).lines().next().unwrap().matches('\'').count(), 2);
        }
    }

    proptest! {
        #[test]
        fn a_configuration_has_its_lines_and_quotes_whatever_the_values(
            kernel in any::<String>(), args in prop::collection::vec("[ -~]{0,12}", 0..4),
        ) {
            let words = args.len();
            let files = BootEnvFiles { kernel, args, ..files() };
            if let Ok(text) = grub_config(&files, MAC) {
                prop_assert_eq!(text.lines().count(), 5);
                let line = text.lines().nth(1).unwrap_or_default();
                prop_assert_eq!(line.matches('\'').count(), 2 * (words + 2));
            }
        }
    }
}
